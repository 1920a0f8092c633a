"""Words of small floating-point formats as exact fractions, and back, by the definition of rounding."""

from fractions import Fraction

from hw.accumulate.float_format import FloatFormat

__all__ = ["exact", "rounded"]


def exact(form: FloatFormat, word: int) -> Fraction | str:
    """Value of a word; "inf", "-inf" or "nan" where it has none. A zero exponent is zero, whatever the fraction."""
    fraction = word & (1 << form.fraction_width) - 1
    exponent = word >> form.fraction_width & form.largest_exponent
    sign = -1 if word >> form.width - 1 else 1
    if exponent == form.largest_exponent:
        return "nan" if fraction >> form.fraction_width - 1 else "inf" if sign > 0 else "-inf"
    if not exponent:
        return Fraction(0)
    return sign * Fraction((1 << form.fraction_width) + fraction) * Fraction(2) ** (
        exponent - form.bias - form.fraction_width
    )


def rounded(form: FloatFormat, value: Fraction, negative_zero: bool = False) -> int:
    """Canonical word nearest to ``value``, ties to even; flushed below the normal range, infinity above it."""
    sign = (value < 0 or (value == 0 and negative_zero)) << form.width - 1
    magnitude, exponent = abs(value), form.bias
    if not magnitude:
        return sign
    while magnitude >= 2:
        magnitude, exponent = magnitude / 2, exponent + 1
    while magnitude < 1:
        magnitude, exponent = magnitude * 2, exponent - 1
    significand = round(magnitude * 2**form.fraction_width)  # Python rounds ties to even
    if significand >> form.significand_width:
        significand, exponent = significand >> 1, exponent + 1
    if exponent < 1:
        return sign
    if exponent >= form.largest_exponent:
        return sign | form.largest_exponent << form.fraction_width
    return sign | exponent << form.fraction_width | significand - (1 << form.fraction_width)
