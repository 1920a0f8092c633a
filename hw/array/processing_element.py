"""The unit: a block dot product, its integer sum, one floating-point accumulation per block."""

from collections.abc import Callable
from functools import partial
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.block_accumulator import BlockAccumulator
from hw.accumulate.block_joiner import BlockJoiner, feed_block
from hw.config import FPGA_DATAPATHS, CoreConfig
from hw.dot.dot_product import DotProduct
from hw.dot.paired_dot_product import PairedDotProduct, PairSelects, PairSums
from hw.emit import place
from hw.enable import connect_enables, enable_port, enables_of, load
from hw.names import named
from hw.types import block_slice

__all__ = ["ProcessingElement"]

PAIRED_WIDTH = 6  # mantissas from which on pairs make the smaller dot product, in NanGate 45


class ProcessingElement(Component):
    """Multiplies slices of blocks and keeps ``interleave`` outputs.

    Wide mantissas in a tile of several rows and columns are multiplied by pairs (``PairedDotProduct``), which the tile
    prepares once for all units of a row or column: then ``prepare_a`` and ``prepare_b`` make what ``a`` and ``b`` take.

    An accumulator such as "fp32x2" makes it take several blocks at once, each with a sum of its own; ``BlockJoiner`` makes
    one of them.

    The unit has no control of its own: the tile delays each control to the cycle in which the unit samples it.
    Latency from ``a``, ``b`` to ``sum_control`` is ``config.tree_cycles``; to ``scale_*`` and ``nan`` one more; from there
    to ``value`` ``config.join_cycles + config.accumulator_cycles - 1``. Throughput is one step per cycle.

    Attributes
    ----------
    a, b
        ``dot`` sign-magnitude mantissas each, or pairs made of them; blocks that are joined one behind the other.
    sum_control
        ``clear`` and ``shift`` as in ``control_layout``; only where a block takes several steps or passes.
    scale_a, scale_b, nan_a, nan_b
        log2 of the blocks' intervals (of blocks that are joined an array) and their NaN flags.
    read, write
        of ``BlockAccumulator``.
    enable
        only with ``config.clock_gating``: for each of ``ranks`` whether what is there goes on; up to the block sum a step,
        behind it a block.
    value
        the accumulator's new value, with ``write``.
    """

    prepare_a: Callable[[], Component] | None = None
    prepare_b: Callable[[], Component] | None = None

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.sums = config.steps > 1 or config.mixed
        self.operand = self.operand_b = block_slice(config.multiplier_width, config.dot, config.scale_width, config.group)
        operand = self.operand["mantissas"].shape
        if self.paired:
            self.prepare_a, self.prepare_b = (
                partial(part, config.multiplier_width, config.dot, magnitudes=True) for part in (PairSums, PairSelects)
            )
        self.accumulator = BlockAccumulator(
            config.accumulator_kind, config.joined_sum_width, config.scale_width, config.interleave,
            config.accumulator_cycles, config.joined_fraction_width, config.clock_gating,
        )  # fmt: skip
        members = {
            "a": In(self.prepare_a().o.shape() if self.prepare_a else operand),
            "b": In(self.prepare_b().o.shape() if self.prepare_b else operand),
            "scale_a": In(self.operand["scale"].shape),
            "scale_b": In(self.operand["scale"].shape),
            "nan_a": In(1),
            "nan_b": In(1),
            "read": In(self.accumulator.read.shape()),
            "write": In(self.accumulator.write.shape()),
            "value": Out(self.accumulator.result_width),
            **enable_port(config.clock_gating, self.ranks),
        }
        if self.sums:
            members["sum_control"] = In(data.StructLayout({"clear": 1, "shift": 1}))
        super().__init__(members)

    @property
    def paired(self) -> bool:
        """Whether the products are made by pairs."""
        c = self.config
        return (c.datapath == "structural" and c.multiplier_width >= PAIRED_WIDTH and c.dot // c.group % 2 == 0
                and min(c.tile_rows, c.tile_columns) > 1)  # fmt: skip

    @property
    def joined(self) -> bool:
        """Whether the block sum so far is added with the products and not behind them."""
        c = self.config
        return self.sums and (
            c.datapath in FPGA_DATAPATHS or (c.datapath == "structural" and not self.paired and not c.tree_cycles)
        )

    @property
    def sum_cycles(self) -> int:
        """Cycles from ``a`` and ``b`` to ``sum_control``; the block sum is registered in that cycle."""
        return self.config.tree_cycles

    @property
    def join_cycles(self) -> int:
        """Cycles from the block sums to the accumulator's ``i``."""
        return self.config.join_cycles

    @property
    def ranks(self) -> int:
        """Of registers between ``a`` and ``b`` and the outputs: in the sum, the block sum, in joiner and accumulator."""
        return self.sum_cycles + 1 + self.join_cycles + self.accumulator.write_cycle

    @property
    def module_name(self) -> str:
        c = self.config
        return named(
            "processing_element", m=c.multiplier_width, x=c.mantissa_widths[-1] if c.mixed else None, n=c.block_size,
            d=c.dot, e=c.exponent_width, sum=c.accumulator, l=c.interleave, c=c.accumulator_cycles, t=c.tree_cycles,
            body=c.datapath, paired=self.paired, gated=c.clock_gating,
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        enables = enables_of(self, self.ranks)
        in_sum, block_sum, behind = enables[: self.sum_cycles], enables[self.sum_cycles], enables[self.sum_cycles + 1 :]
        names = [f"_{k}" for k in range(c.group)] if c.group > 1 else [""]
        products = [self._product(m, platform, k, name, in_sum) for k, name in enumerate(names)]
        accumulator = place(m, platform, "accumulator", self.accumulator)
        connect_enables(m, accumulator, behind[self.join_cycles :])
        sums = [self._block_sum(m, *one, block_sum) for one in zip(products, names, strict=True)]
        total = accumulator.i
        if c.group == 1:
            m.d.comb += [
                total.sum.eq(sums[0]), total.scale.eq(self.scale_a + self.scale_b), total.nan.eq(self.nan_a | self.nan_b),
            ]  # fmt: skip
        else:
            joiner = place(
                m, platform, "joiner",
                BlockJoiner(c.group, c.block_sum_width, c.scale_width + 1, c.join_cycles, c.clock_gating),
            )  # fmt: skip
            connect_enables(m, joiner, behind[: self.join_cycles])
            joiner.connect(m, self, sums, total)
        m.d.comb += [
            accumulator.read.eq(self.read),
            accumulator.write.eq(self.write),
            self.value.eq(accumulator.value),
        ]
        return m

    def _product(self, m: Module, platform: object, block: int, name: str, enables: list[Value | None]) -> Any:
        """The dot product of a step's block number ``block``."""
        c = self.config
        elements = c.dot // c.group
        if self.paired:
            body = PairedDotProduct(c.multiplier_width, elements, c.tree_cycles, symmetric=True, gated=c.clock_gating)
        else:
            body = DotProduct(
                c.multiplier_width, elements, c.datapath, c.tree_cycles, c.block_sum_width if self.joined else 0,
                c.clock_gating,
            )  # fmt: skip
        product = place(m, platform, f"dot_product{name}", body)
        connect_enables(m, product, enables)
        feed_block(m, self, product, block)
        return product

    def _block_sum(self, m: Module, product: Any, name: str, enable: Value | None) -> Signal:
        """The register with a block's sum."""
        c = self.config
        block_sum = Signal(signed(c.block_sum_width), name=f"block_sum{name}", reset_less=True)
        if not self.sums:
            load(m, block_sum, product.sum, enable)
            return block_sum
        kept = Signal.like(block_sum, name=f"kept{name}")
        shifted = block_sum << c.slice_width
        m.d.comb += kept.eq(Mux(self.sum_control.shift, shifted, block_sum) if c.mixed else block_sum)
        earlier = Mux(self.sum_control.clear, 0, kept)
        if self.joined:
            m.d.comb += product.addend.eq(earlier)
        load(m, block_sum, product.sum if self.joined else product.sum + earlier, enable)
        return block_sum
