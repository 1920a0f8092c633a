"""Addition of every two words of a small format, against exact fractions."""

import pytest

from hw.accumulate.float_add import add_aligned, align, normalise_sum, round_sum
from hw.accumulate.float_convert import word_term
from hw.accumulate.float_format import FloatFormat
from tests.accumulate.words import exact, rounded
from tests.logic import outputs

FORMS = {"narrow": FloatFormat(3, 2), "even": FloatFormat(3, 3), "deep": FloatFormat(2, 5)}


def total(m, form, a, b):
    aligned = align(m, form, a, word_term(m, form, b))
    return round_sum(m, form, normalise_sum(m, form, add_aligned(m, form, aligned))).as_value()


def expected(form, a, b):
    """Canonical sum: NaN wins, unlike infinities are NaN, zeros of both signs are +0, equals cancel to +0."""
    x, y = exact(form, a), exact(form, b)
    if "nan" in (x, y) or {x, y} == {"inf", "-inf"}:
        return form.nan
    for value in (x, y):
        if isinstance(value, str):
            return rounded(form, 0, value == "-inf") | form.largest_exponent << form.fraction_width
    both_negative = a >> form.width - 1 and b >> form.width - 1
    return rounded(form, x + y, negative_zero=bool(both_negative) and x == y == 0)


@pytest.mark.parametrize("name", FORMS)
def test_every_pair(name):
    """Ties, cancellation, carries, flushed results, fractions of zeros and infinities that are not cleared."""
    form = FORMS[name]
    vectors = [{"a": a, "b": b} for a in range(1 << form.width) for b in range(1 << form.width)]
    found = outputs({"a": form.layout, "b": form.layout}, lambda m, a, b: total(m, form, a, b), vectors)
    for vector, word in zip(vectors, found, strict=True):
        assert form.canonical_word(word) == expected(form, **vector), vector
