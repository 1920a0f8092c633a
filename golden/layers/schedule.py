# Ref: S. B. Harma et al., "Accuracy Booster: Enabling 4-bit Fixed-point Arithmetic for DNN Training",
# arXiv 2211.10737, v2 2022 (last epochs) and v3 2023 (first and last layers).
"""Which mantissa width each layer has in each epoch."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["WidthSchedule", "schedule"]


class _Placed(Protocol):
    """A layer that knows where in its network it is."""

    @property
    def first(self) -> bool: ...
    @property
    def last(self) -> bool: ...


@dataclass(frozen=True)
class WidthSchedule:
    """Mantissa widths over layers and epochs.

    Parameters
    ----------
    name
        as people write it.
    width
        bits of a mantissa, sign included.
    wide
        bits where the schedule is wide.
    wide_ends
        whether the first and last layers are wide in every epoch.
    wide_epochs
        number of last epochs in which every layer is wide.
    """

    name: str
    width: int
    wide: int
    wide_ends: bool = False
    wide_epochs: int = 0

    def mantissa_width(self, layer: _Placed, wide_epoch: bool = False) -> int:
        """Bits of both operands' mantissas, in each of the layer's products."""
        return self.wide if wide_epoch or (self.wide_ends and (layer.first or layer.last)) else self.width

    def widths(self, training: bool = True) -> tuple[int, ...]:
        """Every width a run needs, ascending."""
        wide = self.wide_ends or (training and self.wide_epochs > 0)
        return tuple(sorted({self.width, self.wide} if wide else {self.width}))

    def is_wide(self, epoch: int, epochs: int) -> bool:
        """Whether every layer is wide in this epoch (from 0) of a run of ``epochs``."""
        return epoch >= epochs - self.wide_epochs

    def phases(self, epochs: int) -> tuple[tuple[int, bool], ...]:
        """(epochs, whether they are wide), in order; their sum is ``epochs``."""
        wide = min(self.wide_epochs, epochs)
        return tuple((count, is_wide) for count, is_wide in ((epochs - wide, False), (wide, True)) if count)


def schedule(name: str) -> WidthSchedule:
    """The schedule of this name: "booster", or "all-4" with any width from 2 to 10.

    Raises
    ------
    ValueError
        if there is none.
    """
    if name == "booster":
        return WidthSchedule(name, width=4, wide=6, wide_ends=True, wide_epochs=1)
    prefix, _, width = name.partition("-")
    if prefix == "all" and width.isdecimal() and 2 <= int(width) <= 10:
        return WidthSchedule(name, width=int(width), wide=int(width))
    raise ValueError(f"schedule must be booster or all-W with a width W between 2 and 10, not {name}")
