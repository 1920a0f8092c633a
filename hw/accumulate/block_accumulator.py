"""The unit's accumulator: one addition per block, to one of several outputs held here."""

from typing import Any

from amaranth.hdl import Array, Module, Shape, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.aligned_accumulator import AlignedAccumulator
from hw.accumulate.float_accumulator import FORMATS, FloatAccumulator
from hw.enable import enable_port, enables_of, load
from hw.names import named

__all__ = ["Accumulator", "BlockAccumulator", "ResultConverter", "accumulator_datapath"]


KINDS = ("fp32", "bf16", "aligned")


def accumulator_datapath(kind: str, sum_width: int, scale_width: int, fraction_width: int = 0) -> Any:
    """The datapath of an accumulator of this kind; only a float's sums may have bits below the scale's unit."""
    if kind not in KINDS:
        raise ValueError(f"accumulator must be one of {', '.join(KINDS)}, not {kind}")
    if kind == "aligned":
        return AlignedAccumulator(sum_width, scale_width)
    return FloatAccumulator(FORMATS[kind], sum_width, scale_width, fraction_width)


class Accumulator(Component):
    """Outputs that additions of one kind go to: what is common to every accumulator.

    Parameters
    ----------
    datapath
        has ``input_shape``, ``state_shape``, ``start`` (fields of a new output; the others may be anything),
        ``boundaries`` (by number of cycles, the stages that end in registers) and ``connect``.
    interleave, cycles, gated
        as of ``BlockAccumulator``.
    """

    def __init__(self, datapath: Any, name: str, interleave: int, cycles: int, gated: bool = False) -> None:
        if not 1 <= cycles <= len(datapath.boundaries):
            raise ValueError(f"accumulator_cycles must be between 1 and {len(datapath.boundaries)}, not {cycles}")
        self.datapath, self.interleave, self.cycles = datapath, interleave, cycles
        self.result_width = Shape.cast(datapath.state_shape).width
        self.module_name = named(name, l=interleave, c=cycles, gated=gated and cycles > 1)
        super().__init__({
            "i": In(datapath.input_shape),
            "read": In(data.StructLayout({"slot": range(interleave), "first": 1})),
            "write": In(data.StructLayout({"slot": range(interleave), "enable": 1})),
            "value": Out(self.result_width),
            **enable_port(gated, cycles - 1),
        })  # fmt: skip

    @property
    def read_cycle(self) -> int:
        """Cycles from ``i`` to ``read``."""
        registered = self.datapath.boundaries[self.cycles - 1]
        return registered.index("convert") + 1 if "convert" in registered else 0

    @property
    def write_cycle(self) -> int:
        """Cycles from ``i`` to ``write`` and ``value``."""
        return self.cycles - 1

    @property
    def loop_cycles(self) -> int:
        """Least distance of two additions to one slot."""
        return self.write_cycle - self.read_cycle + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, registered = self.datapath.state_shape, self.datapath.boundaries[self.cycles - 1]
        enables = dict(zip(registered, enables_of(self, len(registered)), strict=True))
        outputs = Array(Signal(shape, name=f"output_{slot}", reset_less=True) for slot in range(self.interleave))

        def stage(name: str, record: Any) -> Any:
            if name not in registered:
                return record
            register = Signal(record.shape(), name=f"after_{name}", reset_less=True)
            load(m, register, record, enables[name])
            return register

        def state() -> Any:
            kept = Signal(shape, name="state")
            m.d.comb += Value.cast(kept).eq(Value.cast(outputs[self.read.slot]))
            with m.If(self.read.first):
                m.d.comb += [kept[field].eq(value) for field, value in self.datapath.start.items()]
            return kept

        m.d.comb += self.value.eq(self.datapath.connect(m, stage, self.i, state))
        with m.If(self.write.enable):
            m.d.sync += Value.cast(outputs[self.write.slot]).eq(self.value)
        return m


class BlockAccumulator(Accumulator):
    """``C[slot] <- C[slot] + sum * 2**(scale - fraction_width)``, with ``interleave`` outputs ``C``.

    ``i`` is sampled in cycle 0, ``read`` (the slot, and ``first`` to start from zero instead of it) in cycle
    ``read_cycle``, ``write`` (the slot, if ``enable``) in cycle ``write_cycle``; the three belong to one addition.
    Throughput is one addition per cycle; two additions to one slot are at least ``loop_cycles`` apart.

    Parameters
    ----------
    kind
        "fp32", "bf16" or "aligned".
    sum_width
        bits of a block sum, signed, which is never the most negative code.
    scale_width
        bits of one block's scale; the sum of two has one more.
    interleave
        outputs.
    cycles
        register stages, the state's included: 1 … 12, for "aligned" 1 … 5.
    fraction_width
        bits of the sum below the scale's unit; 0 for "aligned".
    gated
        whether registers load only where their bit of ``enable`` is set: ``cycles - 1``, for an addition in cycle 0, 1, ….

    Attributes
    ----------
    i
        block sum, log2 of its unit, and whether a block is NaN.
    read, write
        see above.
    value
        what is being written, in cycle ``write_cycle``; ``result_width`` bits that ``ResultConverter`` understands.
    """

    def __init__(
        self, kind: str, sum_width: int, scale_width: int, interleave: int = 1, cycles: int = 1, fraction_width: int = 0,
        gated: bool = False,
    ) -> None:  # fmt: skip
        self.kind = kind
        name = named("block_accumulator", kind=kind, s=sum_width, e=scale_width, f=fraction_width)
        datapath = accumulator_datapath(kind, sum_width, scale_width, fraction_width)
        super().__init__(datapath, name, interleave, cycles, gated)


class ResultConverter(Component):
    """An accumulator's ``value`` as FP32, at the edge of the array.

    For "fp32" and "bf16" the fractions of zeros and infinities are cleared, for "aligned" it is one rounding. Combinational.

    Attributes
    ----------
    i
        of ``BlockAccumulator``'s ``value``.
    o
        FP32 word.
    """

    def __init__(self, kind: str, sum_width: int, scale_width: int) -> None:
        self.kind, self.datapath = kind, accumulator_datapath(kind, sum_width, scale_width)
        self.module_name = named("result_converter", kind=kind, s=sum_width, e=scale_width)
        super().__init__({"i": In(Shape.cast(self.datapath.state_shape).width), "o": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.o.eq(self.datapath.to_fp32(m, self.i))
        return m
