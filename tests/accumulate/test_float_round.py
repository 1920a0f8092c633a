"""Rounding against exact fractions, for every significand and exponent of a small format."""

from fractions import Fraction

import pytest
from amaranth.hdl import Cat, signed

from hw.accumulate.float_format import BF16, FP32, FloatFormat
from hw.accumulate.float_round import canonical, round_and_pack
from tests.accumulate.words import exact, rounded
from tests.logic import outputs

SMALL = FloatFormat(3, 4)


def packed(form, width, vectors):
    """Words of significands of ``width`` bits and signed exponents, and whether they are infinite anyway."""

    def logic(m, significand, exponent, infinite):
        field, fraction = round_and_pack(m, form, significand, exponent, "r", infinite)
        return Cat(fraction, field)

    shapes = {"significand": width, "exponent": signed(form.exponent_width + 2), "infinite": 1}
    return outputs(shapes, logic, vectors)


@pytest.mark.parametrize("width", [3, 4, 5, 6, 8])
def test_nearest_even_of_every_significand(width):
    """Normalised ones, at every exponent around the range's ends; carries out of the fraction included."""
    vectors = [
        {"significand": s, "exponent": e, "infinite": 0}
        for s in range(1 << width - 1, 1 << width) for e in range(-3, 12)
    ]  # fmt: skip
    for vector, word in zip(vectors, packed(SMALL, width, vectors), strict=True):
        value = Fraction(vector["significand"], 1 << width - 1) * Fraction(2) ** (vector["exponent"] - SMALL.bias)
        wanted = rounded(SMALL, value)
        kept = SMALL.canonical_word(word)
        # What is just below the least normal number and rounds up to it is normal: rounding comes first.
        assert kept == wanted, (vector, bin(word), bin(wanted))


def test_ties_go_to_the_even_neighbour():
    half, ulp = 1 << 3, 1 << 4  # eight bits hold four of the format's and four below
    values = {(8 << 4) + half: 8, (9 << 4) + half: 10, (8 << 4) + half + 1: 9, (8 << 4) + half - 1: 8}
    vectors = [{"significand": s, "exponent": SMALL.bias, "infinite": 0} for s in values]
    words = packed(SMALL, 8, vectors)
    assert [exact(SMALL, word) * 8 for word in words] == list(values.values())
    assert ulp == 2 * half


def test_infinite_and_zero_are_infinity_and_zero():
    vectors = [{"significand": s, "exponent": 2, "infinite": i} for s, i in ((0b1010, 1), (0, 0), (0, 1))]
    words = [SMALL.canonical_word(word) for word in packed(SMALL, 4, vectors)]
    infinity = SMALL.largest_exponent << SMALL.fraction_width
    assert words == [infinity, 0, infinity]


@pytest.mark.parametrize("form", [SMALL, BF16, FP32])
def test_canonical_is_the_format_s(form):
    step = 1 if form is SMALL else (1 << form.width) // 509
    words = [*range(0, 1 << form.width, step)]
    found = outputs({"word": form.layout}, lambda m, word: canonical(form, word), [{"word": w} for w in words])
    assert found == [form.canonical_word(word) for word in words]
