"""Joined products are the scalar definition, and what was meant by it."""

from fractions import Fraction

import numpy as np
import pytest

import golden
from golden import BlockProducts, scalar
from golden.join import JOIN_GUARD


def draw(rng, count, spread=40, bound=2**28):
    """Products of ``count`` blocks: sums of every length, scales at most ``spread`` apart."""
    sums = rng.integers(-bound, bound, (count, 400), endpoint=True) >> rng.integers(0, 29, (count, 400))
    scales = rng.integers(-spread // 2, spread // 2, (count, 400), endpoint=True)
    return [BlockProducts(s, k, rng.random(400) < 0.02) for s, k in zip(sums, scales, strict=True)]


def pairs_of(products, place):
    return [None if p.nan[place] else (int(p.sums[place]), int(p.scales[place])) for p in products]


@pytest.mark.parametrize(("given", "count"), [(1, 1), (1, 2), (2, 2), (1, 4), (2, 4), (3, 4), (4, 4)])
def test_equals_the_definition(given, count):
    products = draw(np.random.default_rng(70), given)
    joined = golden.join(products, count)
    for place in range(joined.sums.size):
        wanted = scalar.join(pairs_of(products, place), count)
        assert joined.nan[place] == (wanted is None)
        if wanted is not None:
            assert (joined.sums[place], joined.scales[place]) == wanted


@pytest.mark.parametrize("count", [2, 4])
def test_nothing_is_lost_while_scales_are_close(count):
    products = [p._replace(nan=p.nan & False) for p in draw(np.random.default_rng(71), count, spread=JOIN_GUARD)]
    joined = golden.join(products, count)
    for place in range(joined.sums.size):
        exact = sum(s * Fraction(2) ** k for s, k in pairs_of(products, place))
        assert int(joined.sums[place]) * Fraction(2) ** int(joined.scales[place]) == exact


def test_ties_go_up_and_what_is_far_below_is_zero():
    one = np.array([1])

    def second(total, down):
        low = BlockProducts(np.array([total]), np.array([-JOIN_GUARD - down]), np.array([False]))
        high = BlockProducts(one, np.array([0]), np.array([False]))
        joined = golden.join([high, low], 2)
        assert joined.scales == -JOIN_GUARD
        return int(joined.sums[0]) - 2**JOIN_GUARD

    assert [second(total, 1) for total in (-3, -1, 1, 3)] == [-1, 0, 1, 2]
    assert second(-(2**28), 40) == second(2**28, 40) == second(-1, 300) == 0


def test_groups_start_at_the_first_block_and_the_last_may_be_short():
    """Five blocks in pairs: two additions of pairs, then one block alone; different from one by one, and from threes."""
    rng = np.random.default_rng(72)
    a, b = rng.standard_normal((6, 80)).astype(np.float32), rng.standard_normal((80, 7)).astype(np.float32)
    a *= np.exp2(np.repeat([0, -9, 3, -2, 4], 16)).astype(np.float32)
    format = golden.BlockFormat(4, 16)
    whole = golden.matmul(a, b, format, accumulator="fp32x2")
    parts = None
    for start in (0, 32, 64):
        part = slice(start, start + 32)
        parts = golden.matmul(a[:, part], b[part], format, accumulator="fp32x2", initial=parts)
    assert np.array_equal(parts, whole)
    assert not np.array_equal(golden.matmul(a, b, format), whole)
    assert not np.array_equal(golden.matmul(a, b, format, accumulator="fp32x4"), whole)


@pytest.mark.parametrize("kind", ["fp32x2", "fp32x4"])
def test_what_joining_loses_is_far_below_what_quantizing_does(kind):
    """Neighbouring blocks of scales up to 2**6 apart: two thousandths, and nothing where scales are alike."""
    rng = np.random.default_rng(73)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((16, 2048), (2048, 16)))
    format = golden.BlockFormat(4, 64)
    for spread, least, most in ((0, 0, 0), (3, 1e-4, 5e-3)):
        scaled = a * np.exp2(rng.integers(-spread, spread + 1, 32)).astype(np.float32).repeat(64)
        blocks = golden.quantize(scaled, format), golden.quantize(b, format, 0)
        exact = golden.dequantize(blocks[0]).astype(np.float64) @ golden.dequantize(blocks[1]).astype(np.float64)
        lost = golden.matmul(*blocks, accumulator=kind) - exact
        quantized = exact - scaled.astype(np.float64) @ b.astype(np.float64)
        share = np.sqrt((lost**2).mean() / (quantized**2).mean())
        assert least <= share <= most, share


def test_rejects_other_groups():
    with pytest.raises(ValueError, match=r"^group must be 1, 2 or 4, not 3$"):
        golden.FloatAccumulator(24, 3)
