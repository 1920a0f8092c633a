# Ref: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003, section 3
"""The random sequence of stochastic rounding, many states at a time."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.format import check_range

__all__ = ["leap", "uniforms", "xorshift32_sequence"]

MASK = 0xFFFFFFFF
BITS = np.arange(32, dtype=np.uint32)
LANES = 16384
PIECE = 16  # steps whose states stay in a second-level cache


def _step(states: NDArray[np.uint32], scratch: NDArray[np.uint32]) -> None:
    """Advance every state by one, in place."""
    for shift, amount in ((np.left_shift, 13), (np.right_shift, 17), (np.left_shift, 5)):
        shift(states, np.uint32(amount), out=scratch)
        np.bitwise_xor(states, scratch, out=states)


def _multiply(columns: NDArray[np.uint32], states: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Matrix over GF(2), given by its columns, times every state."""
    chosen = (states[:, None] >> BITS & np.uint32(1)) * columns
    product: NDArray[np.uint32] = np.bitwise_xor.reduce(chosen, axis=1)
    return product


@lru_cache(maxsize=1024)
def leap(steps: int) -> NDArray[np.uint32]:
    """Columns of the matrix over GF(2) that advances a state by ``steps``; the sequence is linear, so it has one."""
    if steps < 2:
        columns = np.uint32(1) << BITS
        if steps:
            _step(columns, np.empty_like(columns))
        return columns
    half = leap(steps // 2)
    return _multiply(leap(steps % 2), _multiply(half, half))


def xorshift32_sequence(seed: int, count: int) -> NDArray[np.uint32]:
    """The ``count`` states that follow ``seed``, uint32.

    Lanes start evenly spaced along the sequence and step together.

    Raises
    ------
    TypeError, ValueError
        unless ``seed`` is between 1 and 2**32 - 1.
    """
    return _sequence(seed, count, np.dtype(np.uint32))


def uniforms(seed: int, count: int) -> NDArray[np.uint8]:
    """Random numbers in [0, 256), one per element: the top eight bits of ``xorshift32_sequence``."""
    return _sequence(seed, count, np.dtype(np.uint8))


def _sequence(seed: int, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The top bits of ``count`` states, as many as ``dtype`` has."""
    check_range("seed", seed, 1, MASK)
    check_range("count", count, 0, 2**40)
    lanes = min(LANES, max(1, count // 16))
    steps = -(-count // lanes)
    states = _spaced(seed, lanes, steps)
    shift = np.uint32(32 - 8 * dtype.itemsize)
    sequence = np.empty((lanes, steps), dtype)
    piece, scratch = np.empty((PIECE, lanes), dtype), np.empty_like(states)
    for start in range(0, steps, PIECE):
        rows = piece[: steps - start]
        for row in rows:
            _step(states, scratch)
            np.right_shift(states, shift, out=row, casting="unsafe")
        sequence[:, start : start + PIECE] = rows.T
    return sequence.reshape(-1)[:count]


@lru_cache(maxsize=256)
def _leap_tables(steps: int) -> NDArray[np.uint32]:
    """``leap`` for each value of each byte of a state, shape (4, 256)."""
    values = np.arange(256, dtype=np.uint32)
    return np.array([_multiply(leap(steps), values << np.uint32(8 * byte)) for byte in range(4)])


def _leapt(states: NDArray[np.uint32], steps: int) -> NDArray[np.uint32]:
    """Every state ``steps`` later."""
    tables, octets = _leap_tables(steps), states.astype("<u4").view(np.uint8).reshape(-1, 4)
    later: NDArray[np.uint32] = tables[0][octets[:, 0]]
    for byte in range(1, 4):
        later ^= tables[byte][octets[:, byte]]
    return later


def _spaced(seed: int, lanes: int, steps: int) -> NDArray[np.uint32]:
    """States ``steps`` apart, the first one being ``seed``."""
    states = np.array([seed], np.uint32)
    while len(states) < lanes:
        states = np.concatenate([states, _leapt(states, steps * len(states))])
    return states[:lanes].copy()
