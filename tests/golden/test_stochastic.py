"""The random sequence, and what stochastic rounding does on average."""

from itertools import islice

import numpy as np
import pytest

import golden
from golden import BlockFormat, scalar
from golden.stochastic import leap


def step(state):
    state ^= state << 13 & 0xFFFFFFFF
    state ^= state >> 17
    return state ^ (state << 5 & 0xFFFFFFFF)


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 31, 100, 1000, 4095, 70000])
def test_lanes_make_one_sequence(count):
    for seed in (1, 2463534242, 2**32 - 1):
        state, states = seed, []
        for _ in range(count):
            state = step(state)
            states.append(state)
        sequence = golden.xorshift32_sequence(seed, count)
        assert sequence.dtype == np.uint32
        assert sequence.tolist() == states


def test_uniforms_are_the_top_bits():
    assert golden.uniforms(77, 3000).tolist() == list(islice(scalar.xorshift32(77), 3000))


def test_sequence_does_not_depend_on_the_lanes(monkeypatch):
    sequence = golden.xorshift32_sequence(5, 100_000)
    for lanes in (1, 3, 64, 5000):
        monkeypatch.setattr("golden.stochastic.LANES", lanes)
        assert (golden.xorshift32_sequence(5, 20_000) == sequence[:20_000]).all()


def test_leap_is_many_steps():
    for steps in (0, 1, 2, 5, 64, 1000):
        state = 12345
        for _ in range(steps):
            state = step(state)
        product = 0
        for bit, column in enumerate(leap(steps)):
            product ^= int(column) * (12345 >> bit & 1)
        assert product == state


@pytest.mark.parametrize("width", [2, 4, 8, 16])
def test_rounding_is_unbiased(width):
    """An element worth q intervals becomes q on average, but for the fraction below 2**-8 that is cut off.

    Each of n draws has a variance of at most 1/4, so the mean is within 5 * 0.5 / sqrt(n), but for one in a million.
    """
    draws, rng = 1 << 16, np.random.default_rng(40)
    largest = 2 ** (width - 1) - 1
    deviation = 5 * 0.5 / draws**0.5
    for seed, q in enumerate(np.concatenate([rng.uniform(0, largest, 12), [0.5, 1 / 256, 1 / 512, 255.5 / 256]]), 1):
        value = np.float32(q)
        x = np.full((draws, 2), value, np.float32)
        x[:, 1] = largest  # pins the exponent: intervals are 1
        x[::2] *= -1
        tensor = golden.quantize(x, BlockFormat(width, 2), -1, "stochastic", seed)
        mantissas = np.abs(tensor.mantissas[:, 0, 0].astype(np.float64))
        assert (tensor.mantissas[:, 0, 1] == np.where(np.arange(draws) % 2, largest, -largest)).all()
        assert set(mantissas) <= {np.floor(value), np.floor(value) + 1}
        assert abs(mantissas.mean() - np.floor(value * 256) / 256) < deviation
        assert -deviation - 2**-8 < mantissas.mean() - value < deviation


@pytest.mark.parametrize("width", [2, 4, 12])
def test_what_is_cut_off_never_carries(width):
    """Numbers an ulp below a multiple of 2**-8, which float32 sums would round up."""
    rng = np.random.default_rng(42)
    format = BlockFormat(width, 8)
    x = np.nextafter(rng.integers(1, 256 * format.max_mantissa, (200, 8)).astype(np.float32) / 256, np.float32(0))
    x[:, 7] = format.max_mantissa
    tensor = golden.quantize(x, format, -1, "stochastic", 9)
    draws = scalar.xorshift32(9)
    for row, mantissas in zip(x.tolist(), tensor.mantissas[:, 0].tolist(), strict=True):
        assert scalar.quantize_block(row, format, "stochastic", draws).mantissas == tuple(mantissas)


def test_draws_are_uniform_and_lanes_are_not_correlated():
    """Correlations of n independent pairs are within 5 / sqrt(n) but for one in a million; lanes are 1 … 64 apart."""
    count = 1 << 18
    draws = golden.uniforms(2024, count + 4096)
    counts = np.bincount(draws[:count], minlength=256)
    expected = count / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) < 5 * (2 * 255) ** 0.5
    centred = draws.astype(np.float64) - 127.5
    variance = (256**2 - 1) / 12
    for distance in [*range(1, 65), 128, 256, 1024, 4096]:
        correlation = (centred[:count] * centred[distance : distance + count]).mean() / variance
        assert abs(correlation) < 5 / count**0.5, distance
    for lanes in (8, 16, 64):
        grid = centred[:count].reshape(-1, lanes)
        correlations = np.corrcoef(grid.T) - np.eye(lanes)
        assert np.abs(correlations).max() < 5 / len(grid) ** 0.5


def test_same_seed_same_bits_other_seed_other_bits():
    x = np.random.default_rng(41).standard_normal((64, 64)).astype(np.float32)
    one, again, other = (golden.quantize(x, BlockFormat(), -1, "stochastic", seed).mantissas for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).mean() > 0.05


@pytest.mark.parametrize("seed", [0, 2**32])
def test_rejects_seeds_that_are_no_state(seed):
    with pytest.raises(ValueError, match=rf"^seed must be between 1 and 4294967295, not {seed}$"):
        golden.xorshift32_sequence(seed, 1)


def test_a_count_beyond_all_memory_is_refused():
    with pytest.raises(ValueError, match=rf"^count must be between 0 and {2**40}, not {2**40 + 1}$"):
        golden.uniforms(1, 2**40 + 1)
