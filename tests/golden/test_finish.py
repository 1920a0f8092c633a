"""Bias, ReLU and bfloat16 against exact arithmetic and an outside oracle."""

import ml_dtypes
import numpy as np
import pytest

from golden import scalar
from golden.finish import finish, to_bfloat16


def random_results(rng, shape) -> np.ndarray:
    """FP32 numbers without subnormals, all exponents, infinities and NaN among them."""
    words = rng.integers(0, 1 << 32, shape, np.uint32)
    words[words >> 23 & 255 == 0] &= 0x80000000
    words[rng.random(shape) < 0.3] &= 0xFFFF8000  # ties of bfloat16
    values = words.view(np.float32)
    values[np.isnan(values)] = np.array(0x7FC00000, np.uint32).view(np.float32)
    return values


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.array_equal(a.view(np.uint32), b.view(np.uint32)))


def test_bias_is_one_exact_addition():
    rng = np.random.default_rng(1)
    c = random_results(rng, (40, 30))
    bias = rng.integers(0, 1 << 32, 30, np.uint32).view(np.float32)
    c[:20] = -bias * (1 + rng.standard_normal((20, 1)).astype(np.float32) * 1e-6)
    c[:20][~np.isfinite(c[:20]) | (np.abs(c[:20]) < 2.0**-126)] = 0
    wanted = [
        [scalar.add(float(x), 0.0 if abs(float(b)) < 2.0**-126 else float(b)) for x, b in zip(row, bias, strict=True)]
        for row in c
    ]
    wanted = np.array(wanted, np.float32)
    wanted[np.isnan(wanted)] = np.array(0x7FC00000, np.uint32).view(np.float32)
    assert same_bits(finish(c, bias), wanted)


def test_relu_keeps_positive_numbers_and_nan():
    c = np.array([[-0.0, 0.0, -1.0, 2.0, -np.inf, np.inf, np.nan, -(2.0**-126)]], np.float32)
    assert same_bits(finish(c, relu=True), np.array([[0, 0, 0, 2, 0, np.inf, np.nan, 0]], np.float32))


def test_without_anything_to_do_c_stays_and_is_copied():
    c = np.array([[-0.0, 1.0]], np.float32)
    result = finish(c)
    assert same_bits(result, c)
    assert result is not c


def test_bfloat16_is_what_ml_dtypes_rounds_to():
    c = random_results(np.random.default_rng(2), (100, 100))
    wanted = c.astype(ml_dtypes.bfloat16).view(np.uint16)
    assert np.array_equal(to_bfloat16(c), wanted)


def test_bad_arguments_are_named():
    c = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"^bias must have 3 elements, not 2$"):
        finish(c, np.zeros(2, np.float32))
    with pytest.raises(TypeError, match=r"^bias must be a float32 array, not float64$"):
        finish(c, np.zeros(3))
    with pytest.raises(ValueError, match=r"^c must have 2 dimensions, not 1$"):
        finish(c[0])


def test_wide_rows_have_their_bias():
    c = np.ones((2, 300), np.float32)
    assert np.array_equal(finish(c, np.arange(300, dtype=np.float32)), c + np.arange(300, dtype=np.float32))


def test_rejects_integers():
    with pytest.raises(TypeError, match=r"^c must be a float32 array, not int8$"):
        finish(np.ones((2, 3), np.int8))
