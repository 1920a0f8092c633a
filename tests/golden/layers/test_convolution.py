"""Patches and filters against a loop over every tap, and the order of their columns."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden
from golden.layers.convolution import output_size


def by_loop(x, w, strides, pads, dilations):
    """float64, (samples, filters, *positions)."""
    axes = x.ndim - 2
    positions = output_size(x.shape[2:], w.shape[2:], strides, pads, dilations)
    y = np.zeros((len(x), len(w), *positions))
    for place in itertools.product(*map(range, positions)):
        for tap in itertools.product(*map(range, w.shape[2:])):
            at = [p * s + t * d - b for p, s, t, d, b in zip(place, strides, tap, dilations, pads[:axes], strict=True)]
            if all(0 <= i < n for i, n in zip(at, x.shape[2:], strict=True)):
                y[(slice(None), slice(None), *place)] += (
                    x[(slice(None), slice(None), *at)].astype(float) @ w[(slice(None), slice(None), *tap)].T.astype(float)
                )
    return y


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_equal_a_loop(data, axes, seed):
    draw = lambda low, high: [data.draw(st.integers(low, high)) for _ in range(axes)]  # noqa: E731
    kernel, strides, dilations, pads = draw(1, 3), draw(1, 2), draw(1, 2), draw(0, 2) + draw(0, 2)
    size = [(taps - 1) * d + 1 + data.draw(st.integers(0, 2)) for taps, d in zip(kernel, dilations, strict=True)]
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, (2, 3, *size)).astype(np.float32)
    w = rng.integers(-4, 5, (4, 3, *kernel)).astype(np.float32)
    product = golden.patches(x, kernel, strides, pads, dilations) @ golden.filters(w)
    expected = by_loop(x, w, strides, pads, dilations)
    assert np.array_equal(np.moveaxis(product.reshape(2, *expected.shape[2:], 4), -1, 1), expected)


def test_channels_are_innermost():
    x = np.arange(2 * 2 * 2, dtype=np.float32).reshape(1, 2, 2, 2)
    assert golden.patches(x, (2, 2)).tolist() == [[0, 4, 1, 5, 2, 6, 3, 7]]
    assert golden.filters(x)[:, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_rejects_a_kernel_larger_than_its_input():
    with pytest.raises(ValueError, match=r"^kernel must fit its padded input of 4, not span 5$"):
        golden.patches(np.ones((1, 1, 2), np.float32), (3,), (1,), (1, 1), (2,))
