# Ref: M. Drumond, T. Lin, M. Jaggi, B. Falsafi, "Training DNNs with Hybrid Block Floating Point", NeurIPS 2018
# Ref: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003, section 3
"""The definition of every operation, in exact arithmetic and without speed: to be read beside docs/numerics.md.

FP32 and bfloat16 numbers are Python floats here; a NaN stands for the canonical one. Everything in between is exact:
integers and fractions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import copysign, floor, frexp, inf, isfinite, isnan, nan

from golden.format import BlockFormat

__all__ = [
    "AlignedState", "Block", "Product", "accumulate", "accumulate_aligned", "add", "dequantize_block", "dot", "join",
    "matmul_element", "quantize_block", "round_to_float", "split_mantissa", "step_aligned", "xorshift32",
]  # fmt: skip

SMALLEST_NORMAL = Fraction(1, 2**126)
SIGNIFICAND_WIDTHS = {"fp32": 24, "bf16": 8}
JOIN_GUARD = 4  # bits kept below the unit of the greater of two blocks that are joined


def power_of_two(exponent: int) -> Fraction:
    """Exactly ``2**exponent``."""
    return Fraction(2) ** exponent


# Into blocks.


@dataclass(frozen=True)
class Block:
    """One block: the stored exponent field and the mantissas, of magnitude up to ``format.max_mantissa``."""

    field: int
    mantissas: tuple[int, ...]


def xorshift32(state: int) -> Iterator[int]:
    """Random numbers of stochastic rounding, in [0, 256): the top eight bits of each state after ``state``."""
    while True:
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        yield state >> 24


def quantize_block(
    values: Sequence[float],
    format: BlockFormat,
    rounding: str = "nearest",
    uniforms: Iterator[int] | None = None,
    power_of_two_rule: str = "exact",
) -> Block:
    """One block of FP32 numbers; a short one is padded with zeros, which draw from ``uniforms`` like the others."""
    values = [*values, *[0.0] * (format.block_size - len(values))]
    drawn = list(islice(uniforms, format.block_size)) if uniforms is not None else [0] * format.block_size
    nothing = (0,) * format.block_size
    if not all(isfinite(value) for value in values):
        return Block(format.nan_field, nothing)
    magnitudes = [abs(Fraction(value)) for value in values]
    magnitudes = [magnitude if magnitude >= SMALLEST_NORMAL else Fraction(0) for magnitude in magnitudes]
    largest = max(magnitudes)
    if largest == 0:
        return Block(0, nothing)
    exponent = frexp(float(largest))[1]  # X: the smallest integer with largest < 2**X
    if power_of_two_rule == "saturate" and largest == power_of_two(exponent - 1):
        exponent -= 1
    field = min(exponent - 1 + format.bias, format.max_field)
    if field <= 0:
        return Block(0, nothing)
    interval = power_of_two(format.scale(field))
    mantissas = (
        round_magnitude(magnitude / interval, format.max_mantissa, rounding, uniform)
        for magnitude, uniform in zip(magnitudes, drawn, strict=True)
    )
    return Block(field, tuple(-q if value < 0 else q for q, value in zip(mantissas, values, strict=True)))


def round_magnitude(quotient: Fraction, largest: int, rounding: str, uniform: int) -> int:
    """A magnitude in intervals becomes an integer; what exceeds ``largest`` saturates."""
    if rounding == "nearest":
        rounded = round(quotient)  # ties to even
    elif rounding == "stochastic":
        rounded = (floor(quotient * 256) + uniform) >> 8
    else:
        rounded = floor(quotient)
    return min(rounded, largest)


def dequantize_block(block: Block, format: BlockFormat) -> list[Fraction] | None:
    """Exact values; None for a NaN block."""
    if block.field == format.nan_field:
        return None
    return [mantissa * power_of_two(format.scale(block.field)) for mantissa in block.mantissas]


# Dot products.

Product = tuple[int, int] | None
"""Dot product of two blocks: S and k, its value being ``S * 2**k``; None is NaN."""


def dot(a: Block, format_a: BlockFormat, b: Block, format_b: BlockFormat) -> Product:
    """Exact dot product of two blocks."""
    if a.field == format_a.nan_field or b.field == format_b.nan_field:
        return None
    total = sum(p * q for p, q in zip(a.mantissas, b.mantissas, strict=True))
    return total, format_a.scale(a.field) + format_b.scale(b.field)


def split_mantissa(mantissa: int, slices: int, slice_width: int = 3) -> list[int]:
    """Slices of a mantissa, lowest first, all of its own sign: ``sum(slice << slice_width * i) == mantissa``."""
    magnitude, sign = abs(mantissa), -1 if mantissa < 0 else 1
    return [sign * (magnitude >> slice_width * i & 2**slice_width - 1) for i in range(slices)]


# Floating point.


def round_to_float(value: Fraction, significand_width: int = 24) -> float:
    """Nearest number of ``significand_width`` bits, ties to even, in the exponent range of FP32.

    The exponent is unbounded while rounding; then results below 2**-126 become zero of their sign and results of
    2**128 or more infinity. Zero becomes +0.
    """
    if value == 0:
        return 0.0
    sign, magnitude = (-1.0 if value < 0 else 1.0), abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    exponent += magnitude >= power_of_two(exponent)  # now 2**(exponent - 1) <= magnitude < 2**exponent
    ulp = power_of_two(exponent - significand_width)
    rounded = round(magnitude / ulp) * ulp
    if rounded < SMALLEST_NORMAL:
        return copysign(0.0, sign)
    return sign * (inf if rounded >= power_of_two(128) else float(rounded))


def flush(x: float) -> float:
    """Subnormals become zero of their sign."""
    return copysign(0.0, x) if abs(x) < SMALLEST_NORMAL else x


def add(a: float, b: float, significand_width: int = 24) -> float:
    """Floating-point addition: round to nearest even, subnormals in and out flushed to zero, ``x + (-x) = +0``."""
    a, b = flush(a), flush(b)
    if not (isfinite(a) and isfinite(b)):
        return nan if isnan(a + b) else a + b
    if a == b == 0:
        return a if copysign(1, a) == copysign(1, b) else 0.0
    return round_to_float(Fraction(a) + Fraction(b), significand_width)


def join(products: Sequence[Product], count: int) -> Product:
    """Up to ``count`` (a power of two) products as one, of two halves: each in units of ``2**-JOIN_GUARD`` of the greater
    scale, rounded to nearest, ties up."""
    if None in products:
        return None
    if count == 1:
        return products[0]
    halves = (products[: count // 2], products[count // 2 :])
    terms = [joined for half in halves if half and (joined := join(half, count // 2)) is not None]
    unit = max(scale for _, scale in terms) - JOIN_GUARD
    return sum(floor(total * power_of_two(scale - unit) + Fraction(1, 2)) for total, scale in terms), unit


def accumulate(products: Iterable[Product], kind: str = "fp32", initial: float = 0.0) -> float:
    """Products of one output, in ascending order of blocks, each added by one ``"fp32"`` or ``"bf16"`` addition.

    ``"fp32x2"`` and ``"fp32x4"`` join two or four products before each.
    """
    base, _, group = kind.partition("x")
    width, source = SIGNIFICAND_WIDTHS[base], iter(products)
    total = add(initial, 0.0, width)
    while taken := list(islice(source, int(group or 1))):
        product = join(taken, int(group or 1))
        term = nan if product is None else round_to_float(product[0] * power_of_two(product[1]), width)
        total = add(total, term, width)
    return total


@dataclass(frozen=True)
class AlignedState:
    """A running sum of value ``total * 2**(exponent - guard)``; ``exponent`` None means that nothing was added yet."""

    total: int = 0
    exponent: int | None = None
    is_nan: bool = False


def step_aligned(state: AlignedState, product: Product, window: int, sum_width: int) -> AlignedState:
    """Add one product to an accumulator of ``window`` bits, products having ``sum_width`` bits."""
    if product is None or state.is_nan:
        return AlignedState(is_nan=True)
    guard, (total, k) = window - 1 - sum_width, product
    if state.exponent is None:
        return AlignedState(total << guard, k)
    # The two top bits differ when the sum needs all of the window; it then makes room by one place.
    crowded = not -(2 ** (window - 2)) <= state.total < 2 ** (window - 2)
    exponent = max(state.exponent + crowded, k)
    shifted = (state.total >> exponent - state.exponent) + (total << guard >> exponent - k)
    return AlignedState(shifted, exponent)


def accumulate_aligned(products: Iterable[Product], sum_width: int, window: int = 32) -> float:
    """Products of one output in an aligned accumulator, rounded to FP32 once, at the end."""
    state = AlignedState()
    for product in products:
        state = step_aligned(state, product, window, sum_width)
    if state.is_nan:
        return nan
    guard = window - 1 - sum_width
    return round_to_float(state.total * power_of_two((state.exponent or 0) - guard))


def matmul_element(
    row: Sequence[Block], format_a: BlockFormat, column: Sequence[Block], format_b: BlockFormat,
    kind: str = "fp32", initial: float = 0.0,
) -> float:  # fmt: skip
    """One element of C: a row of A times a column of B."""
    products = (dot(a, format_a, b, format_b) for a, b in zip(row, column, strict=True))
    return accumulate(products, kind, initial)
