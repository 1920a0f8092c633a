"""The reference of mapped netlists against gfloat, ml_dtypes and NumPy."""

from fractions import Fraction
from math import copysign, isinf, isnan
from random import Random

import ml_dtypes
import numpy as np
import pytest
from gfloat import decode_float
from gfloat.formats import format_info_ocp_e5m2

from golden import scalar
from hw.baseline.formats import FORMATS
from synth.mapping.oracle import (
    dot_words,
    element_value,
    float_word,
    round_float,
    weight_value,
    word_product,
    word_value,
)
from tests.baseline import outside
from tests.baseline.outside import BFLOAT16, BLOCKS, FLOATS, ORDINARY_E4M3, every_code_ordinary, nearest, to_words
from tests.baseline.stimuli import pairs

ELEMENTS = {
    "mxfp8-e4m3": ml_dtypes.float8_e4m3fn,
    "mxfp8-e5m2": ml_dtypes.float8_e5m2,
    "mxfp6-e2m3": ml_dtypes.float6_e2m3fn,
    "mxfp6-e3m2": ml_dtypes.float6_e3m2fn,
    "mxfp4": ml_dtypes.float4_e2m1fn,
}
LEFT_OUT = {"mxfp8-e4m3": (0x7F, 0xFF), "mxfp8-e5m2": (*range(0x7C, 0x80), *range(0xFC, 0x100))}
DTYPES = {24: np.float32, 8: BFLOAT16}


def same(ours, theirs: float) -> bool:
    """Whether a fraction, infinity or NaN is a float, sign of zero included."""
    if isnan(ours) or isnan(theirs):
        return isnan(ours) and isnan(theirs)
    if isinf(ours) or isinf(theirs) or ours == 0:
        return float(ours) == theirs and (ours != 0 or copysign(1, ours) == copysign(1, theirs))
    return ours == Fraction(theirs)


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_decode_as_in_ml_dtypes_and_gfloat(name):
    form, info, dtype = FORMATS[name], BLOCKS[name].etype, ELEMENTS[name]
    unit = Fraction(info.smallest_subnormal)
    assert unit == Fraction(float(ml_dtypes.finfo(dtype).smallest_subnormal))
    values = np.arange(2**info.k, dtype=np.uint8).view(dtype).astype(np.float64)
    for code in range(2**info.k):
        theirs = decode_float(info, code).fval
        if code in LEFT_OUT.get(name, ()):
            assert not np.isfinite([theirs, values[code]]).any()
        else:
            ours = element_value(code, form.exponent_width, form.significand_width) * unit
            assert ours == Fraction(theirs) == Fraction(float(values[code])), code


@pytest.mark.parametrize("name", LEFT_OUT)
def test_codes_of_infinity_and_nan_are_ordinary_elements(name):
    form, info = FORMATS[name], every_code_ordinary(BLOCKS[name].etype)
    for code in LEFT_OUT[name]:
        ours = element_value(code, form.exponent_width, form.significand_width) * Fraction(info.smallest_subnormal)
        assert ours == Fraction(decode_float(info, code).fval)


@pytest.mark.parametrize("name", ["fp8-e4m3", "fp8-e5m2", "fp16", "bf16"])
def test_every_word_decodes_with_subnormals_flushed(name):
    form = FORMATS[name]
    values = outside.values_of(FLOATS[name], range(2**form.element_bits))
    for word, theirs in enumerate(values):
        ours = word_value(word, form.exponent_width, form.significand_width, specials=name != "fp8-e4m3")
        assert same(ours, float(theirs)), hex(word)


def test_e4m3_words_are_those_of_ml_dtypes_but_for_nan():
    values = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    ours = outside.values_of(ORDINARY_E4M3, range(256))
    flushed = np.abs(values) < float(ml_dtypes.finfo(ml_dtypes.float8_e4m3fn).smallest_normal)
    assert np.isnan(values).nonzero()[0].tolist() == [0x7F, 0xFF]
    assert np.array_equal(ours[[0x7F, 0xFF]], [480, -480])
    assert np.array_equal(ours[~flushed & ~np.isnan(values)], values[~flushed & ~np.isnan(values)])
    assert not ours[flushed].any()


def test_e5m2_words_are_those_of_ml_dtypes():
    values = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e5m2).astype(np.float64)
    least = float(ml_dtypes.finfo(ml_dtypes.float8_e5m2).smallest_normal)
    assert np.array_equal(outside.values_of(format_info_ocp_e5m2, range(256)), outside.flush(values, least), True)


def test_fp32_words_decode_as_in_numpy():
    rng = Random(1)
    words = [word for pair in pairs(rng, FORMATS["fp32"].float_format, 2000) for word in pair]
    for word, theirs in zip(words, outside.values_of(FLOATS["fp32"], words), strict=True):
        assert same(word_value(word, 8, 24), float(theirs)), hex(word)
        if not isnan(theirs):
            assert float_word(theirs) == word or theirs == 0


@pytest.mark.parametrize(("name", "width"), [("fp32", 24), ("fp16", 24), ("bf16", 24), ("bf16", 8), ("fp8-e5m2", 24)])
def test_products_are_those_of_numpy(name, width):
    form = FORMATS[name]
    a, b = zip(*pairs(Random(2), form.float_format, 3000), strict=True)
    info, e, s = FLOATS[name], form.exponent_width, form.significand_width
    theirs = to_words(outside.multiply(outside.values_of(info, a), outside.values_of(info, b), DTYPES[width]))
    for x, y, expected in zip(a, b, theirs, strict=True):
        assert float_word(word_product(word_value(x, e, s), word_value(y, e, s), width), width) == expected, (x, y)


@pytest.mark.parametrize(("name", "width"), [("fp32", 24), ("bf16", 8)])
def test_sums_are_those_of_numpy(name, width):
    form, dtype = FORMATS[name], DTYPES[width]
    a, b = zip(*pairs(Random(3), form.float_format, 3000), strict=True)
    values = [outside.values_of(FLOATS[name], side).astype(dtype) for side in (a, b)]
    for x, y, expected in zip(*values, to_words(outside.add(*values, dtype)), strict=True):
        assert float_word(scalar.add(float(x), float(y), width), width) == expected, (x, y)


def test_normal_products_and_sums_need_no_flushing():
    """NumPy's and ml_dtypes' own arithmetic, with nothing around it, where no subnormal is involved."""
    rng = np.random.default_rng(4)
    for dtype, width in ((np.float32, 24), (BFLOAT16, 8)):
        a, b = (rng.normal(size=2000) * 2.0 ** rng.integers(-12, 12, 2000) for _ in range(2))
        a, b = a.astype(dtype), b.astype(dtype)
        for x, y, product, total in zip(a, b, a * b, a + b, strict=True):
            assert word_product(Fraction(float(x)), Fraction(float(y)), width) == float(product)
            assert scalar.add(float(x), float(y), width) == float(total)


def test_weights_are_minus_one_one_and_of_two_bits_zero():
    assert [weight_value(word, 1) for word in range(2)] == [1, -1]
    assert [weight_value(word, 2) for word in range(4)] == [0, 1, 0, -1]


@pytest.mark.parametrize("width", [24, 8])
def test_fractions_round_to_the_nearest(width):
    rng = Random(5)
    for _ in range(2000):
        value = Fraction(rng.choice((rng.getrandbits(70), rng.getrandbits(width + 2))) + 1) * rng.choice((-1, 1))
        value *= Fraction(2) ** rng.randint(-120, 40)
        assert round_float(value, width) == float(nearest(value, DTYPES[width]))


@pytest.mark.parametrize(("name", "width"), [("fp32", 24), ("bf16", 24), ("bf16-bf16", 8), ("fp8-e4m3", 24)])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_trees_add_neighbours_first(name, width, count):
    form, rng, dtype = FORMATS[name], Random(6), DTYPES[width]
    drawn = [list(pairs(rng, form.float_format, count))[-count:] for _ in range(60)]
    for lane in drawn:
        a, b = ([pair[side] for pair in lane] for side in (0, 1))
        values = [outside.values_of(FLOATS[name], side) for side in (a, b)]
        terms = list(outside.multiply(*values, dtype))
        while len(terms) > 1:
            sums = [outside.add(terms[i], terms[i + 1], dtype) for i in range(0, len(terms) - 1, 2)]
            terms = sums + terms[2 * len(sums) :]
        assert float_word(dot_words(form, a, b, width), width) == to_words(np.array(terms[0]))
