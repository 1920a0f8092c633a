"""Wide mantissas as slices that narrow multipliers take."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.format import check_range

__all__ = ["combine_slices", "slice_count", "split_mantissas"]


def slice_count(mantissa_width: int, slice_width: int = 3) -> int:
    """Slices of a mantissa; a product takes ``slice_count(a) * slice_count(b)`` passes."""
    return -(-(mantissa_width - 1) // slice_width)


def split_mantissas(mantissas: ArrayLike, mantissa_width: int, slice_width: int = 3) -> NDArray[np.int8]:
    """Slices of ``slice_width`` magnitude bits, each with its mantissa's sign.

    Parameters
    ----------
    mantissas
        integers of magnitude below ``2**(mantissa_width - 1)``.

    Returns
    -------
    NDArray[np.int8]
        int8, shape (slices, shape...), lowest first: the mantissa is ``sum(slices[i] << slice_width * i)``.

    Raises
    ------
    TypeError, ValueError
        when widths or mantissas are out of range.
    """
    check_range("mantissa_width", mantissa_width, 2, 16)
    check_range("slice_width", slice_width, 1, 7)
    mantissas = np.asarray(mantissas, np.int64)
    limit = 2 ** (mantissa_width - 1) - 1
    if np.any(np.abs(mantissas) > limit):
        raise ValueError(f"mantissas must be between {-limit} and {limit}")
    shifts = np.arange(slice_count(mantissa_width, slice_width)) * slice_width
    shifts = shifts.reshape(-1, *(1,) * mantissas.ndim)
    magnitudes = np.abs(mantissas) >> shifts & (2**slice_width - 1)
    slices: NDArray[np.int8] = (np.sign(mantissas) * magnitudes).astype(np.int8)
    return slices


def combine_slices(slices: ArrayLike, slice_width: int = 3) -> NDArray[np.int64]:
    """Numbers from slices, or from dot products of slices: ``sum(slices[i] << slice_width * i)``."""
    total = np.zeros(np.shape(slices)[1:], np.int64)
    for part in np.asarray(slices, np.int64)[::-1]:
        total = (total << slice_width) + part
    return total
