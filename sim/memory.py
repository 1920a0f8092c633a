# Ref: S. Williams, A. Waterman, D. Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
# Architectures", Communications of the ACM 52(4), 2009.
"""Off-chip memory: bits of a stored element, traffic of a product, and whether compute or memory bounds it."""

from dataclasses import dataclass
from math import ceil

__all__ = ["STORAGES", "Memory", "Traffic", "element_bits", "roofline", "row_bits", "traffic"]

STORAGES = ("packed", "bf16", "fp32")
_BITS = {"bf16": 16, "fp32": 32}


@dataclass(frozen=True)
class Memory:
    """What lies behind a core's streams.

    Parameters
    ----------
    bytes_per_cycle : bandwidth to and from all cores of a chip together; None for one that never bounds.
    operands : how A and B are stored: "packed" blocks (mantissas and a shared exponent), "bf16" or "fp32".
    results : how C is stored: "bf16" or "fp32", or "packed" if the next layer takes it as blocks.
    patches : "streamed" if the patches of a convolution are read as unfolded rows, each element as often as it occurs;
        "gathered" if a unit on the chip unfolds them, so that each element of the tensor is read once per panel.

    Raises
    ------
    ValueError : naming the parameter, the rule and the value.
    """

    bytes_per_cycle: float | None = None
    operands: str = "packed"
    results: str = "fp32"
    patches: str = "streamed"

    def __post_init__(self):
        if self.bytes_per_cycle is not None and not self.bytes_per_cycle > 0:
            raise ValueError(f"bytes_per_cycle must be above 0, not {self.bytes_per_cycle}")
        for name in ("operands", "results"):
            if getattr(self, name) not in STORAGES:
                raise ValueError(f"{name} must be one of {', '.join(STORAGES)}, not {getattr(self, name)}")
        if self.patches not in ("streamed", "gathered"):
            raise ValueError(f"patches must be streamed or gathered, not {self.patches}")


def element_bits(storage: str, mantissa_width: int = 4, block_size: int = 64, exponent_width: int = 8) -> float:
    """Bits per element of a long row: m + exponent/N for packed blocks (4.125 for HBFP4, N = 64), else 16 or 32."""
    return _BITS[storage] if storage != "packed" else mantissa_width + exponent_width / block_size


def row_bits(length: int, storage: str, mantissa_width: int = 4, block_size: int = 64, exponent_width: int = 8) -> int:
    """Bits of one row (or column) of ``length`` elements along the reduction axis; packed rows are whole blocks."""
    if storage != "packed":
        return length * _BITS[storage]
    return ceil(length / block_size) * (block_size * mantissa_width + exponent_width)


@dataclass(frozen=True)
class Traffic:
    """Bits a product moves to and from memory, by operand. Supports ``+`` and scaling."""

    a: float = 0
    b: float = 0
    c: float = 0

    @property
    def bytes(self) -> float:
        """All of it, in bytes."""
        return (self.a + self.b + self.c) / 8

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.a + other.a, self.b + other.b, self.c + other.c)

    def scaled(self, factor: float) -> "Traffic":
        """The traffic of ``factor`` such products."""
        return Traffic(self.a * factor, self.b * factor, self.c * factor)


def traffic(a: float, b: float, c: float, row_panels: int, column_panels: int, inner_panels: int = 1) -> Traffic:
    """Least traffic of a product whose operands do not all fit on the chip.

    The matrices have ``a``, ``b`` and ``c`` bits. A product cut into row and column panels keeps one panel of A and
    reads all of B for each (A once, B ``row_panels`` times), or the other way round, whichever is less; C is written
    once, as partial sums stay in the units. If the reduction itself is cut (``inner_panels`` > 1) no panel is complete
    on the chip, and both operands are read again for each panel of the other.
    """
    if inner_panels > 1:
        return Traffic(a * column_panels, b * row_panels, c)
    keep_a, keep_b = Traffic(a, b * row_panels, c), Traffic(a * column_panels, b, c)
    return min(keep_a, keep_b, key=lambda choice: choice.bytes)


def roofline(intensity: float, peak: float, bytes_per_cycle: float | None) -> float:
    """Most multiply-accumulates per cycle at ``intensity`` multiply-accumulates per byte: the lower of two roofs."""
    return peak if bytes_per_cycle is None else min(peak, intensity * bytes_per_cycle)
