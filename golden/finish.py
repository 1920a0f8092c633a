"""What happens to C on its way out of the machine: bias, ReLU, bfloat16."""

import numpy as np
from numpy.typing import NDArray

from golden.accumulate import add, canonical, flush, round_to_bfloat16

__all__ = ["finish", "to_bfloat16"]


def finish(
    c: NDArray[np.float32], bias: NDArray[np.float32] | None = None, relu: bool = False
) -> NDArray[np.float32]:
    """``c + bias``, then ReLU, as the hardware does both.

    Parameters
    ----------
    c
        float32, shape (rows, columns), as from ``matmul``.
    bias
        float32, shape (columns,): one FP32 addition, like an accumulator's.
    relu
        negative numbers and -0 become +0; NaN stays.

    Raises
    ------
    TypeError, ValueError
        for another type or shape.
    """
    c = _checked("c", c, 2)
    result = c.copy()
    if bias is not None:
        bias = _checked("bias", bias, 1)
        if bias.shape[0] != c.shape[1]:
            raise ValueError(f"bias must have {c.shape[1]} elements, not {bias.shape[0]}")
        result = add(c, np.broadcast_to(bias, c.shape))
    if relu:
        result[np.signbit(result) & ~np.isnan(result)] = 0
    return result


def to_bfloat16(c: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Bits of the nearest bfloat16 numbers, ties to even; subnormals are zero of their sign, NaNs the canonical one."""
    words = round_to_bfloat16(canonical(flush(_checked("c", c).copy()))).view(np.uint32)
    return (words >> np.uint32(16)).astype(np.uint16)


def _checked(name: str, array: NDArray[np.float32], ndim: int | None = None) -> NDArray[np.float32]:
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        raise TypeError(f"{name} must be a float32 array, not {getattr(array, 'dtype', array)!s}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, not {array.ndim}")
    return array
