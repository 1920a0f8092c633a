"""Operands at the corners of FP32, in the manner of TestFloat, and random ones."""

# Ref: J. Hauser, Berkeley TestFloat, 2018: operands of special exponents and fractions, each with each, and random ones.

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["integers", "word_pairs", "words"]

CHUNK = 1 << 20
EXPONENTS = (0, 1, 2, 3, 22, 23, 24, 25, 26, 64, 102, 103, 104, 105, 125, 126, 127, 128, 129, 150, 151, 152, 230, 231, 232, 252,
             253, 254, 255)  # fmt: skip
ONES = (1 << 23) - 1
FRACTIONS = (
    0, 1, 2, 3, 4, ONES, ONES - 1, ONES - 3, 1 << 22, (1 << 22) + 1, (1 << 22) - 1, 1 << 21, 0x155555, 0x2AAAAA,
    0x3FFFFC, 0x400004, 0x7FFF80, 0x00007F, 0x000080, 0x00FFFF, 0x010000,
)  # fmt: skip


def words() -> NDArray[np.uint32]:
    """Words of every special exponent with every special fraction, of both signs: uint32, shape (n,)."""
    exponents, fractions = np.array(EXPONENTS, np.uint32), np.array(FRACTIONS, np.uint32)
    magnitudes = (exponents[:, None] << 23 | fractions).ravel()
    return np.concatenate([magnitudes, magnitudes | np.uint32(1 << 31)])


def _near(rng: np.random.Generator, a: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Words some 27 places about those of ``a``, with few bits or runs of bits, so that they cancel, tie and carry."""
    exponents = (a >> 23 & 0xFF).astype(np.int64) - rng.integers(-2, 28, a.size)
    one, other = (np.uint64(1) << rng.integers(0, 24, a.size).astype(np.uint64) for _ in range(2))
    runs = np.maximum(one, other) - np.minimum(one, other)
    choices = np.array([one, one | other, runs, runs ^ 1, a.astype(np.uint64), a ^ one])
    fractions = np.take_along_axis(choices, rng.integers(0, 6, (1, a.size)), 0)[0] & np.uint64(ONES)
    signs = rng.integers(0, 2, a.size, np.uint32) << np.uint32(31)
    return signs | np.clip(exponents, 0, 255).astype(np.uint32) << np.uint32(23) | fractions.astype(np.uint32)


def word_pairs(count: int, seed: int) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32]]]:
    """At least ``count`` pairs in chunks: every corner with every corner, then near pairs and random ones in turn."""
    corners, made = words(), 0
    for part in np.array_split(corners, max(1, corners.size**2 // CHUNK)):
        a, b = (x.ravel() for x in np.meshgrid(part, corners, indexing="ij"))
        yield a, b
        made += a.size
    rng, turn = np.random.default_rng(seed), 0
    while made < count:
        a = rng.integers(0, 1 << 32, CHUNK, np.uint32)
        yield a, (_near(rng, a) if turn % 2 == 0 else rng.integers(0, 1 << 32, CHUNK, np.uint32))
        turn, made = turn + 1, made + CHUNK


def integers(
    count: int, width: int, scale_width: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """At least ``count`` integers below ``2**(width - 1)`` with scales of ``scale_width`` signed bits, in chunks.

    First sums of up to two powers of two and their neighbours at every scale, then numbers of every length at random, most
    of them at scales whose results are near the ends of FP32.
    """
    powers = [0, *(1 << i for i in range(width - 1))]
    some = {p + q + d for p in powers for q in powers for d in (-1, 0, 1)}
    magnitudes = np.array(sorted(v for v in some if 0 <= v < 1 << width - 1))
    totals = np.concatenate([magnitudes, -magnitudes])
    low, high = -(1 << scale_width - 1), 1 << scale_width - 1
    made = 0
    for scales in np.array_split(np.arange(low, high), max(1, totals.size * (high - low) // CHUNK)):
        t, s = (x.ravel() for x in np.meshgrid(totals, scales, indexing="ij"))
        yield t, s
        made += t.size
    rng = np.random.default_rng(seed)
    while made < count:
        t = rng.integers(0, 1 << width - 1, CHUNK) >> rng.integers(0, width - 1, CHUNK)
        length = np.frexp(t.astype(np.float64))[1]
        ends = np.where(rng.integers(0, 2, CHUNK), -126, 128) - length + rng.integers(-3, 4, CHUNK)
        s = np.where(rng.integers(0, 4, CHUNK) > 0, ends, rng.integers(low, high, CHUNK))
        yield t * rng.choice([-1, 1], CHUNK), np.clip(s, low, high - 1)
        made += CHUNK
