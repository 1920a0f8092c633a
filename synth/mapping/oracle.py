# Ref: Open Compute Project, "OCP Microscaling Formats (MX) Specification", version 1.0, 2023, sections 5 and 6
"""What every format's unit must compute, in exact rationals, beside no hardware: the reference for mapped netlists."""

import struct
from fractions import Fraction
from math import inf, isinf, isnan, nan

from golden import scalar
from hw.baseline.formats import NumberFormat

__all__ = ["dot_words", "element_value", "float_word", "round_float", "weight_value", "word_product", "word_value"]

Value = float | Fraction


def word_value(word: int, exponent_width: int, significand_width: int, specials: bool = True) -> Value:
    """Value of a floating-point word with flushed subnormals: a fraction, or an infinity or NaN."""
    fraction_width = significand_width - 1
    fraction, field = word & (1 << fraction_width) - 1, word >> fraction_width & (1 << exponent_width) - 1
    sign = -1 if word >> (fraction_width + exponent_width) & 1 else 1
    if specials and field == (1 << exponent_width) - 1:
        return nan if fraction else sign * inf
    if field == 0:
        return -0.0 if sign < 0 else 0.0
    bias = (1 << exponent_width - 1) - 1
    return sign * Fraction(fraction + (1 << fraction_width)) * Fraction(2) ** (field - bias - fraction_width)


def element_value(word: int, exponent_width: int, significand_width: int) -> Fraction:
    """Value of a small float without specials, subnormals kept (the MX elements)."""
    fraction_width = significand_width - 1
    fraction, field = word & (1 << fraction_width) - 1, word >> fraction_width & (1 << exponent_width) - 1
    magnitude = fraction if field == 0 else (fraction + (1 << fraction_width)) << field - 1
    return Fraction(-magnitude if word >> (fraction_width + exponent_width) & 1 else magnitude)


def weight_value(word: int, width: int) -> int:
    """Value of a weight: of one bit minus one if it is set, else one; of two, sign and magnitude, also zero."""
    return (1 - 2 * (word >> width - 1)) * (1 if width == 1 else word & 1)


def round_float(value: Value, significand_width: int, exponent_width: int = 8) -> float:
    """Nearest value, ties to even, subnormals flushed, in a format of FP32's exponent range."""
    if isinstance(value, float):
        return value
    return scalar.round_to_float(value, significand_width)


def float_word(value: float, significand_width: int = 24) -> int:
    """An FP32 or bfloat16 word; NaN is canonical."""
    word = 0x7FC00000 if isnan(value) else struct.unpack("<I", struct.pack("<f", float(value)))[0]
    return word >> (24 - significand_width)


def word_product(a: Value, b: Value, width: int) -> float:
    """Product of two values as of ``word_value``, rounded to a significand of ``width`` bits."""
    if isnan(a) or isnan(b):
        return nan
    if isinf(a) or isinf(b):
        return nan if a == 0 or b == 0 else float(inf if (a > 0) == (b > 0) else -inf)
    sign = (_negative(a)) != (_negative(b))
    if a == 0 or b == 0:
        return -0.0 if sign else 0.0
    return scalar.round_to_float(Fraction(a) * Fraction(b), width)


def _negative(x: Value) -> bool:
    return x < 0 or (isinstance(x, float) and x == 0 and str(x).startswith("-"))


def dot_words(form: NumberFormat, a: list[int], b: list[int], total_width: int) -> float:
    """A tree of additions over products of words, in the order of the unit: neighbours first."""
    specials = not form.name.startswith("fp8-e4m3")
    e, s = form.exponent_width, form.significand_width
    terms = [
        word_product(word_value(x, e, s, specials), word_value(y, e, s, specials), total_width)
        for x, y in zip(a, b, strict=True)
    ]
    while len(terms) > 1:
        sums = [scalar.add(terms[i], terms[i + 1], total_width) for i in range(0, len(terms) - 1, 2)]
        terms = sums + terms[2 * len(sums) :]
    return terms[0]
