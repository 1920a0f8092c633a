"""The oracle of the vectors against exact fractions, and the vectors against an adder that is wrong in one place."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from hw.accumulate.float_format import BF16, FP32
from tests.accumulate.test_float_add import expected
from tests.accumulate.words import rounded
from tests.soak import corners, oracle, vectors

PAIRS = 20_000


@pytest.fixture(scope="module")
def pairs():
    """Corners with corners, near pairs and random ones, some of each."""
    rng = np.random.default_rng(1)
    parts = list(corners.word_pairs(corners.words().size ** 2 + 2 * corners.CHUNK, 5))
    chosen = [rng.choice(len(a), PAIRS // len(parts)) for a, _ in parts]
    return [np.concatenate([p[i][c] for p, c in zip(parts, chosen, strict=True)]) for i in (0, 1)]


def test_sums_equal_exact_fractions(pairs):
    found = oracle.sums(*pairs)
    for a, b, word in zip(*(x.tolist() for x in (*pairs, found)), strict=True):
        assert word == expected(FP32, a, b), (hex(a), hex(b))


@pytest.mark.parametrize("form", [FP32, BF16], ids=["fp32", "bf16"])
def test_conversions_equal_exact_fractions(form):
    rng = np.random.default_rng(2)
    parts = list(corners.integers(3_000_000, vectors.TOTAL_WIDTH, vectors.SCALE_WIDTH, 6))
    for totals, scales in parts:
        chosen = rng.choice(len(totals), 4000 // len(parts) + 1)
        found = oracle.converted(totals[chosen], scales[chosen], form.significand_width)
        for total, scale, word in zip(totals[chosen].tolist(), scales[chosen].tolist(), found.tolist(), strict=True):
            assert word == rounded(form, total * Fraction(2) ** scale) << 32 - form.width, (total, scale)


def test_the_compiled_arithmetic_equals_the_oracle():
    found = vectors.measure(1)
    assert found["different"] == 0, found["first"]
    assert min(found["cases"].values()) > 1_000_000


def test_a_wrong_bit_is_found():
    """Ties rounded up, in one sum of thousands; and a format that is not asked for."""

    def add(a, b):
        words = oracle.sums(a, b)
        return words ^ ((a & 0xFFFF == 3) & (b & 0xFFFF == 4)).astype(np.uint32)

    def convert(totals, scales):
        return tuple(oracle.converted(totals, scales, 24) for _ in range(2))

    found = vectors.measure(1, device=SimpleNamespace(add=add, convert=convert))
    assert {name for name, *_ in found["first"]} == {"add"}
    assert found["different"] > 1000
