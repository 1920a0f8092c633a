"""A convolution as a matrix product: the order in which its reduction runs decides the blocks, and so the bits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.format import BlockTensor

__all__ = ["filters", "output_size", "patch_blocks", "patches"]


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
    pads: Sequence[int] | None = None, dilations: Sequence[int] | None = None, multiple: int = 1,
) -> NDArray[Any]:  # fmt: skip
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
    multiple
        zeros follow the channels of each tap up to a multiple of this: of the block size, where the map is in blocks.

    Returns
    -------
    NDArray[np.float32]
        float32, shape (samples · positions, taps · channels), of another ``x`` of its type.

    Raises
    ------
    ValueError
        where a kernel is larger than its padded input.
    """
    axes = x.ndim - 2
    strides, dilations = strides or [1] * axes, dilations or [1] * axes
    pads = pads or [0] * (2 * axes)
    positions = output_size(x.shape[2:], kernel, strides, pads, dilations)
    padded = np.pad(x, [(0, 0), (0, -x.shape[1] % multiple), *zip(pads[:axes], pads[axes:], strict=True)])
    spans = [(taps - 1) * dilation + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, tuple(range(2, 2 + axes)))
    steps = tuple(slice(None, None, step) for step in strides)
    windows = windows[(slice(None), slice(None), *steps, *(slice(None, None, dilation) for dilation in dilations))]
    order = (0, *range(2, 2 + axes), *range(2 + axes, 2 + 2 * axes), 1)  # samples, positions, taps, channels
    return windows.transpose(order).reshape(len(x) * int(np.prod(positions)), -1)


def patch_blocks(
    blocks: BlockTensor, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None, dilations: Sequence[int] | None = None,
) -> BlockTensor:  # fmt: skip
    """Rows of A in blocks, from a map in blocks along its channels: each is what lies under the kernel, block by block.

    Rounded to nearest these are the blocks of ``patches`` with whole blocks of channels; rounded stochastically each
    element of the map is rounded once, and the same in all patches.

    Parameters
    ----------
    blocks
        of the map, shape (samples · positions, channels), along axis 1.
    size
        of a sample's map along each spatial axis.
    kernel, strides, pads, dilations
        as of ``patches``.

    Returns
    -------
    BlockTensor
        shape (samples · positions of the kernel, taps · channels, these in whole blocks), along axis 1; with the map's health.
    """
    positions, _, length = blocks.mantissas.shape
    samples = positions // int(np.prod(size))

    def under(values: NDArray[Any]) -> NDArray[Any]:
        of_map = np.moveaxis(values.reshape(samples, *size, -1), -1, 1)
        return patches(of_map, kernel, strides, pads, dilations)

    fields = under(blocks.fields)
    mantissas = under(blocks.mantissas).reshape(*fields.shape, length)
    shape = len(fields), fields.shape[1] * length
    return BlockTensor(np.ascontiguousarray(mantissas), np.ascontiguousarray(fields), blocks.format, shape, 1, health=blocks.health)


def filters(w: NDArray[np.float32], multiple: int = 1) -> NDArray[np.float32]:
    """Columns of B, in the order of ``patches``: float32, shape (filters, channels, kernel…) to (taps · channels, filters).

    Zeros follow the channels of each tap up to a ``multiple``, as there.
    """
    w = np.pad(w, [(0, 0), (0, -w.shape[1] % multiple), *[(0, 0)] * (w.ndim - 2)])
    return np.moveaxis(w, 1, -1).reshape(len(w), -1).T
