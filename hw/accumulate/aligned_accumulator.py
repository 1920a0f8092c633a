"""The accumulator "aligned": a fixed window of bits with a running exponent, rounded once, at the end."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data

from hw.accumulate.float_format import FP32, block_layout
from hw.accumulate.float_round import canonical, round_and_pack
from hw.accumulate.float_shift import normalise

__all__ = ["WINDOW", "AlignedAccumulator"]

WINDOW = 32


class AlignedAccumulator:
    """Datapath of an accumulator whose state (``acc``, ``exponent``) stands for ``acc * 2**(exponent - guard)``.

    Each addition: ``need`` is 1 if the two top bits of ``acc`` differ; the new exponent is
    ``max(exponent + need, scale)``; both terms are shifted right to it, rounding down, and added. Only one of them moves
    by more than one place, so there is one shifter, and whichever moves goes through it. No overflow: after
    the shift ``acc`` is in ``-2**(W-2) … 2**(W-2) - 1``, because it was there already or was halved, and so is the
    sum's term, whose ``sum_width + guard = W - 1`` bits are signed; two such numbers add to a signed number of W bits.
    The exponent exceeds the largest scale by less than the log2 of the number of additions, for which
    ``scale_width + 1`` bits leave room with every block format (at least ``2**27`` additions).

    Parameters
    ----------
    sum_width
        bits of a block sum; ``guard = W - 1 - sum_width`` bits below its unit are kept.
    scale_width
        bits of one block's scale.
    """

    boundaries = (
        (),
        ("convert",),
        ("convert", "align"),
        ("convert", "compare", "align"),
        ("convert", "compare", "align", "add"),
    )

    def __init__(self, sum_width: int, scale_width: int, window: int = WINDOW) -> None:
        self.window = max(window, sum_width + 1)
        self.guard = self.window - 1 - sum_width
        self.input_shape = block_layout(sum_width, scale_width)
        self.scale_shape = signed(scale_width + 1)
        self.state_shape = data.StructLayout({"acc": signed(self.window), "exponent": self.scale_shape, "nan": 1})
        self.start = {"acc": 0, "exponent": -(2**scale_width), "nan": 0}

    def connect(self, m: Module, stage: Callable[[str, Any], Any], i: Any, state: Callable[[], Any]) -> Any:
        """Datapath as of ``FloatAccumulator.connect``."""
        block = Signal(i.shape(), name="block")
        m.d.comb += block.eq(i)
        block = stage("convert", block)
        old = state()
        distance = signed(len(old.exponent) + 1)
        term = Cat(Const(0, self.guard), block.sum).as_signed()
        compared = Signal(
            data.StructLayout({
                "kept": signed(self.window), "moved": signed(self.window), "amount": len(old.exponent),
                "exponent": self.scale_shape, "nan": 1,
            }),
            name="compared",
        )  # fmt: skip
        grown, difference = Signal(distance, name="grown"), Signal(distance, name="difference")
        need = old.acc[-1] ^ old.acc[-2]
        ahead = difference < 0
        m.d.comb += [
            grown.eq(old.exponent + need),
            difference.eq(block.scale - grown),
            compared.exponent.eq(Mux(ahead, grown, block.scale)),
            compared.amount.eq(Mux(ahead, -difference, block.scale - old.exponent)),
            compared.kept.eq(Mux(ahead, Mux(need, old.acc >> 1, old.acc), term)),
            compared.moved.eq(Mux(ahead, term, old.acc)),
            compared.nan.eq(block.nan | old.nan),
        ]
        compared = stage("compare", compared)
        shifted = Signal(
            data.StructLayout({
                "kept": signed(self.window), "moved": signed(self.window), "exponent": self.scale_shape, "nan": 1,
            }),
            name="shifted",
        )  # fmt: skip
        m.d.comb += [
            shifted.kept.eq(compared.kept),
            shifted.moved.eq(_shift(m, compared.moved, compared.amount, "moved")),
            shifted.exponent.eq(compared.exponent),
            shifted.nan.eq(compared.nan),
        ]
        shifted = stage("align", shifted)
        value = Signal(self.state_shape, name="sum_state")
        m.d.comb += [
            value.acc.eq(shifted.kept + shifted.moved),
            value.exponent.eq(shifted.exponent),
            value.nan.eq(shifted.nan),
        ]
        return stage("add", value)

    def to_fp32(self, m: Module, value: Value) -> Any:
        """The value rounded to FP32, once."""
        state = self.state_shape(value)
        magnitude = Signal(self.window, name="magnitude")
        exponent = Signal(signed(max(len(state.exponent), FP32.exponent_width + 1) + 1), name="exponent")
        m.d.comb += magnitude.eq(Mux(state.acc[-1], -state.acc, state.acc))
        significand, count = normalise(m, magnitude, "normalise")
        m.d.comb += exponent.eq(state.exponent + (FP32.bias + self.window - 1 - self.guard) - count)
        field, fraction = round_and_pack(m, FP32, significand, exponent, "result", infinite=state.nan)
        word = Signal(FP32.layout, name="word")
        m.d.comb += [
            word.fraction.eq(Cat(fraction[:-1], fraction[-1] | state.nan)),
            word.exponent.eq(field),
            word.sign.eq(state.acc[-1] & ~state.nan),
        ]
        return canonical(FP32, word)


def _shift(m: Module, value: Value, amount: Any, name: str) -> Any:
    """``value >> amount`` of a signed value, for every amount."""
    width = len(value)
    stages = (width - 1).bit_length()
    for bit in range(min(stages, len(amount))):
        following = Signal(signed(width), name=f"{name}_shift_{1 << bit}")
        m.d.comb += following.eq(Mux(amount[bit], value >> (1 << bit), value))
        value = following
    if len(amount) > stages:
        value = Mux(amount[stages:].any(), value[-1].replicate(width).as_signed(), value)
    return value
