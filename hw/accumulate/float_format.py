"""Binary floating-point formats of the accumulators and of the formats HBFP is compared with."""

from dataclasses import dataclass

from amaranth.hdl import signed
from amaranth.lib import data

__all__ = ["BF16", "FP32", "FloatFormat", "block_layout"]


def block_layout(sum_width: int, scale_width: int) -> data.StructLayout:
    """A block's sum on its way into an accumulator, with the scale of its unit: the sum of two blocks' scales."""
    return data.StructLayout({"sum": signed(sum_width), "scale": signed(scale_width + 1), "nan": 1})


@dataclass(frozen=True)
class FloatFormat:
    """An IEEE 754-like format: the largest exponent field holds infinity (fraction 0) and NaN.

    Subnormals are not kept: a zero exponent field means zero of the word's sign. Datapaths keep words in which the
    fraction of a zero may be anything, and that of an infinity but for its top bit, which makes it NaN: no output of an
    adder, a multiplier or an accumulator need be cleared, only what leaves the array (``canonical_word``).

    Parameters
    ----------
    exponent_width
        bits of the exponent field.
    significand_width
        bits of the significand, its hidden one included.
    """

    exponent_width: int
    significand_width: int

    @property
    def name(self) -> str:
        """Part of a module's name."""
        return f"e{self.exponent_width}s{self.significand_width}"

    @property
    def fraction_width(self) -> int:
        """Stored bits of the significand."""
        return self.significand_width - 1

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.exponent_width + self.significand_width

    @property
    def bias(self) -> int:
        """Exponent field of 1.0."""
        return (1 << self.exponent_width - 1) - 1

    @property
    def largest_exponent(self) -> int:
        """The exponent field of infinity and NaN."""
        return (1 << self.exponent_width) - 1

    @property
    def nan(self) -> int:
        """The canonical quiet NaN, as a word."""
        return (self.largest_exponent << self.fraction_width) | 1 << (self.fraction_width - 1)

    def canonical_word(self, word: int) -> int:
        """A word as IEEE 754 writes it, of one as the datapaths keep it."""
        exponent = word >> self.fraction_width & self.largest_exponent
        kept = {0: 0, self.largest_exponent: 1 << (self.fraction_width - 1)}.get(exponent, (1 << self.fraction_width) - 1)
        return word & (-1 << self.fraction_width | kept)

    @property
    def layout(self) -> data.StructLayout:
        """A word's fields."""
        return data.StructLayout({"fraction": self.fraction_width, "exponent": self.exponent_width, "sign": 1})


FP32 = FloatFormat(8, 24)
BF16 = FloatFormat(8, 8)
