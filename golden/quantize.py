"""FP32 tensors become blocks and blocks FP32 tensors."""

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from golden.format import FP32_BIAS, BlockFormat, BlockTensor, Health, check_choice, check_range
from golden.stochastic import uniforms

__all__ = ["dequantize", "quantize"]

ROUNDINGS = ("nearest", "stochastic", "truncate")
POWER_OF_TWO_RULES = ("exact", "saturate")
CHUNK = 1 << 15  # elements whose scratch arrays stay in a second-level cache
LIFT = 64
FRACTION_MASK = np.int32(0x7FFFFF)
MAGNITUDE_MASK = np.int32(0x7FFFFFFF)
SMALLEST_NORMAL = np.int32(0x00800000)


def quantize(
    x: ArrayLike, format: BlockFormat, axis: int = -1, rounding: str = "nearest", seed: int | None = None,
    power_of_two: str = "exact", tile_width: int = 1,
) -> BlockTensor:  # fmt: skip
    """Quantize a tensor into blocks along ``axis``.

    A ragged last block is padded with zeros. Subnormals count as zero; a block with a NaN or an infinity becomes a NaN
    block; a block below the range of a narrow exponent becomes a zero block, one above it saturates.

    Parameters
    ----------
    x
        float32, at least one dimension, no empty one.
    format
        the block format.
    axis
        the axis the blocks lie along, the reduction axis of the product to come.
    rounding
        "nearest" (ties to even), "stochastic" or "truncate" (toward zero), each on the magnitude.
    seed
        of the stochastic sequence, 1 … 2**32 - 1. Elements draw in the order of the tensor with ``axis`` moved
        last, each row padded to whole blocks.
    power_of_two
        "exact" represents a block maximum of ``2**e`` exactly; "saturate" takes the exponent as
        ``ceil(log2(maximum))`` like the published emulator, so that such a maximum saturates. Hardware has the
        first.
    tile_width
        neighbours along the next axis (the last one but ``axis``) that share each exponent.

    Returns
    -------
    BlockTensor
        BlockTensor, with ``health``.

    Raises
    ------
    TypeError, ValueError
        naming the parameter, the rule and the value.
    """
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError("x must be an array without a mask")
    x = np.asarray(x)
    if x.dtype != np.float32:
        raise TypeError(f"x must be float32, not {x.dtype}")
    if not isinstance(format, BlockFormat):
        raise TypeError(f"format must be a BlockFormat, not {format!r}")
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"x must have at least one element along each axis, not shape {x.shape}")
    check_range("axis", axis, -x.ndim, x.ndim - 1)
    check_choice("rounding", rounding, ROUNDINGS)
    check_choice("power_of_two", power_of_two, POWER_OF_TWO_RULES)
    check_range("tile_width", tile_width, 1, 1024)
    if tile_width > 1 and x.ndim == 1:
        raise ValueError(f"tile_width must be 1 for a vector, not {tile_width}")

    moved = np.moveaxis(x, axis, -1)
    *outer, length = moved.shape
    blocks = -(-length // format.block_size)
    mantissas = np.empty((*outer, blocks, format.block_size), format.dtype)
    fields = np.empty((*outer, blocks), np.uint16)
    draws = _draws(seed, mantissas.shape) if rounding == "stochastic" else None
    converter = _Converter(format, rounding, power_of_two == "saturate", tile_width)
    converter.convert(moved, mantissas, fields, draws)
    return BlockTensor(mantissas, fields, format, x.shape, axis % x.ndim, tile_width, converter.health)


def dequantize(tensor: BlockTensor, dtype: DTypeLike = np.float32) -> NDArray[np.floating]:
    """Values of the elements, in the shape of the tensor that was quantized; NaN in NaN blocks.

    Parameters
    ----------
    tensor
        blocks.
    dtype
        float32 (exact for exponents of up to 8 bits, others may overflow to infinity or underflow) or float64
        (always exact).

    Raises
    ------
    TypeError
        for another ``dtype``.
    """
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, not {np.dtype(dtype)}")
    exact = dtype if tensor.format.exponent_width <= 8 else np.float64
    intervals = np.ldexp(np.ones(1, exact), np.where(tensor.nan_blocks, 0, tensor.scales))
    intervals[tensor.nan_blocks] = np.nan
    values: NDArray[np.floating] = np.multiply(tensor.mantissas, intervals[..., None], dtype=exact)
    *outer, blocks, size = values.shape
    rows = values.reshape(*outer, blocks * size)[..., : tensor.shape[tensor.axis]]
    with np.errstate(over="ignore", under="ignore"):
        values = np.moveaxis(rows, -1, tensor.axis).astype(dtype, copy=False)
    return values


def _draws(seed: int | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if seed is None:
        raise ValueError("seed must be given for stochastic rounding")
    return uniforms(seed, prod(shape)).reshape(shape)


class _Converter:
    """One conversion, chunk by chunk in the same scratch arrays."""

    def __init__(self, format: BlockFormat, rounding: str, saturate: bool, tile_width: int):
        self.format = format
        self.rounding = rounding
        self.saturate = saturate
        self.tile_width = tile_width
        self.health = Health()

    def convert(
        self, x: NDArray[np.float32], mantissas: NDArray[np.signedinteger], fields: NDArray[np.uint16],
        draws: NDArray[np.uint8] | None,
    ) -> None:  # fmt: skip
        """Fill ``mantissas`` and ``fields``. Tiles never cross from one matrix of a stack into the next."""
        size = self.format.block_size
        length, blocks = x.shape[-1], fields.shape[-1]
        rows = x.shape[-2] if self.tile_width > 1 else prod(x.shape[:-1])
        if self.tile_width == 1 and blocks * size == length and x.flags.c_contiguous:
            rows, blocks, length = 1, rows * blocks, x.size
        shape = (-1, rows, blocks, size)
        x, mantissas, fields = x.reshape(-1, rows, length), mantissas.reshape(shape), fields.reshape(shape[:-1])
        draws = draws.reshape(shape) if draws is not None else None
        for matrix, r, b in _chunks(len(x), rows, blocks, size, self.tile_width):
            part = x[matrix, r, b.start * size : b.stop * size]
            self._convert_chunk(
                part, mantissas[matrix, r, b], fields[matrix, r, b], draws[matrix, r, b] if draws is not None else None
            )

    def _convert_chunk(
        self, x: NDArray[np.float32], mantissas: NDArray[np.signedinteger], fields: NDArray[np.uint16],
        draws: NDArray[np.uint8] | None,
    ) -> None:  # fmt: skip
        values = _padded(x, mantissas.shape[1] * mantissas.shape[2]).reshape(mantissas.shape)
        magnitudes = values.view(np.int32) & MAGNITUDE_MASK
        fields[...] = self._fields(magnitudes)
        nan = fields == self.format.nan_field
        if nan.any():
            values[nan] = 0
            magnitudes[nan] = 0
        with np.errstate(over="ignore", under="ignore"):
            self._divide(values, magnitudes, fields)
            if self.rounding == "nearest":
                np.rint(values, out=values)
            elif draws is None:
                np.trunc(values, out=values)
            else:
                _round_stochastically(values, draws)
        largest = np.float32(self.format.max_mantissa)
        clipped = np.clip(values, -largest, largest)
        mantissas[...] = clipped
        self.health += Health(
            saturated=int(np.count_nonzero(clipped != values)),
            flushed=int(np.count_nonzero(magnitudes) - np.count_nonzero(mantissas)),
            nan_blocks=int(np.count_nonzero(nan)),
        )

    def _fields(self, magnitudes: NDArray[np.int32]) -> NDArray[np.int32]:
        """Exponent fields of the blocks, from the bits of their elements' magnitudes."""
        largest = np.maximum.reduce(magnitudes, axis=-1)
        if self.tile_width > 1:
            starts = np.arange(0, len(largest), self.tile_width)
            largest = np.repeat(np.maximum.reduceat(largest, starts, axis=0), self.tile_width, axis=0)[: len(largest)]
        fields: NDArray[np.int32] = largest >> np.int32(23)
        nan, zero = fields == 255, fields == 0
        if self.saturate:
            fields -= largest & FRACTION_MASK == 0
        fields += self.format.bias - FP32_BIAS
        np.clip(fields, 0, self.format.max_field, out=fields)
        fields[nan] = self.format.nan_field
        fields[zero] = 0
        return fields

    def _divide(
        self, values: NDArray[np.float32], magnitudes: NDArray[np.int32], fields: NDArray[np.uint16]
    ) -> None:
        """Divide by the interval, in place; zero blocks become zero.

        A product with a power of two is exact unless it becomes subnormal (such elements round to zero all the same) or
        infinite (they saturate all the same). In the tiniest blocks alone a subnormal element could be worth 2**-8 of
        an interval, and the reciprocal of the interval exceed float32: there subnormals are cleared and values lifted.
        """
        shifts = -self.format.scale(0) - fields.astype(np.int32)
        tiny = (shifts > FP32_BIAS - 9) & (fields != 0)
        if tiny.any():
            values[magnitudes < SMALLEST_NORMAL] = 0
            values *= np.ldexp(np.float32(1), tiny * LIFT)[..., None]
            shifts -= tiny * LIFT
        reciprocals = np.ldexp(np.float32(1), shifts)
        reciprocals[fields == 0] = 0
        values *= reciprocals[..., None]


def _padded(x: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """A copy of a matrix with rows of this length, zeros at their ends, in the memory order of ``x``.

    All work on a chunk of columns is done in that order; only its mantissas are transposed.
    """
    rows, given = x.shape
    by_rows = x.strides[0] >= x.strides[1]
    copy = np.empty((rows, length), np.float32) if by_rows else np.empty((length, rows), np.float32).T
    copy[:, :given] = x
    copy[:, given:] = 0
    return copy


def _round_stochastically(values: NDArray[np.float32], draws: NDArray[np.uint8]) -> None:
    """``floor(|x| + u / 256)`` with |x| cut to 8 fraction bits and the sign of x, in place; exact up to 2**15."""
    bits = values.view(np.int32)
    signs = bits & ~MAGNITUDE_MASK
    bits ^= signs
    values *= np.float32(256)
    np.trunc(values, out=values)
    values += draws
    values *= np.float32(1 / 256)
    np.trunc(values, out=values)
    bits |= signs


def _chunks(matrices: int, rows: int, blocks: int, size: int, tile_width: int) -> Iterator[tuple[int, slice, slice]]:
    """Pieces of about ``CHUNK`` elements, of whole blocks and whole tiles."""
    high = min(-(-rows // tile_width) * tile_width, max(tile_width, 64 // tile_width * tile_width))
    wide = max(1, min(blocks, CHUNK // (high * size)))
    high = max(high, CHUNK // (wide * size) // tile_width * tile_width)
    for matrix in range(matrices):
        for row in range(0, rows, high):
            for block in range(0, blocks, wide):
                yield matrix, slice(row, min(row + high, rows)), slice(block, min(block + wide, blocks))
