"""Conversions of integers and words, against exact fractions."""

from fractions import Fraction

import pytest
from amaranth.hdl import Cat, signed

from hw.accumulate.float_convert import convert_integer, term_layout, word_term
from hw.accumulate.float_format import FP32, FloatFormat
from tests.accumulate.words import rounded
from tests.logic import outputs

SMALL = FloatFormat(4, 4)


def word_of(form, width, bits):
    """The word a term of ``width`` bits of sum stands for."""
    layout = term_layout(form, width)
    fields = {name: bits >> field.offset & (1 << field.width) - 1 for name, field in layout}
    fraction = fields["fraction"] << form.fraction_width - layout["fraction"].width
    return (fields["sign"] << form.exponent_width | fields["exponent"]) << form.fraction_width | fraction


@pytest.mark.parametrize("width", [2, 4, 6, 8])
def test_every_integer_at_every_scale(width):
    """Integers narrower and wider than the significand, scaled from far below the range to far above it."""
    largest = (1 << width - 1) - 1
    vectors = [{"total": t, "scale": s, "nan": 0} for t in range(-largest, largest + 1) for s in range(-16, 16)]

    def logic(m, total, scale, nan):
        return convert_integer(m, SMALL, total, scale, nan).as_value()

    found = outputs({"total": signed(width), "scale": signed(5), "nan": 1}, logic, vectors)
    for vector, bits in zip(vectors, found, strict=True):
        value = vector["total"] * Fraction(2) ** vector["scale"]
        word = SMALL.canonical_word(word_of(SMALL, width, bits))
        assert word == rounded(SMALL, value), vector


def test_nan_passes():
    def logic(m, total, scale, nan):
        return convert_integer(m, SMALL, total, scale, nan).nan

    vectors = [{"total": 3, "scale": 0, "nan": nan} for nan in (0, 1)]
    assert outputs({"total": signed(5), "scale": signed(5), "nan": 1}, logic, vectors) == [0, 1]


@pytest.mark.parametrize(("sum_width", "fraction"), [(2, 1), (3, 1), (13, 11), (25, 23), (40, 23)])
def test_a_narrow_sum_fills_few_bits(sum_width, fraction):
    """A sum of w bits has w - 1 of magnitude, of which the leading one is not stored."""
    assert term_layout(FP32, sum_width)["fraction"].width == fraction


def test_word_as_a_term():
    """Fields as they are; a NaN is one by its top fraction bit alone."""

    def logic(m, word):
        term = word_term(m, SMALL, word)
        return Cat(term.fraction, term.exponent, term.sign), term.nan

    words = range(1 << SMALL.width)
    for word, (fields, nan) in zip(words, outputs({"word": SMALL.layout}, logic, [{"word": w} for w in words]), strict=True):
        assert fields == word
        assert nan == (word >> 3 & 15 == 15 and word >> 2 & 1)
