"""The formats HBFP is compared with, by name."""

from dataclasses import dataclass, replace

from hw.accumulate.float_format import FloatFormat
from hw.choices import accumulator_kind

__all__ = ["FORMATS", "NumberFormat", "format_named"]


@dataclass(frozen=True)
class NumberFormat:
    """What one element is, what elements share, and what they are accumulated in.

    Parameters
    ----------
    kind
        "hbfp" (this project's), "integer" (sign-magnitude integers), "paired" (two's complement integers,
        multiplied by pairs), "weighted" (such integers times weights of ``weight_width`` bits), "scaled" (small floats
        with a block scale that are summed as integers), "float" (each product enters a tree of floating-point adders).
    exponent_width, significand_width
        of an element; a significand counts its hidden bit. Integers: width is ``significand_width`` with the sign.
    block_size
        elements that share a scale; 0 for none.
    scale_bits
        stored bits of a scale.
    accumulator
        "fp32", "bf16", "aligned" or "int32"; of block formats also "fp32x2" or "fp32x4": so many blocks joined before each
        addition.
    scale_significand
        bits of the scale's own significand (1 for a power of two).
    weight_width
        bits of an element of the second operand where they are others: 1 for minus one and one, 2 for those and zero.
    """

    name: str
    kind: str
    exponent_width: int
    significand_width: int
    block_size: int = 0
    scale_bits: int = 0
    accumulator: str = "fp32"
    scale_significand: int = 1
    weight_width: int = 0

    @property
    def element_bits(self) -> int:
        """Stored bits of an element (of the first operand), without its share of the scale."""
        return self.significand_width + (self.exponent_width if self.kind in ("scaled", "float") else 0)

    def bits_of(self, side: str) -> int:
        """Stored bits of an element of the operand "a" or "b"."""
        return self.weight_width if side == "b" and self.weight_width else self.element_bits

    @property
    def bits_per_element(self) -> float:
        """Stored bits of an element with its share of the scale, mean of both operands."""
        share = self.scale_bits / self.block_size if self.block_size else 0
        return (self.bits_of("a") + self.bits_of("b")) / 2 + share

    @property
    def accumulator_kind(self) -> str:
        """The accumulator's additions, whatever is joined before them."""
        return accumulator_kind(self.accumulator)

    @property
    def float_format(self) -> FloatFormat:
        """The element as a floating-point format."""
        return FloatFormat(self.exponent_width, self.significand_width)


def _formats() -> list[NumberFormat]:
    hbfp = [NumberFormat(f"hbfp{m}", "hbfp", 0, m, 64, 8) for m in (4, 5, 6, 8)]
    return [
        *hbfp,
        replace(hbfp[0], name="hbfp4-aligned", accumulator="aligned"),
        *(replace(form, name=f"{form.name}-bf16", accumulator="bf16") for form in hbfp),
        *(replace(hbfp[0], name=f"hbfp4-{joined}", accumulator=joined) for joined in ("fp32x2", "fp32x4")),
        NumberFormat("mixed46", "hbfp", 0, 4, 64, 8),
        NumberFormat("fp32", "float", 8, 24),
        NumberFormat("fp16", "float", 5, 11),
        NumberFormat("bf16", "float", 8, 8),
        NumberFormat("bf16-bf16", "float", 8, 8, accumulator="bf16"),
        NumberFormat("fp8-e4m3", "float", 4, 4),
        NumberFormat("fp8-e5m2", "float", 5, 3),
        NumberFormat("int8", "paired", 0, 8, accumulator="int32"),
        NumberFormat("int4", "integer", 0, 4, accumulator="int32"),
        NumberFormat("int4-group", "integer", 0, 4, 64, 16, scale_significand=11),
        NumberFormat("ternary", "integer", 0, 2, accumulator="int32"),
        NumberFormat("int8-ternary", "weighted", 0, 8, accumulator="int32", weight_width=2),
        NumberFormat("int8-binary", "weighted", 0, 8, accumulator="int32", weight_width=1),
        NumberFormat("mxfp8-e4m3", "scaled", 4, 4, 32, 8),
        NumberFormat("mxfp8-e5m2", "scaled", 5, 3, 32, 8),
        NumberFormat("mxfp6-e2m3", "scaled", 2, 4, 32, 8),
        NumberFormat("mxfp6-e3m2", "scaled", 3, 3, 32, 8),
        NumberFormat("mxfp4", "scaled", 2, 2, 32, 8),
        NumberFormat("mxfp6-e2m3-fp32x2", "scaled", 2, 4, 32, 8, "fp32x2"),
        NumberFormat("mxfp4-fp32x2", "scaled", 2, 2, 32, 8, "fp32x2"),
        NumberFormat("mxint8", "paired", 0, 8, 32, 8),
        NumberFormat("nvfp4", "scaled", 2, 2, 16, 8, scale_significand=4),
        NumberFormat("msfp12", "hbfp", 0, 4, 16, 8),
    ]


FORMATS = {form.name: form for form in _formats()}


def format_named(name: str) -> NumberFormat:
    """A format of the table; ``hbfp4/16`` is one with another block size.

    Raises
    ------
    ValueError
        listing the known names.
    """
    base, shared, size = name.partition("/")
    sized = size.isdecimal() and int(size) > 0
    if base not in FORMATS or (shared and not (sized and FORMATS[base].block_size)):
        raise ValueError(f"format must be one of {', '.join(FORMATS)} (block formats with /N), not {name}")
    form = FORMATS[base]
    return replace(form, name=name, block_size=int(size)) if size else form
