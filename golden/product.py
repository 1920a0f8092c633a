"""Matrices in blocks multiplied: step by step as defined, or by float32 BLAS where that gives the same bits."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.accumulate import Accumulator, FloatAccumulator, round_to_bfloat16
from golden.dot import block_dot, sum_bound
from golden.format import BlockTensor

__all__ = ["multiply", "multiply_exactly"]

TILE_ROWS, TILE_COLUMNS = 256, 512  # a float32 tile of products stays in a second-level cache
NOWHERE = 1 << 12


def multiply_exactly(
    a: BlockTensor, b: BlockTensor, kind: Accumulator, initial: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Any operands, any accumulator. NaN blocks count as zeros."""
    state: Any = kind.start((a.shape[0], b.shape[1]), initial)
    for block in range(a.fields.shape[1]):
        products = block_dot(a, b, block)
        state = kind.step(state, products.sums, products.scales)
    return kind.result(state)


def multiply(
    a: BlockTensor, b: BlockTensor, kind: FloatAccumulator, initial: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """As ``multiply_exactly`` with a floating-point accumulator, for dot products below 2**24 in magnitude.

    With the scales multiplied into the mantissas, one BLAS product per block gives exact sums where every scale of a
    product is at least -126 and none overflows. All are multiples of 2**-126 then, and so are their accumulated sums:
    nothing becomes subnormal, and plain float32 addition is the defined one. Other tiles of C go step by step.
    """
    folded_a, folded_b = _Folded(a), _Folded(b)
    bound_width = sum_bound(a.format, b.format).bit_length()
    result = kind.start((a.shape[0], b.shape[1]), initial)
    coarse = initial is None or bool(np.all((np.abs(result) >= 2.0**-102) | (result == 0)))
    scratch = np.empty((TILE_ROWS, TILE_COLUMNS), np.float32)
    for rows, columns in product(_slices(a.shape[0], TILE_ROWS), _slices(b.shape[1], TILE_COLUMNS)):
        tile = result[rows, columns]
        if coarse and folded_a.fits(rows, folded_b, columns, bound_width):
            part = scratch[: tile.shape[0], : tile.shape[1]]
            _add_blocks(tile, part, folded_a.values[rows], folded_b.values[columns], a.format.block_size, kind)
        else:
            start = initial[rows, columns] if initial is not None else None
            tile[...] = multiply_exactly(_rows(a, rows), _rows(b, columns), kind, start)
    return result


def _add_blocks(
    tile: NDArray[np.float32], scratch: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32],
    block_size: int, kind: FloatAccumulator,
) -> None:  # fmt: skip
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, a.shape[1], block_size):
            block = slice(start, start + block_size)
            np.matmul(a[:, block], b[:, block].T, out=scratch)
            if kind.significand_width == 8:
                round_to_bfloat16(scratch)
            tile += scratch
            if kind.significand_width == 8:
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
