"""Integer dot products of blocks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.format import BlockFormat, BlockTensor

__all__ = ["BlockProducts", "block_dot", "check_operands", "sum_bound", "sum_width"]


def sum_bound(a: BlockFormat, b: BlockFormat) -> int:
    """Largest magnitude of a block's integer dot product: every mantissa at its largest."""
    return a.block_size * a.max_mantissa * b.max_mantissa


def sum_width(a: BlockFormat, b: BlockFormat) -> int:
    """Bits of the signed dot product of two blocks."""
    return sum_bound(a, b).bit_length() + 1


class BlockProducts(NamedTuple):
    """Dot products of one block of every row with one of every column: ``sums * 2**scales``, or NaN where ``nan``."""

    sums: NDArray[np.int64]
    scales: NDArray[np.int32]
    nan: NDArray[np.bool_]


def block_dot(a: BlockTensor, b: BlockTensor, block: int) -> BlockProducts:
    """Exact dot products of block number ``block`` of each row of A and each column of B.

    Parameters
    ----------
    a
        matrix (rows, inner) in blocks along axis 1.
    b
        matrix (inner, columns) in blocks along axis 0.
    block
        index along the reduction axis.

    Returns
    -------
    BlockProducts
        BlockProducts of arrays (rows, columns).
    """
    check_operands(a, b)
    # Exact: at most 1024 * 32767**2 < 2**53.
    sums = a.mantissas[:, block].astype(np.float64) @ b.mantissas[:, block].astype(np.float64).T
    scales = a.scales[:, block, None] + b.scales[:, block]
    return BlockProducts(sums.astype(np.int64), scales, a.nan_blocks[:, block, None] | b.nan_blocks[:, block])


def check_operands(a: BlockTensor, b: BlockTensor) -> None:
    """Raise unless A and B can be multiplied."""
    for name, tensor, axis in (("a", a, 1), ("b", b, 0)):
        if len(tensor.shape) != 2 or tensor.axis != axis:
            raise ValueError(f"{name} must be a matrix in blocks along axis {axis}, not {tensor}")
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"a and b must agree in the reduction axis, not have shapes {a.shape} and {b.shape}")
    if a.format.block_size != b.format.block_size:
        raise ValueError(
            f"a and b must have the same block_size, not {a.format.block_size} and {b.format.block_size}"
        )
