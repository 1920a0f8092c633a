"""The accumulators "fp32" and "bf16": a block's sum becomes a float and is added to the output, rounding each time."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data

from hw.accumulate.float_add import add_aligned, align, normalise_sum, round_sum
from hw.accumulate.float_convert import convert_integer
from hw.accumulate.float_format import BF16, FP32, FloatFormat, block_layout
from hw.accumulate.float_round import canonical

__all__ = ["FORMATS", "FloatAccumulator"]

FORMATS = {"fp32": FP32, "bf16": BF16}


class FloatAccumulator:
    """Datapath of a floating-point accumulator: ``state + sum * 2**(scale - fraction_width)`` as docs/numerics.md defines it.

    Each of the two steps, conversion and addition, rounds to nearest even.

    Parameters
    ----------
    form
        the accumulator's format.
    sum_width, scale_width
        bits of a block sum and of one block's scale.
    fraction_width
        bits of the sum below the scale's unit.
    """

    boundaries = (
        (),
        ("convert",),
        ("convert", "add"),
        ("convert", "align", "add"),
        ("convert", "align", "add", "normalise"),
        ("split", "convert", "align", "add", "normalise"),
        ("split", "convert", "compare", "align", "add", "normalise"),
        ("split", "convert", "compare", "align", "add", "coarse", "normalise"),
        ("magnitude", "split", "convert", "compare", "align", "add", "coarse", "normalise"),
        ("magnitude", "split", "convert", "select", "compare", "align", "add", "coarse", "normalise"),
        ("magnitude", "split", "found", "convert", "select", "compare", "align", "add", "coarse", "normalise"),
        ("magnitude", "split", "found", "convert", "select", "compare", "align", "add", "locate", "coarse", "normalise"),
    )  # fmt: skip

    def __init__(self, form: FloatFormat, sum_width: int, scale_width: int, fraction_width: int = 0) -> None:
        self.form, self.fraction_width = form, fraction_width
        self.input_shape = block_layout(sum_width, scale_width)
        self.state_shape = form.layout
        self.start = {"exponent": 0, "sign": 0}

    def connect(self, m: Module, stage: Callable[[str, Any], Any], i: Any, state: Callable[[], Any]) -> Any:
        """Datapath from the block ``i`` and the output's ``state`` to its new value.

        ``stage(name, record)`` is called at each boundary and returns the record, registered or not. ``state`` is
        called after the boundary "convert".
        """
        term = stage("convert", convert_integer(m, self.form, i.sum, i.scale, i.nan, stage, self.fraction_width))
        operands = Signal(data.StructLayout({"state": self.state_shape, "term": term.shape()}), name="operands")
        m.d.comb += [operands.state.eq(state()), operands.term.eq(term)]
        operands = stage("select", operands)
        aligned = stage("align", align(m, self.form, operands.state, operands.term, stage))
        added = stage("add", add_aligned(m, self.form, aligned))
        normal = stage("normalise", normalise_sum(m, self.form, added, stage))
        return round_sum(m, self.form, normal)

    def to_fp32(self, m: Module, value: Value) -> Any:
        """The value as an FP32 word."""
        return Cat(Const(0, FP32.width - self.form.width), canonical(self.form, self.form.layout(value)))
