"""The block format and a tensor of blocks."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockFormat", "BlockTensor", "Health"]

FP32_BIAS = 127


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raise unless ``value`` is an integer in ``low … high``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, not {value}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise unless ``value`` is one of ``choices``."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value}")


@dataclass(frozen=True)
class BlockFormat:
    """HBFP: ``block_size`` fixed-point mantissas that share one exponent.

    An element's value is ``mantissa * 2**scale(f)``, with f the block's stored exponent field.

    Parameters
    ----------
    mantissa_width
        bits of a mantissa, sign included (2 … 16); stored as two's complement, symmetric in range.
    block_size
        elements along the reduction axis that share an exponent (1 … 1024).
    exponent_width
        bits of the stored exponent field (4 … 10). With 8 it is the FP32 field of the block's largest element.

    Raises
    ------
    TypeError, ValueError
        naming the parameter, the rule and the value.
    """

    mantissa_width: int = 4
    block_size: int = 64
    exponent_width: int = 8

    def __post_init__(self) -> None:
        check_range("mantissa_width", self.mantissa_width, 2, 16)
        check_range("block_size", self.block_size, 1, 1024)
        check_range("exponent_width", self.exponent_width, 4, 10)

    def __str__(self) -> str:
        exponent = "" if self.exponent_width == 8 else f"/e{self.exponent_width}"
        return f"HBFP{self.mantissa_width}/{self.block_size}{exponent}"

    @property
    def max_mantissa(self) -> int:
        """Largest magnitude of a mantissa."""
        return (1 << self.mantissa_width - 1) - 1

    @property
    def bias(self) -> int:
        """Bias of the exponent field."""
        return (1 << self.exponent_width - 1) - 1

    @property
    def max_field(self) -> int:
        """Largest exponent field of an ordinary block; 0 is the field of a zero block."""
        return (1 << self.exponent_width) - 2

    @property
    def nan_field(self) -> int:
        """Exponent field of a NaN block: all ones."""
        return (1 << self.exponent_width) - 1

    @property
    def block_bits(self) -> int:
        """Bits of a packed block."""
        return self.exponent_width + self.block_size * self.mantissa_width

    @property
    def bits_per_element(self) -> float:
        """Storage per element, the exponent's share included."""
        return self.block_bits / self.block_size

    @property
    def dtype(self) -> type[np.int8] | type[np.int16]:
        """NumPy type that holds a mantissa."""
        return np.int8 if self.mantissa_width <= 8 else np.int16

    def scale(self, field: int) -> int:
        """log2 of the interval (the value of one mantissa step) of a block with this exponent field."""
        return field - self.bias + 1 - (self.mantissa_width - 1)


@dataclass(frozen=True)
class Health:
    """What a conversion into blocks lost.

    Attributes
    ----------
    saturated
        elements whose rounded magnitude exceeded the largest mantissa and was clipped.
    flushed
        nonzero elements, subnormals included, whose mantissa is 0.
    nan_blocks
        blocks with a NaN or an infinity. Their elements count in neither of the others.
    """

    saturated: int = 0
    flushed: int = 0
    nan_blocks: int = 0

    def __add__(self, other: "Health") -> "Health":
        return Health(
            self.saturated + other.saturated, self.flushed + other.flushed, self.nan_blocks + other.nan_blocks
        )


@dataclass(frozen=True, eq=False)
class BlockTensor:
    """A tensor in blocks along one axis.

    Parameters
    ----------
    mantissas
        int8 or int16, shape (outer..., blocks, block_size): the tensor with ``axis`` moved last, cut into blocks
        and padded with zeros at its end. Symmetric: ``-2**(m-1)`` does not occur. All zero in zero and NaN blocks.
    fields
        uint16, shape (outer..., blocks): exponent fields.
    format
        the block format.
    shape
        of the tensor that was quantized.
    axis
        the axis the blocks lie along, not negative.
    tile_width
        rows of ``outer``'s last axis that share an exponent.
    health
        what the conversion lost.

    Raises
    ------
    TypeError, ValueError
        when the parts do not fit together.
    """

    mantissas: NDArray[np.signedinteger]
    fields: NDArray[np.uint16]
    format: BlockFormat
    shape: tuple[int, ...]
    axis: int
    tile_width: int = 1
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        check_range("axis", self.axis, 0, len(self.shape) - 1)
        outer = self.shape[: self.axis] + self.shape[self.axis + 1 :]
        blocks = -(-self.shape[self.axis] // self.format.block_size)
        for name, array, dtype, shape in (
            ("mantissas", self.mantissas, self.format.dtype, (*outer, blocks, self.format.block_size)),
            ("fields", self.fields, np.uint16, (*outer, blocks)),
        ):
            if not isinstance(array, np.ndarray) or array.dtype != dtype:
                raise TypeError(f"{name} must be an array of {np.dtype(dtype)}, not {getattr(array, 'dtype', array)!s}")
            if array.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, not {array.shape}")
        limit = self.format.max_mantissa
        for mantissa in (self.mantissas.min(initial=0), self.mantissas.max(initial=0)):
            if not -limit <= mantissa <= limit:
                raise ValueError(f"mantissas must be between {-limit} and {limit}, not {mantissa}")
        if self.fields.max(initial=0) > self.format.nan_field:
            raise ValueError(f"fields must be at most {self.format.nan_field}, not {self.fields.max()}")

    @property
    def scales(self) -> NDArray[np.int32]:
        """log2 of each block's interval, shape of ``fields``."""
        return self.fields.astype(np.int32) + self.format.scale(0)

    @property
    def zero_blocks(self) -> NDArray[np.bool_]:
        """Blocks of exponent field 0, shape of ``fields``."""
        return np.equal(self.fields, 0)

    @property
    def nan_blocks(self) -> NDArray[np.bool_]:
        """Blocks whose every product is NaN, shape of ``fields``."""
        return np.equal(self.fields, self.format.nan_field)

    def transposed(self) -> "BlockTensor":
        """A matrix in square tiles, as blocks along its other axis: the same values serve W and its transpose.

        Raises
        ------
        ValueError
            for anything but a matrix with ``tile_width`` equal to ``block_size``.
        """
        size = self.format.block_size
        if len(self.shape) != 2 or self.tile_width != size:
            raise ValueError(f"only a matrix in {size}x{size} tiles can change its axis, not {self}")
        (rows, blocks), length = self.fields.shape, self.shape[self.axis]
        padded = np.pad(self.mantissas, ((0, -rows % size), (0, 0), (0, 0)))
        tiles = padded.reshape(-1, size, blocks, size).transpose(2, 3, 0, 1)
        fields = np.repeat(self.fields[::size].T, size, axis=0)[:length]
        mantissas = np.ascontiguousarray(tiles).reshape(blocks * size, -1, size)[:length]
        return BlockTensor(mantissas, fields, self.format, self.shape, 1 - self.axis, size, self.health)

    def __str__(self) -> str:
        return f"{self.format} blocks of shape {self.shape} along axis {self.axis}, tile_width {self.tile_width}"
