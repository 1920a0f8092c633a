"""A convolution as a matrix product: the order in which its reduction runs decides the blocks, and so the bits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["filters", "output_size", "patches"]


def output_size(
    size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    """Positions of the output along each spatial axis.

    Parameters
    ----------
    size, kernel, strides, dilations
        one integer per spatial axis.
    pads
        zeros before each axis, then zeros behind each, as ONNX orders them.

    Raises
    ------
    ValueError
        where a kernel is larger than its padded input.
    """
    axes = len(size)
    spans = [(taps - 1) * dilation + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    padded = [extent + before + behind for extent, before, behind in zip(size, pads[:axes], pads[axes:], strict=True)]
    for span, extent in zip(spans, padded, strict=True):
        if span > extent:
            raise ValueError(f"kernel must fit its padded input of {extent}, not span {span}")
    return tuple((extent - span) // step + 1 for extent, span, step in zip(padded, spans, strides, strict=True))


def patches(
    x: NDArray[np.float32], kernel: Sequence[int], strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None, dilations: Sequence[int] | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    """Rows of A: what lies under the kernel at each position of the output.

    Rows run over samples, then output positions; columns over kernel positions, then channels, which are innermost, so
    that a block of a row holds neighbouring channels of as few positions as can be. Positions outside are zero.

    Parameters
    ----------
    x
        float32, shape (samples, channels, size…).
    kernel
        taps along each spatial axis.
    strides, pads, dilations
        as of ``output_size``; by default ones, zeros and ones.

    Returns
    -------
    NDArray[np.float32]
        float32, shape (samples · positions, taps · channels).

    Raises
    ------
    ValueError
        where a kernel is larger than its padded input.
    """
    axes = x.ndim - 2
    strides, dilations = strides or [1] * axes, dilations or [1] * axes
    pads = pads or [0] * (2 * axes)
    positions = output_size(x.shape[2:], kernel, strides, pads, dilations)
    padded = np.pad(x, [(0, 0), (0, 0), *zip(pads[:axes], pads[axes:], strict=True)])
    spans = [(taps - 1) * dilation + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, tuple(range(2, 2 + axes)))
    steps = tuple(slice(None, None, step) for step in strides)
    windows = windows[(slice(None), slice(None), *steps, *(slice(None, None, dilation) for dilation in dilations))]
    order = (0, *range(2, 2 + axes), *range(2 + axes, 2 + 2 * axes), 1)  # samples, positions, taps, channels
    return windows.transpose(order).reshape(len(x) * int(np.prod(positions)), -1)


def filters(w: NDArray[np.float32]) -> NDArray[np.float32]:
    """Columns of B, in the order of ``patches``: float32, shape (filters, channels, kernel…) to (taps · channels, filters)."""
    return np.moveaxis(w, 1, -1).reshape(len(w), -1).T
