"""Operands are near the numbers they stand for, in every format."""

import numpy as np
import pytest

from hw.baseline.formats import FORMATS
from synth.energy.operands import encode, layers
from synth.mapping.oracle import element_value, word_value

BLOCKS = [name for name in FORMATS if name != "mixed46"]


def value(form, word, scale, factor):
    s, e = form.significand_width, form.exponent_width
    if form.kind == "float":
        return float(word_value(word, e, s, specials=False))
    if form.kind == "scaled":
        return float(element_value(word, e, s)) * max(factor, 1) * 2.0**scale
    if form.kind in ("paired", "weighted"):
        return (word - (word >> s - 1 << s)) * 2.0**scale
    return (word & (1 << s - 1) - 1) * (-1 if word >> s - 1 else 1) * max(factor, 1) * 2.0**scale


@pytest.mark.parametrize("name", BLOCKS)
def test_words_stand_for_the_numbers(name):
    form = FORMATS[name]
    x = layers("uniform")[0][0][:4]
    made = encode(form, x, 64)
    assert made.words.min() >= 0
    assert made.words.max() < 1 << form.element_bits
    size = form.block_size or 64
    got = np.array([[value(form, int(w), int(made.scales[r, c // size]), int(made.factors[r, c // size]))
                     for c, w in enumerate(row)] for r, row in enumerate(made.words)])  # fmt: skip
    if not form.block_size and form.kind != "float":
        got *= np.abs(x).max() / (2 ** (form.significand_width - 1) - 1)
    digits = form.significand_width if form.kind in ("float", "scaled") else form.significand_width - 1
    assert np.abs(got - x).max() <= 2.0 ** -(digits - 1)
    assert np.abs(got - x).mean() <= 2.0 ** -(digits + 0.5)


@pytest.mark.parametrize(("name", "values"), [("int8-binary", [1, -1]), ("int8-ternary", [0, 1, 0, -1])])
def test_weights_have_the_signs_of_the_numbers_and_are_zero_where_those_are_small(name, values):
    x = layers("uniform")[0][1]
    words = encode(FORMATS[name], x, 64, "b").words
    got = np.array(values)[words]
    assert (got * x >= 0).all()
    small = np.abs(x) < np.abs(x).mean() / 2
    assert ((got == 0) == (small if 0 in values else False)).all()


def test_the_trained_network_reads_digits():
    (images, first), (hidden, second) = layers("digits")
    assert images.shape[1] == first.shape[1] == 64
    assert hidden.shape[1] == second.shape[1] == 128
    assert (hidden >= 0).all()
    assert 0.1 < (hidden == 0).mean() < 0.8
