# Ref: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003, section 3
"""The random sequence of stochastic rounding, many states at a time."""

import numpy as np
from numpy.typing import NDArray

from golden.format import check_range

__all__ = ["leap", "uniforms", "xorshift32_sequence"]

MASK = 0xFFFFFFFF
LANES = 4096


def _step(states: NDArray[np.uint32], scratch: NDArray[np.uint32]) -> None:
    """Advance every state by one, in place."""
    for shift, amount in ((np.left_shift, 13), (np.right_shift, 17), (np.left_shift, 5)):
        shift(states, np.uint32(amount), out=scratch)
        np.bitwise_xor(states, scratch, out=states)


def _multiply(columns: list[int], states: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Matrix over GF(2), given by its columns, times every state."""
    product = np.zeros_like(states)
    for bit, column in enumerate(columns):
        product ^= (states >> np.uint32(bit) & np.uint32(1)) * np.uint32(column)
    return product


def leap(steps: int) -> list[int]:
    """Columns of the matrix over GF(2) that advances a state by ``steps``; the sequence is linear, so it has one."""
    square = np.array([1 << bit for bit in range(32)], np.uint32)
    _step(square, np.empty_like(square))
    result = np.array([1 << bit for bit in range(32)], np.uint32)
    while steps:
        columns = square.tolist()
        if steps & 1:
            result = _multiply(columns, result)
        square = _multiply(columns, square)
        steps >>= 1
    return [int(column) for column in result]


def xorshift32_sequence(seed: int, count: int) -> NDArray[np.uint32]:
    """The ``count`` states that follow ``seed``, uint32.

    Lanes start evenly spaced along the sequence and step together.

    Raises
    ------
    TypeError, ValueError : unless ``seed`` is between 1 and 2**32 - 1.
    """
    check_range("seed", seed, 1, MASK)
    check_range("count", count, 0, 2**40)
    lanes = min(LANES, max(1, count // 16))
    steps = -(-count // lanes)
    states = np.array([seed], np.uint32)
    columns = leap(steps)
    while len(states) < lanes:
        states = np.concatenate([states, _multiply(columns, states)])
        columns = [int(column) for column in _multiply(columns, np.array(columns, np.uint32))]
    states = states[:lanes].copy()
    sequence, scratch = np.empty((steps, lanes), np.uint32), np.empty_like(states)
    for row in sequence:
        _step(states, scratch)
        row[...] = states
    return np.ascontiguousarray(sequence.T).reshape(-1)[:count]


def uniforms(seed: int, count: int) -> NDArray[np.uint8]:
    """Random numbers in [0, 256), one per element: the top eight bits of ``xorshift32_sequence``."""
    return (xorshift32_sequence(seed, count) >> np.uint32(24)).astype(np.uint8)
