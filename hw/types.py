"""Shapes that travel between components."""

from amaranth.hdl import signed
from amaranth.lib import data

__all__ = ["block_slice", "sign_magnitude"]


def sign_magnitude(width: int) -> data.StructLayout:
    """A mantissa of ``width`` bits inside the machine; minus zero may occur and means zero."""
    return data.StructLayout({"magnitude": width - 1, "sign": 1})


def block_slice(width: int, elements: int, scale_width: int, blocks: int = 1) -> data.StructLayout:
    """``elements`` mantissas of one block with the block's scale (log2 of its interval) and NaN flag.

    Of several blocks: all of their mantissas, an array of scales, and whether any is NaN.
    """
    scale = signed(scale_width) if blocks == 1 else data.ArrayLayout(signed(scale_width), blocks)
    return data.StructLayout({"mantissas": data.ArrayLayout(sign_magnitude(width), elements), "scale": scale, "nan": 1})
