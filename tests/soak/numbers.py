"""Operands of every kind."""

import numpy as np
from numpy.typing import NDArray

from tests.soak import corners

__all__ = ["matrix"]


def matrix(kind: str, shape: tuple[int, ...], seed: int, bfloat16: bool = False) -> NDArray[np.float32]:
    """Float32 numbers of a kind, always the same for a seed.

    "small" integers, "normal" ones, a "wide" range of exponents, "special" words (NaN, infinity, subnormal, zero of both
    signs, ends of the range) among normal ones, and "ties", halves of the steps of blocks. With ``bfloat16`` their lower
    halves are zero.
    """
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape, np.float32)
    if kind == "small":
        values = rng.integers(-3, 4, shape).astype(np.float32)
    elif kind == "wide":
        values = np.ldexp(values, rng.integers(-130, 125, shape)).astype(np.float32)
    elif kind == "special":
        words = rng.choice(corners.words(), shape).view(np.float32)
        values = np.where(rng.random(shape) < rng.choice([0.002, 0.05, 0.5]), words, values)
    elif kind == "ties":
        values = (rng.integers(-64, 65, shape) / np.float32(2) ** rng.integers(1, 8)).astype(np.float32)
    if bfloat16:
        values = (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return values
