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


@pytest.mark.parametrize("channels", [3, 4, 9])
def test_blocks_of_a_map_are_those_of_its_patches(channels):
    """Of zero, NaN and ordinary blocks, beside positions outside the map."""
    rng, form = np.random.default_rng(channels), golden.BlockFormat(4, 4)
    x = rng.normal(size=(2, channels, 4, 5)).astype(np.float32)
    x[0, :, 1, 2], x[1, 0, 0, 0] = 0, np.nan
    of_map = np.moveaxis(x, 1, -1).reshape(-1, channels)
    window = (3, 2), (2, 1), (1, 1, 1, 0), (1, 2)
    wanted = golden.quantize(golden.patches(x, *window, multiple=4), form)
    made = golden.patch_blocks(golden.quantize(of_map, form), (4, 5), *window)
    assert np.array_equal(made.mantissas, wanted.mantissas)
    assert np.array_equal(made.fields, wanted.fields)
    assert made.shape == wanted.shape


def test_whole_blocks_of_channels_do_not_change_a_convolution():
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((2, 5, 4, 4), (3, 5, 2, 2)))
    whole = golden.patches(x, (2, 2), multiple=4) @ golden.filters(w, multiple=4)
    assert np.array_equal(whole, golden.patches(x, (2, 2)) @ golden.filters(w))


def test_a_map_is_rounded_once():
    """Stochastically: the same element has the same mantissa under every tap."""
    x, form = np.full((9, 4), 0.3, np.float32), golden.BlockFormat(4, 4)
    blocks = golden.quantize(x, form, rounding="stochastic", seed=9)
    made = golden.patch_blocks(blocks, (3, 3), (2, 2))
    assert np.array_equal(made.mantissas[0, 3], made.mantissas[3, 0])
    assert len(np.unique(blocks.mantissas)) > 1
