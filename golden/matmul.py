"""Products of matrices in blocks."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.accumulate import CANONICAL_NAN, Accumulator, canonical
from golden.accumulate import accumulator as accumulator_named
from golden.dot import check_operands, sum_width
from golden.format import BlockFormat, BlockTensor
from golden.product import multiply
from golden.quantize import quantize

__all__ = ["matmul"]


def matmul(
    a: ArrayLike | BlockTensor, b: ArrayLike | BlockTensor, format_a: BlockFormat | None = None,
    format_b: BlockFormat | None = None, *, rounding: str = "nearest", seed_a: int | None = None,
    seed_b: int | None = None, power_of_two: str = "exact", accumulator: str | Accumulator = "fp32",
    initial: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    """``a @ b`` in block floating point: what the hardware computes, bit for bit.

    Each row of A and column of B is cut into blocks along the reduction axis. Products of blocks are exact integers;
    one after the other (or two or four joined), in ascending order, they are accumulated. So C depends on the inputs and
    the formats alone.

    Parameters
    ----------
    a
        float32 matrix (rows, inner), or that matrix quantized along axis 1.
    b
        float32 matrix (inner, columns), or that matrix quantized along axis 0.
    format_a, format_b
        formats to quantize float32 operands in (B's default is A's). Mantissa widths may differ, block sizes may
        not.
    rounding, seed_a, seed_b, power_of_two
        as in ``quantize``.
    accumulator
        "fp32", "bf16", "aligned", "fp32x2" or "fp32x4", or an accumulator object.
    initial
        float32 (rows, columns) to start from instead of +0; not with "aligned".

    Returns
    -------
    NDArray[np.float32]
        float32 (rows, columns). NaN where a NaN block took part, always the canonical one; no subnormals.

    Raises
    ------
    TypeError, ValueError
        naming the parameter, the rule and the value.
    """
    format_b = format_b or (a.format if isinstance(a, BlockTensor) else format_a)
    blocks_a = _blocks("a", a, format_a, 1, rounding, seed_a, power_of_two)
    blocks_b = _blocks("b", b, format_b, 0, rounding, seed_b, power_of_two)
    check_operands(blocks_a, blocks_b)
    rows, columns = blocks_a.shape[0], blocks_b.shape[1]
    if initial is not None:
        if not isinstance(initial, np.ndarray) or initial.dtype != np.float32:
            raise TypeError(f"initial must be a float32 array, not {getattr(initial, 'dtype', initial)!s}")
        if initial.shape != (rows, columns):
            raise ValueError(f"initial must have shape {(rows, columns)}, not {initial.shape}")
    kind = accumulator_named(accumulator, sum_width(blocks_a.format, blocks_b.format))
    result = multiply(blocks_a, blocks_b, kind, initial)
    result[blocks_a.nan_blocks.any(axis=1)] = CANONICAL_NAN
    result[:, blocks_b.nan_blocks.any(axis=1)] = CANONICAL_NAN
    return canonical(result)


def _blocks(
    name: str, x: ArrayLike | BlockTensor, format: BlockFormat | None, axis: int, rounding: str, seed: int | None,
    power_of_two: str,
) -> BlockTensor:  # fmt: skip
    if isinstance(x, BlockTensor):
        return x
    if format is None:
        raise TypeError(f"format_{name} must be given when {name} is not in blocks yet")
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} must be an array without a mask")
    if np.asarray(x).dtype != np.float32:
        raise TypeError(f"{name} must be float32, not {np.asarray(x).dtype}")
    if np.ndim(x) != 2:
        raise ValueError(f"{name} must be a matrix, not of shape {np.shape(x)}")
    return quantize(x, format, axis, rounding, seed, power_of_two)
