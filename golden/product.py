"""Matrices in blocks multiplied: step by step as defined, or by float32 BLAS where that gives the same bits."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.accumulate import Accumulator, FloatAccumulator, round_to_bfloat16
from golden.dot import block_dot, sum_bound
from golden.format import BlockTensor
from golden.join import join

__all__ = ["accumulate_blocks", "multiply"]

TILE_ROWS, TILE_COLUMNS = 256, 512  # a float32 tile of products stays in a second-level cache
EXACT_FLOAT32 = 1 << 24  # integers up to this magnitude, and their sums in any order, are float32 numbers
NOWHERE = 1 << 12


def accumulate_blocks(a: BlockTensor, b: BlockTensor, kind: Accumulator, state: Any = None) -> Any:
    """The accumulator's state after all blocks of A and B, each step as defined, for any operands.

    Parameters
    ----------
    a
        matrix (rows, inner) in blocks along axis 1.
    b
        matrix (inner, columns) in blocks along axis 0.
    kind
        a ``FloatAccumulator`` or an ``AlignedAccumulator``.
    state
        a state of ``kind``, of shape (rows, columns), to go on from; None starts from zero.

    Returns
    -------
    Any
        The state: ``kind.result`` makes it float32.
    """
    if state is None:
        state = kind.start((a.shape[0], b.shape[1]))
    blocks = a.fields.shape[1]
    for block in range(0, blocks, kind.group):
        last = min(block + kind.group, blocks)
        products = join([block_dot(a, b, k) for k in range(block, last)], kind.group)
        state = kind.step(state, products.sums, products.scales, products.nan)
    return state


def multiply(
    a: BlockTensor, b: BlockTensor, kind: Accumulator, initial: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """The product as ``accumulate_blocks`` defines it, tile by tile, with float32 BLAS where that gives the same bits.

    NaN blocks may count as zeros here. With the scales multiplied into the mantissas, one BLAS product per block gives
    exact sums where integer dot products stay below 2**24, every scale of a product is at least -126 and none
    overflows. All are multiples of 2**-126 then, and so are their accumulated sums: nothing becomes subnormal, and
    plain float32 addition is the defined one. Other tiles of C, and other accumulators, go step by step.
    """
    bound = sum_bound(a.format, b.format)
    plain = isinstance(kind, FloatAccumulator) and kind.group == 1
    folded = (_Folded(a), _Folded(b)) if plain and bound < EXACT_FLOAT32 else None
    result = np.empty((a.shape[0], b.shape[1]), np.float32)
    scratch = np.empty((TILE_ROWS, TILE_COLUMNS), np.float32)
    for rows, columns in product(_slices(a.shape[0], TILE_ROWS), _slices(b.shape[1], TILE_COLUMNS)):
        shape = rows.stop - rows.start, columns.stop - columns.start
        state: Any = kind.start(shape, initial[rows, columns] if initial is not None else None)
        if folded and _is_coarse(state) and folded[0].fits(rows, folded[1], columns, bound.bit_length()):
            part = scratch[: shape[0], : shape[1]]
            _add_blocks(state, part, folded[0].values[rows], folded[1].values[columns], a.format.block_size, kind)
        else:
            state = accumulate_blocks(_rows(a, rows), _rows(b, columns), kind, state)
        result[rows, columns] = kind.result(state)
    return result


def _is_coarse(state: NDArray[np.float32]) -> bool:
    """Whether all numbers are multiples of 2**-126, which 24 bits from 2**-102 up are."""
    return bool(np.all((np.abs(state) >= 2.0**-102) | (state == 0)))


def _add_blocks(
    tile: NDArray[np.float32], scratch: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32],
    block_size: int, kind: Accumulator,
) -> None:  # fmt: skip
    rounds = isinstance(kind, FloatAccumulator) and kind.significand_width == 8
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, a.shape[1], block_size):
            block = slice(start, start + block_size)
            np.matmul(a[:, block], b[:, block].T, out=scratch)
            if rounds:
                round_to_bfloat16(scratch)
            tile += scratch
            if rounds:
                round_to_bfloat16(tile)


def _slices(length: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _rows(tensor: BlockTensor, rows: slice) -> BlockTensor:
    """Some rows of an operand (columns of B)."""
    shape = [rows.stop - rows.start] * 2
    shape[tensor.axis] = tensor.shape[tensor.axis]
    return BlockTensor(tensor.mantissas[rows], tensor.fields[rows], tensor.format, tuple(shape), tensor.axis)


class _Folded:
    """An operand as float32 values, a row for each row of A or column of B, and the extremes of its scales.

    Zero and NaN blocks are zeros here and count in no extreme. Values beyond float32 are wrong: ``fits`` tells.
    """

    def __init__(self, tensor: BlockTensor):
        scales = tensor.scales
        ordinary = ~(tensor.zero_blocks | tensor.nan_blocks)
        factors = np.ldexp(np.float32(1), np.clip(scales, -126, 127)) * ordinary
        with np.errstate(over="ignore"):
            values = np.multiply(tensor.mantissas, factors[..., None], dtype=np.float32)
        self.values = values.reshape(len(scales), -1)
        self.low = np.where(ordinary, scales, NOWHERE)
        self.high = np.where(ordinary, scales + tensor.format.mantissa_width, -NOWHERE)

    def fits(self, rows: slice, other: "_Folded", columns: slice, bound_width: int) -> bool:
        """Whether all values and products of these rows with these columns of ``other`` are exact in float32.

        ``bound_width`` is the width of the largest integer dot product.
        """
        low_a, low_b = self.low[rows].min(axis=0), other.low[columns].min(axis=0)
        high_a, high_b = self.high[rows].max(axis=0), other.high[columns].max(axis=0)
        low = min(low_a.min(), low_b.min(), (low_a + low_b).min())
        return bool(low >= -126 and max(high_a.max(), high_b.max(), (high_a + high_b).max() + bound_width) <= 127)
