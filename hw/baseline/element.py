"""What the units of all formats have in common: ports, fields of a block, the way to an accumulator."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.block_accumulator import Accumulator, BlockAccumulator
from hw.baseline.formats import NumberFormat
from hw.config import FPGA_DATAPATHS, CoreConfig
from hw.emit import place
from hw.names import named

__all__ = ["SCALE_WIDTH", "FormatElement", "block_fields", "exact_accumulator"]

SCALE_WIDTH = 9


class _Sum:
    """Datapath of an accumulator of plain integers; wraps around."""

    boundaries = ((), ("convert",))

    def __init__(self, width: int, sum_width: int) -> None:
        self.input_shape = data.StructLayout({"sum": signed(sum_width)})
        self.state_shape, self.start = data.StructLayout({"sum": signed(width)}), {"sum": 0}

    def connect(self, m: Module, stage: Callable[[str, Any], Any], i: Any, state: Callable[[], Any]) -> Any:
        record = Signal(self.input_shape, name="block")
        m.d.comb += record.eq(i)
        total = Signal(self.state_shape, name="total")
        m.d.comb += total.sum.eq(stage("convert", record).sum + state().sum)
        return total


def block_fields(form: NumberFormat) -> dict[str, Any]:
    """What goes with each block of a format, by name; of formats without scales nothing."""
    if not form.block_size:
        return {}
    factor = {"factor": form.scale_significand} if form.scale_significand > 1 else {}
    return {"scale": signed(SCALE_WIDTH), "nan": 1, **factor}


def exact_accumulator(form: NumberFormat, sum_width: int, config: CoreConfig) -> Accumulator:
    """For block sums of ``sum_width`` bits: integers of 32 bits, or ours of the sums times their scales."""
    if not form.block_size:
        name = f"integer_accumulator_s{sum_width}"
        return Accumulator(_Sum(32, sum_width), name, config.interleave, config.accumulator_cycles)
    growth = 2 * form.scale_significand if form.scale_significand > 1 else 0
    return BlockAccumulator(form.accumulator, sum_width + growth, SCALE_WIDTH, config.interleave, config.accumulator_cycles)


class FormatElement(Component):
    """What the units of all formats share: operands, a registered sum, an accumulator."""

    sums = False
    join_cycles = 0
    """Cycles from the block sum, in which the fields of the block are here, to the accumulator's ``i``."""
    prepare_a: Callable[[], Component] | None = None
    prepare_b: Callable[[], Component] | None = None

    def __init__(
        self, config: CoreConfig, form: NumberFormat, shape: Any, accumulator: Any, fields: Any = None, shape_b: Any = None
    ) -> None:
        self.config, self.accumulator = config, accumulator
        self.module_name = named(
            f"element_{form.name.partition('/')[0].replace('-', '_')}", accumulator.module_name, n=config.block_size,
            d=config.dot, t=config.tree_cycles, body=config.datapath if config.datapath in FPGA_DATAPATHS else None,
        )  # fmt: skip
        self.operand, self.operand_b = (
            data.StructLayout({"mantissas": data.ArrayLayout(of, config.dot), **(fields or {})}) for of in (shape, shape_b or shape)
        )  # fmt: skip
        super().__init__({
            "a": In(self.prepare_a().o.shape() if self.prepare_a else self.operand["mantissas"].shape),
            "b": In(self.prepare_b().o.shape() if self.prepare_b else self.operand_b["mantissas"].shape),
            **{f"{field}_{side}": In(of) for field, of in (fields or {}).items() for side in "ab"},
            **({"sum_control": In(data.StructLayout({"clear": 1, "shift": 1}))} if self.sums else {}),
            "read": In(accumulator.read.shape()),
            "write": In(accumulator.write.shape()),
            "value": Out(accumulator.result_width),
        })  # fmt: skip

    @property
    def sum_cycles(self) -> int:
        """Cycles from ``a`` and ``b`` to ``sum_control``; the block sum is registered in that cycle."""
        return self.config.tree_cycles

    @property
    def ranks(self) -> int:
        """As of ``ProcessingElement``."""
        return int(self.sum_cycles + 1 + self.join_cycles + self.accumulator.write_cycle)

    def finish(self, m: Module, platform: object) -> Any:
        """Place the accumulator and connect all but its input."""
        accumulator = place(m, platform, "accumulator", self.accumulator)
        m.d.comb += [
            accumulator.read.eq(self.read), accumulator.write.eq(self.write), self.value.eq(accumulator.value),
        ]  # fmt: skip
        return accumulator

    def register(self, m: Module, value: Value, shape: Any) -> Any:
        """``value`` one cycle later."""
        register = Signal(shape, name="block_sum", reset_less=True)
        m.d.sync += register.eq(value)
        return register

    def accumulate(self, m: Module, accumulator: Any, total: Any) -> None:
        """Give the accumulator a block's sum, with its scale if any, whose significands multiply the sum.

        With ``join_cycles`` there is a register in between.
        """
        if "factor" in self.operand.members:
            factor = Signal(2 * self.operand["factor"].width)
            m.d.comb += factor.eq(self.factor_a * self.factor_b)
            total = total * factor
        term, domain = accumulator.i, m.d.comb
        if self.join_cycles:
            term, domain = Signal(accumulator.i.shape(), name="term", reset_less=True), m.d.sync
            m.d.comb += accumulator.i.eq(term)
        domain += term.sum.eq(total)
        if "scale" in self.operand.members:
            domain += [term.scale.eq(self.scale_a + self.scale_b), term.nan.eq(self.nan_a | self.nan_b)]
