"""What additions and conversions must give, on arrays, without the arithmetic of ``golden``.

A sum of two FP32 numbers is rounded twice here, to 53 bits and to 24. That is as good as once: 53 >= 2 * 24 + 2, and for
one addition, subtraction, multiplication, division or square root this suffices (Figueroa, When is double rounding
innocuous?, SIGNUM Newsletter 30 (3), 1995). Nothing underflows in between: FP32 numbers are multiples of 2**-149, so a sum
below 2**-126 has fewer than 24 bits and is exact. A converted integer has less than 53 bits, so its product with a
power of two is exact, and rounded once. ``tests/soak/test_oracle.py`` holds all of this to exact fractions.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["converted", "sums"]

NAN = 0x7FC00000
SMALLEST, BEYOND = 2.0**-126, 2.0**128


def rounded(values: NDArray[np.float64], significand_width: int) -> NDArray[np.uint32]:
    """FP32 words of numbers rounded to nearest even as if exponents had no ends; then zero, or infinity, of its sign."""
    fractions, exponents = np.frexp(values)
    significands = np.rint(np.ldexp(fractions, significand_width))
    results = np.ldexp(significands, exponents - significand_width)
    magnitudes = np.abs(results)
    results = np.where(magnitudes < SMALLEST, np.copysign(0.0, values), results)
    results = np.where(magnitudes >= BEYOND, np.copysign(np.inf, values), results)
    return results.astype(np.float32).view(np.uint32)


def sums(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """FP32 words of sums of words as the datapaths keep them, see ``hw.accumulate.float_format.FloatFormat``.

    A word with exponent 0 counts as zero of its sign, one with the largest exponent as NaN if its fraction's top bit is
    set, else as infinity: others are made into these where they enter the machine.
    """
    x, y = (_meant(words) for words in (a, b))
    with np.errstate(invalid="ignore", over="ignore"):
        total = x.view(np.float32).astype(np.float64) + y.view(np.float32)
        words = rounded(np.where(np.isfinite(total), total, 0), 24)
    words = np.where(np.isposinf(total), np.uint32(0x7F800000), np.where(np.isneginf(total), np.uint32(0xFF800000), words))
    return np.where(np.isnan(total), np.uint32(NAN), words)


def converted(totals: NDArray[np.int64], scales: NDArray[np.int64], significand_width: int) -> NDArray[np.uint32]:
    """FP32 words of ``totals * 2**scales``, with 24 bits of significand or with 8."""
    return rounded(np.ldexp(totals.astype(np.float64), scales.astype(np.int64)), significand_width)


def _meant(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    exponents = words & np.uint32(0x7F800000)
    kept = np.where(exponents == 0, 0x80000000, np.where(exponents == 0x7F800000, 0xFFC00000, 0xFFFFFFFF))
    return words & kept.astype(np.uint32)
