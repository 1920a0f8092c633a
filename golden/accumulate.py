"""From integer dot products to floating point, and their accumulation, element by element on arrays."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.format import check_choice, check_range

__all__ = [
    "ACCUMULATORS", "AlignedAccumulator", "AlignedState", "FloatAccumulator", "accumulate_step", "accumulator",
    "add", "bfloat16_from_integer", "float32_from_integer", "round_to_float",
]  # fmt: skip

ACCUMULATORS = ("fp32", "bf16", "aligned", "fp32x2", "fp32x4")
"""``x2``, ``x4``: so many blocks are joined (``golden.join``) before each addition."""
SIGNIFICAND_WIDTHS = {"fp32": 24, "bf16": 8}
SMALLEST_NORMAL = np.float32(2.0**-126)
CANONICAL_NAN = np.array(0x7FC00000, np.uint32).view(np.float32)
FAR = 400  # log2 beyond every float32 and every 53-bit integer times float32, yet within float64


def round_to_float(values: NDArray[np.float64], significand_width: int = 24) -> NDArray[np.float32]:
    """Round float64 to ``significand_width`` bits in FP32's exponent range: nearest, ties to even.

    The exponent is unbounded while rounding; then results below 2**-126 become zero of their sign and results of
    2**128 or more infinity. NaN becomes the canonical one. Values must be zero or at least 2**-1000.
    """
    dropped = np.uint64(53 - significand_width)
    bits = np.array(values, np.float64).view(np.uint64)
    odd = bits >> dropped & np.uint64(1)
    bits += odd + ((np.uint64(1) << dropped - np.uint64(1)) - np.uint64(1))
    bits &= ~((np.uint64(1) << dropped) - np.uint64(1))
    rounded = bits.view(np.float64)
    rounded *= np.abs(rounded) >= SMALLEST_NORMAL
    with np.errstate(over="ignore"):
        return canonical(np.where(np.isnan(values), np.nan, rounded).astype(np.float32))


def from_integer(sums: ArrayLike, scales: ArrayLike, significand_width: int) -> NDArray[np.float32]:
    """``sums * 2**scales`` rounded once; ``sums`` are integers below 2**53 in magnitude."""
    scales = np.clip(scales, -FAR, FAR).astype(np.int32)
    return round_to_float(np.ldexp(np.asarray(sums, np.float64), scales), significand_width)


def float32_from_integer(sums: ArrayLike, scales: ArrayLike) -> NDArray[np.float32]:
    """``sums * 2**scales`` as FP32.

    Parameters
    ----------
    sums
        integers of magnitude below 2**53.
    scales
        integers, broadcast against ``sums``.

    Returns
    -------
    NDArray[np.float32]
        float32: nearest, ties to even, with an unbounded exponent; below 2**-126 zero of its sign; from 2**128 on
        infinity.
    """
    return from_integer(sums, scales, 24)


def bfloat16_from_integer(sums: ArrayLike, scales: ArrayLike) -> NDArray[np.float32]:
    """As ``float32_from_integer`` with a significand of eight bits; the bfloat16 numbers come as float32."""
    return from_integer(sums, scales, 8)


def canonical(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make every NaN the canonical one, in place."""
    values[np.isnan(values)] = CANONICAL_NAN
    return values


def flush(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make subnormals zero of their sign, in place."""
    with np.errstate(invalid="ignore"):
        values *= ~(np.abs(values) < SMALLEST_NORMAL)
    return values


def round_to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round float32 numbers (no subnormals, NaNs canonical) to bfloat16, in place: nearest, ties to even."""
    bits = values.view(np.uint32)
    bits += (bits >> np.uint32(16) & np.uint32(1)) + np.uint32(0x7FFF)
    bits &= np.uint32(0xFFFF0000)
    return values


def add(a: ArrayLike, b: ArrayLike, significand_width: int = 24) -> NDArray[np.float32]:
    """One floating-point addition per element: nearest even, subnormals in and out flushed, ``x + (-x) = +0``.

    With 8 bits, a and b are bfloat16 numbers. The float32 sum in between does no harm: 24 >= 2 * 8 + 2.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = flush(np.array(a, np.float32)) + flush(np.array(b, np.float32))
        total = canonical(flush(np.asarray(total)))
        return round_to_bfloat16(total) if significand_width == 8 else total


@dataclass(frozen=True)
class FloatAccumulator:
    """Floating-point accumulation of dot products; the state is an array of float32.

    Parameters
    ----------
    significand_width
        24 for FP32, 8 for bfloat16 (products are rounded to bfloat16 before they are added).
    group
        blocks whose products are joined before each addition, for those who make the products: 1, 2 or 4.
    """

    significand_width: int = 24
    group: int = 1

    def __post_init__(self) -> None:
        if self.group not in (1, 2, 4):
            raise ValueError(f"group must be 1, 2 or 4, not {self.group}")
        if self.significand_width not in SIGNIFICAND_WIDTHS.values():
            raise ValueError(f"significand_width must be 24 or 8, not {self.significand_width}")

    def start(self, shape: tuple[int, ...], initial: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """The state before the first block: +0, or ``initial`` rounded and flushed."""
        if initial is None:
            return np.zeros(shape, np.float32)
        return add(np.broadcast_to(initial, shape), np.float32(0), self.significand_width)

    def step(
        self, state: NDArray[np.float32], sums: ArrayLike, scales: ArrayLike, nan: ArrayLike = False
    ) -> NDArray[np.float32]:
        """The state after adding ``sums * 2**scales``, or NaN where ``nan``."""
        products = np.where(nan, CANONICAL_NAN, from_integer(sums, scales, self.significand_width))
        return add(state, products, self.significand_width)

    def result(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        """The accumulated numbers as float32."""
        return state


class AlignedState(NamedTuple):
    """State of an aligned accumulator, of value ``total * 2**(exponent - guard_width)``."""

    total: NDArray[np.int64]
    exponent: NDArray[np.int64]
    nan: NDArray[np.bool_]


@dataclass(frozen=True)
class AlignedAccumulator:
    """Accumulation in a window of fixed width whose exponent only grows; rounded to FP32 once, at the end.

    Each step makes the exponent ``max(exponent + crowded, scale)``, where ``crowded`` says that the two top bits of
    the sum differ, and shifts sum and product to it, dropping bits (toward minus infinity).
    The window never overflows: a crowded sum of W bits is shifted right at least once, and one that is not crowded
    needs W - 1 bits anyway; the product needs ``sum_width + guard_width = W - 1`` bits; so their sum fits W.

    Parameters
    ----------
    sum_width
        bits of the signed dot products.
    window
        bits of the signed sum W, more than ``sum_width``, up to 52.
    """

    sum_width: int
    window: int = 32
    group = 1

    def __post_init__(self) -> None:
        check_range("window", self.window, 2, 52)
        check_range("sum_width", self.sum_width, 1, self.window - 1)

    @property
    def guard_width(self) -> int:
        """Bits of the sum below the last bit of a product of the same exponent."""
        return self.window - 1 - self.sum_width

    def start(self, shape: tuple[int, ...], initial: NDArray[np.float32] | None = None) -> AlignedState:
        """The state before the first block."""
        if initial is not None:
            raise ValueError("initial must be None with an aligned accumulator: its state is not a float32 number")
        return AlignedState(np.zeros(shape, np.int64), np.full(shape, -(2**20)), np.zeros(shape, np.bool_))

    def step(self, state: AlignedState, sums: ArrayLike, scales: ArrayLike, nan: ArrayLike = False) -> AlignedState:
        """The state after adding ``sums * 2**scales``, or NaN where ``nan``."""
        half = 2 ** (self.window - 2)
        crowded = (state.total < -half) | (state.total >= half)
        scales = np.asarray(scales, np.int64)
        exponent = np.maximum(state.exponent + crowded, scales)
        total = state.total >> np.minimum(exponent - state.exponent, 63)
        product = np.asarray(sums, np.int64) << np.int64(self.guard_width)
        total = total + (product >> np.minimum(exponent - scales, 63))
        return AlignedState(total, exponent, state.nan | np.asarray(nan, np.bool_))

    def result(self, state: AlignedState) -> NDArray[np.float32]:
        """The accumulated numbers, rounded to float32."""
        values = float32_from_integer(state.total, state.exponent - self.guard_width)
        values[state.nan] = CANONICAL_NAN
        return values


Accumulator = FloatAccumulator | AlignedAccumulator


def accumulator(kind: str | Accumulator, sum_width: int = 0) -> Accumulator:
    """The accumulator of this name; ``sum_width`` (bits of the signed dot products) matters to "aligned" alone."""
    if isinstance(kind, FloatAccumulator | AlignedAccumulator):
        return kind
    check_choice("accumulator", kind, ACCUMULATORS)
    if kind == "aligned":
        return AlignedAccumulator(sum_width)
    base, _, group = kind.partition("x")
    return FloatAccumulator(SIGNIFICAND_WIDTHS[base], int(group or 1))


def accumulate_step(
    state: NDArray[np.float32] | None, sums: ArrayLike, scales: ArrayLike, kind: str = "fp32", nan: ArrayLike = False
) -> NDArray[np.float32]:
    """One block's products onto ``state`` (None: +0), in the floating point ``kind``, "fp32" or "bf16".

    Parameters
    ----------
    state
        float32.
    sums, scales
        dot products ``sums * 2**scales``, integers.
    nan
        where a product is NaN.
    """
    check_choice("kind", kind, tuple(SIGNIFICAND_WIDTHS))
    floating = FloatAccumulator(SIGNIFICAND_WIDTHS[kind])
    before = floating.start(np.shape(sums)) if state is None else state
    return floating.step(before, sums, scales, nan)
