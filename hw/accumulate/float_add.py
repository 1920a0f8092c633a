"""Floating-point addition, as the stages align, add, normalise, round."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data

from hw.accumulate.float_format import FloatFormat
from hw.accumulate.float_round import round_and_pack
from hw.accumulate.float_shift import leading_zeros, normalise_partly, normalising_bits, shift_left, shift_right_sticky

__all__ = ["add_aligned", "align", "normalise_sum", "round_sum"]

GUARD = 3  # guard, round and sticky bits: enough for a subtraction that loses one leading bit


def _together(name: str, record: Any) -> Any:
    """No registers at the boundaries inside a stage."""
    return record


def align(
    m: Module, form: FloatFormat, state: data.View, term: data.View, stage: Callable[[str, Any], Any] = _together
) -> data.View:
    """Order a word and a term (``term_layout``) by magnitude and shift the smaller one to the larger one's exponent.

    The fraction of a word with exponent 0 may be anything: its significand's top bit is 0, and it counts as zero.
    ``stage`` is called at the boundary "compare", in front of the shift.
    """
    p = form.significand_width
    fraction = Cat(Const(0, form.fraction_width - len(term.fraction)), term.fraction)
    state_magnitude, term_magnitude = Cat(state.fraction, state.exponent), Cat(fraction, term.exponent)
    state_significand = Cat(state.fraction, state.exponent.any())
    term_significand = Cat(fraction, term.exponent.any())
    state_special, term_special = state.exponent.all(), term.exponent.all()
    swap, difference = Signal(name="align_swap"), Signal(signed(form.exponent_width + 1), name="align_difference")
    rest = {"exponent": form.exponent_width, "sign": 1, "subtract": 1, "infinite": 1, "nan": 1}
    ordered = Signal(
        data.StructLayout({"large": p, "small": p, "amount": form.exponent_width} | rest), name="align_ordered"
    )
    m.d.comb += [
        swap.eq(term_magnitude > state_magnitude),
        difference.eq(state.exponent - term.exponent),
        ordered.amount.eq(Mux(difference[-1], -difference, difference)),
        ordered.large.eq(Mux(swap, term_significand, state_significand)),
        ordered.small.eq(Mux(swap, state_significand, term_significand)),
        ordered.exponent.eq(Mux(swap, term.exponent, state.exponent)),
        ordered.sign.eq(Mux(swap, term.sign, state.sign)),
        ordered.subtract.eq(state.sign ^ term.sign),
        ordered.infinite.eq(state_special | term_special),
        ordered.nan.eq(term.nan | (state_special & (state.fraction[-1] | (term_special & (state.sign ^ term.sign))))),
    ]
    ordered = stage("compare", ordered)
    aligned = Signal(data.StructLayout({"large": p, "small": p + GUARD} | rest), name="aligned")
    m.d.comb += [
        aligned.large.eq(ordered.large),
        aligned.small.eq(shift_right_sticky(m, Cat(Const(0, GUARD), ordered.small), ordered.amount, "align_shift")),
        *(aligned[name].eq(ordered[name]) for name in rest),
    ]
    return aligned


def add_aligned(m: Module, form: FloatFormat, aligned: data.View) -> data.View:
    """Sum or difference of aligned significands: never negative, one bit wider."""
    p = form.significand_width
    added = Signal(
        data.StructLayout({
            "total": p + GUARD + 1, "exponent": form.exponent_width,
            "sign": 1, "subtract": 1, "infinite": 1, "nan": 1,
        }),
        name="added",
    )  # fmt: skip
    large, inverse = Cat(Const(0, GUARD), aligned.large), aligned.subtract.replicate(p + GUARD + 1)
    m.d.comb += [
        added.total.eq(large + (Cat(aligned.small, Const(0, 1)) ^ inverse) + aligned.subtract),
        added.exponent.eq(aligned.exponent),
        added.sign.eq(aligned.sign & ~(aligned.subtract & ~aligned.large[-1])),  # +0 - +0, whatever the fractions
        added.subtract.eq(aligned.subtract),
        added.infinite.eq(aligned.infinite),
        added.nan.eq(aligned.nan),
    ]
    return added


def normalise_sum(m: Module, form: FloatFormat, added: data.View, stage: Callable[[str, Any], Any] = _together) -> data.View:
    """Shift the leading one to the top; a difference of equals is +0.

    Where the sum moves by more than two places (one of them the carry's), the smaller significand was shifted by one at
    most: then nothing is below the guard bit, and the long steps leave those bits out.
    ``stage`` is called at the boundaries "locate", where the longest shifts are known, and "coarse", behind them.
    """
    first, second = normalising_bits(len(added.total))
    counted = data.StructLayout({**added.shape().members, "count": len(first)})
    located, coarse = Signal(counted, name="located"), Signal(counted, name="coarse")
    m.d.comb += [
        located.count.eq(leading_zeros(m, added.total[GUARD - 1 :], "sum_normalise", first)),
        *(located[name].eq(added[name]) for name in added.shape().members),
    ]
    located = stage("locate", located)
    below, above = located.total[: GUARD - 1], located.total[GUARD - 1 :]
    m.d.comb += [
        coarse.total.eq(Cat(below, shift_left(m, above, located.count, "sum_normalise", first))),
        *(coarse[name].eq(located[name]) for name in counted.members if name != "total"),
    ]
    coarse = stage("coarse", coarse)
    significand, low = normalise_partly(m, coarse.total, "sum_normalise", second)
    normal = Signal(
        data.StructLayout({
            "significand": form.significand_width + GUARD + 1, "exponent": signed(form.exponent_width + 2),
            "sign": 1, "infinite": 1, "nan": 1,
        }),
        name="normal",
    )  # fmt: skip
    m.d.comb += [
        normal.significand.eq(significand),
        normal.exponent.eq(coarse.exponent + 1 - Cat(low, coarse.count)),
        normal.sign.eq(coarse.sign & ~(coarse.subtract & ~significand[-1])),
        normal.infinite.eq(coarse.infinite),
        normal.nan.eq(coarse.nan),
    ]
    return normal


def round_sum(m: Module, form: FloatFormat, normal: data.View) -> data.View:
    """The word, its fraction as of ``FloatFormat``: rounded to nearest even, flushed below the normal range."""
    exponent, fraction = round_and_pack(
        m, form, normal.significand, normal.exponent, "sum", infinite=normal.infinite | normal.nan
    )
    word = Signal(form.layout, name="sum_word")
    m.d.comb += [
        word.exponent.eq(exponent),
        word.fraction.eq(Cat(fraction[:-1], fraction[-1] | normal.nan)),
        word.sign.eq(normal.sign & ~normal.nan),
    ]
    return word
