"""Beats and settings of the converters' streams."""

from amaranth.hdl import signed
from amaranth.lib import data

from hw.config import Rounding
from hw.types import sign_magnitude

__all__ = ["ConversionSettings", "block_beat", "operand_beat"]


class ConversionSettings(data.Struct):
    """Settings of one tensor's conversion.

    Attributes
    ----------
    width
        bits of a mantissa, sign included.
    rounding
        one of ``Rounding``; ignored where the configuration has one mode only.
    seed
        state of the random sequence in front of the tensor's first element; not zero.
    """

    width: 4  # type: ignore[valid-type]  # Amaranth reads shapes here
    rounding: Rounding
    seed: 32  # type: ignore[valid-type]


def operand_beat(lanes: int) -> data.StructLayout:
    """A beat of FP32 numbers on their way into blocks.

    Attributes
    ----------
    data
        FP32 words, shape (lanes,).
    mask
        lanes that carry an element; the others count as zero.
    first
        first beat of a tensor.
    last
        last beat of a block.
    """
    return data.StructLayout({"data": data.ArrayLayout(32, lanes), "mask": lanes, "first": 1, "last": 1})


def block_beat(width: int, lanes: int, scale_width: int) -> data.StructLayout:
    """A beat of a block: mantissas, the whole block's scale (log2 of the interval) and NaN flag, end of the block."""
    return data.StructLayout(
        {
            "mantissas": data.ArrayLayout(sign_magnitude(width), lanes),
            "scale": signed(scale_width),
            "nan": 1,
            "last": 1,
        }
    )
