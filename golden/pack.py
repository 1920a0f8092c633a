"""Blocks as bytes: the layout of packed ports and files.

A block is its exponent field, then its mantissas in order, each in two's complement. Every number has its lowest bit
first, bit i of the stream is bit ``i % 8`` of byte ``i // 8``, blocks follow without gaps, zeros fill the last byte::

    bit 0         w        w+m      w+2m         w+Nm            (w: exponent_width, m: mantissa_width, N: block_size)
        | field   | q[0]   | q[1]   | ... q[N-1] | field   | ...
"""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.format import BlockFormat, BlockTensor, check_range

__all__ = ["pack", "packed_size", "unpack"]


def packed_size(blocks: int, format: BlockFormat) -> int:
    """Bytes of this many packed blocks."""
    return -(-blocks * format.block_bits // 8)


def pack(tensor: BlockTensor, lines: int = 1) -> NDArray[np.uint8]:
    """Blocks of a tensor, in the order of its ``fields``, as bytes.

    Parameters
    ----------
    tensor
        of any shape.
    lines
        neighbouring lines of a matrix whose blocks go side by side, for a machine that loads so many at once
        (``load_lines``): the first block of each, then the second of each. The last lines are filled up to as many, with
        zero blocks.

    Raises
    ------
    ValueError
        when a mantissa or an exponent field does not fit the format; for ``lines`` of what is no matrix.
    """
    format = tensor.format
    if lines != 1:
        tensor = _side_by_side(tensor, lines)
    limit = format.max_mantissa
    if np.any(tensor.mantissas > limit) or np.any(tensor.mantissas < -limit):
        raise ValueError(f"mantissas must be between {-limit} and {limit}")
    if np.any(tensor.fields > format.nan_field):
        raise ValueError(f"fields must be between 0 and {format.nan_field}")
    blocks = tensor.fields.size
    bits = np.empty((blocks, format.block_bits), np.uint8)
    bits[:, : format.exponent_width] = _to_bits(tensor.fields.reshape(blocks), format.exponent_width)
    mantissas = _to_bits(tensor.mantissas.reshape(blocks, -1), format.mantissa_width)
    bits[:, format.exponent_width :] = mantissas.reshape(blocks, -1)
    return np.packbits(bits.reshape(-1), bitorder="little")


def unpack(data: bytes | NDArray[np.uint8], format: BlockFormat, shape: tuple[int, ...], axis: int = -1) -> BlockTensor:
    """The tensor of this shape, in blocks along ``axis``, from its bytes.

    Codes no quantizer makes mean what they mean to the hardware: a mantissa of ``-2**(m-1)`` is ``-(2**(m-1)-1)``, and
    the mantissas of zero and NaN blocks are zero. Bits after the last block are ignored.

    Raises
    ------
    TypeError, ValueError
        for data of another type or length.
    """
    if not isinstance(data, bytes | bytearray | np.ndarray):
        raise TypeError(f"data must be bytes or an array of uint8, not {type(data).__name__}")
    octets: NDArray[np.uint8] = data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
    if octets.dtype != np.uint8:
        raise TypeError(f"data must be bytes or an array of uint8, not {octets.dtype}")
    for extent in shape:
        check_range("an extent of shape", extent, 1, 2**31 - 1)
    check_range("axis", axis, -len(shape), len(shape) - 1)
    axis %= len(shape)
    outer = shape[:axis] + shape[axis + 1 :]
    counts = (*outer, -(-shape[axis] // format.block_size))
    blocks = prod(counts)
    if octets.size != packed_size(blocks, format):
        raise ValueError(f"data must have {packed_size(blocks, format)} bytes for shape {shape}, not {octets.size}")
    stream = np.unpackbits(octets.reshape(-1), count=blocks * format.block_bits, bitorder="little")
    bits = stream.reshape(blocks, format.block_bits)
    fields = _from_bits(bits[:, : format.exponent_width]).astype(np.uint16)
    codes = _from_bits(bits[:, format.exponent_width :].reshape(blocks, format.block_size, format.mantissa_width))
    codes -= (codes >> (format.mantissa_width - 1)) << format.mantissa_width
    mantissas: NDArray[np.signedinteger] = np.maximum(codes, -format.max_mantissa).astype(format.dtype)
    mantissas[(fields == 0) | (fields == format.nan_field)] = 0
    return BlockTensor(
        mantissas.reshape(*counts, format.block_size), fields.reshape(counts), format, tuple(shape), axis
    )


def _side_by_side(tensor: BlockTensor, lines: int) -> BlockTensor:
    """The blocks of a matrix in the order in which ``lines`` lines at once have them."""
    check_range("lines", lines, 1, 2**31 - 1)
    if tensor.fields.ndim != 2:
        raise ValueError(f"lines must be 1 for a tensor of {tensor.fields.ndim} axes, not {lines}")

    def turned(values: NDArray[Any]) -> NDArray[Any]:
        filled = np.pad(values, [(0, -len(values) % lines), *[(0, 0)] * (values.ndim - 1)])
        return np.swapaxes(filled.reshape(-1, lines, *values.shape[1:]), 1, 2).reshape(filled.shape)

    mantissas, fields = turned(tensor.mantissas), turned(tensor.fields)
    shape = (len(fields), fields.shape[1] * tensor.format.block_size)
    return BlockTensor(mantissas, fields, tensor.format, shape, 1)


def _to_bits(numbers: NDArray[np.integer], width: int) -> NDArray[np.uint8]:
    """Lowest ``width`` bits of each number along a new last axis, lowest first."""
    shifts = np.arange(width, dtype=np.int16)
    return (numbers.astype(np.int16)[..., None] >> shifts & 1).astype(np.uint8)


def _from_bits(bits: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Inverse of ``_to_bits`` for numbers that are not negative."""
    return bits.astype(np.int32) @ (1 << np.arange(bits.shape[-1], dtype=np.int32))
