"""Floating-point addition, as the stages align, add, normalise, round."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data

from hw.accumulate.float_format import FloatFormat
from hw.accumulate.float_round import round_and_pack
from hw.accumulate.float_shift import normalise, shift_right_sticky

__all__ = ["add_aligned", "align", "normalise_sum", "round_sum"]

GUARD = 3  # guard, round and sticky bits: enough for a subtraction that loses one leading bit


def align(m: Module, form: FloatFormat, state: data.View, term: data.View) -> data.View:
    """Order a word and a term (``term_layout``) by magnitude and shift the smaller one to the larger one's exponent."""
    p = form.significand_width
    fraction = Cat(Const(0, form.fraction_width - len(term.fraction)), term.fraction)
    state_magnitude, term_magnitude = Cat(state.fraction, state.exponent), Cat(fraction, term.exponent)
    state_significand = Cat(state.fraction, state.exponent.any())
    term_significand = Cat(fraction, term.exponent.any())
    state_special, term_special = state.exponent.all(), term.exponent.all()
    swap, difference = Signal(name="align_swap"), Signal(signed(form.exponent_width + 1), name="align_difference")
    small, amount = Signal(p, name="align_small"), Signal(form.exponent_width, name="align_amount")
    m.d.comb += [
        swap.eq(term_magnitude > state_magnitude),
        difference.eq(state.exponent - term.exponent),
        amount.eq(Mux(difference[-1], -difference, difference)),
        small.eq(Mux(swap, state_significand, term_significand)),
    ]
    aligned = Signal(
        data.StructLayout({
            "large": p, "small": p + GUARD, "exponent": form.exponent_width,
            "sign": 1, "subtract": 1, "infinite": 1, "nan": 1,
        }),
        name="aligned",
    )  # fmt: skip
    m.d.comb += [
        aligned.large.eq(Mux(swap, term_significand, state_significand)),
        aligned.small.eq(shift_right_sticky(m, Cat(Const(0, GUARD), small), amount, "align_shift")),
        aligned.exponent.eq(Mux(swap, term.exponent, state.exponent)),
        aligned.sign.eq(Mux(swap, term.sign, state.sign)),
        aligned.subtract.eq(state.sign ^ term.sign),
        aligned.infinite.eq(state_special | term_special),
        aligned.nan.eq(
            term.nan | (state_special & (state.fraction[-1] | (term_special & (state.sign ^ term.sign))))
        ),
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
        added.sign.eq(aligned.sign),
        added.subtract.eq(aligned.subtract),
        added.infinite.eq(aligned.infinite),
        added.nan.eq(aligned.nan),
    ]
    return added


def normalise_sum(m: Module, form: FloatFormat, added: data.View) -> data.View:
    """Shift the leading one to the top; a difference of equals is +0."""
    significand, count = normalise(m, added.total, "sum_normalise")
    normal = Signal(
        data.StructLayout({
            "significand": form.significand_width + GUARD + 1, "exponent": signed(form.exponent_width + 2),
            "sign": 1, "infinite": 1, "nan": 1,
        }),
        name="normal",
    )  # fmt: skip
    m.d.comb += [
        normal.significand.eq(significand),
        normal.exponent.eq(added.exponent + 1 - count),
        normal.sign.eq(added.sign & ~(added.subtract & ~significand[-1])),
        normal.infinite.eq(added.infinite),
        normal.nan.eq(added.nan),
    ]
    return normal


def round_sum(m: Module, form: FloatFormat, normal: data.View) -> data.View:
    """The packed word: rounded to nearest even, flushed below the normal range; every NaN canonical."""
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
