"""Off-chip memory: bits of a stored element, and traffic of a product."""

from dataclasses import dataclass, replace
from math import ceil

from hw.config import FEATURES, CoreConfig

__all__ = ["STORAGES", "Memory", "Traffic", "element_bits", "row_bits"]

STORAGES = ("packed", "bf16", "fp32")
_BITS = {"bf16": 16, "fp32": 32}
_FEATURES: dict[str, dict[str | None, str]] = {
    "operands": {"packed": "packed", "bf16": "bfloat16"}, "results": {"packed": "requantize", "bf16": "bfloat16"},
}  # fmt: skip
"""What a core needs beyond FP32."""


@dataclass(frozen=True)
class Memory:
    """What lies behind a core's streams.

    Parameters
    ----------
    bytes_per_cycle
        bandwidth to and from all cores of a chip together; None for one that never bounds.
    operands
        how A and B are stored and come to the core: "packed" blocks (mantissas and a shared exponent), "bf16" or
        "fp32"; by default packed if the core takes blocks, else fp32.
    results
        how C leaves the core and is stored: "fp32" (default), "bf16", or "packed" for the next layer.
    patches
        "streamed" if the patches of a convolution are read as unfolded rows, each element as often as it occurs;
        "gathered" if a unit on the chip unfolds them, so that each element of the tensor is read once per panel, or, by a core
        with the feature "patches" where that is faster, the map itself in whole blocks of channels.

    Raises
    ------
    ValueError
        naming the parameter, the rule and the value.
    """

    bytes_per_cycle: float | None = None
    operands: str | None = None
    results: str = "fp32"
    patches: str = "streamed"

    def __post_init__(self) -> None:
        if self.bytes_per_cycle is not None and not self.bytes_per_cycle > 0:
            raise ValueError(f"bytes_per_cycle must be above 0, not {self.bytes_per_cycle}")
        for name in ("operands", "results"):
            if getattr(self, name) not in STORAGES and (name, getattr(self, name)) != ("operands", None):
                raise ValueError(f"{name} must be one of {', '.join(STORAGES)}, not {getattr(self, name)}")
        if self.patches not in ("streamed", "gathered"):
            raise ValueError(f"patches must be streamed or gathered, not {self.patches}")

    @property
    def operand_storage(self) -> str:
        """``operands``, or "fp32" while that is left open."""
        return self.operands or "fp32"

    @property
    def features(self) -> tuple[str, ...]:
        """Those of a core whose streams carry what is stored, as ``CoreConfig`` names them."""
        needed = {_FEATURES["operands"].get(self.operands), _FEATURES["results"].get(self.results)}
        return tuple(name for name in FEATURES if name in needed)

    def behind(self, config: CoreConfig) -> "Memory":
        """This memory behind such a core, nothing left open.

        Raises
        ------
        ValueError
            for a format the core lacks.
        """
        for name in ("operands", "results"):
            feature = _FEATURES[name].get(getattr(self, name))
            if feature is not None and feature not in config.features:
                raise ValueError(f"{name} {getattr(self, name)} need the feature {feature}, which the core lacks")
        chosen = self.operands or ("packed" if "packed" in config.features else "fp32")
        return replace(self, operands=chosen)


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
    """Bits a product moves to and from memory, by operand."""

    a: float = 0
    b: float = 0
    c: float = 0

    @property
    def bytes(self) -> float:
        """All of it, in bytes."""
        return (self.a + self.b + self.c) / 8

    def scaled(self, factor: float) -> "Traffic":
        """The traffic of ``factor`` such products."""
        return Traffic(self.a * factor, self.b * factor, self.c * factor)
