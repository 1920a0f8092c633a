"""What a run gives: outputs, and a record of each layer."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerResult", "Result", "with_sqnr"]


@dataclass(frozen=True)
class LayerResult:
    """What a layer did on the device.

    Attributes
    ----------
    name, operation
        of its node.
    width
        mantissa width of both operands, bits.
    macs
        multiply-accumulates.
    sqnr
        of its result against the same network in FP32, decibels; infinite where they are equal, None where they were not
        compared.
    saturated, flushed
        elements of the operands that were clipped, or became zero.
    cycles, utilization
        of the device, and the share of them in which its array was busy; None where the device has no time.
    walked
        whether the array walked the layer's feature map, see ``Device.convolve``.
    turn
        which time it ran, from 1 on; None of a layer that ran once.
    """

    name: str
    operation: str
    width: int
    macs: int
    sqnr: float | None
    saturated: int
    flushed: int
    cycles: int | None
    utilization: float | None
    walked: bool = False
    turn: int | None = None

    @property
    def title(self) -> str:
        """Its name, and which time it ran."""
        return self.name if self.turn is None else f"{self.name} ({self.turn})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values, the title as its name."""
        values = asdict(self) | {"name": self.title, "sqnr": None if self.sqnr is None or np.isinf(self.sqnr) else self.sqnr}
        del values["turn"]
        return values


@dataclass(frozen=True)
class Result:
    """Outputs by the graph's names, and what each layer did."""

    outputs: dict[str, NDArray[Any]]
    layers: tuple[LayerResult, ...]
    missing: tuple[str, ...] = ()

    @property
    def cycles(self) -> int | None:
        """Of all layers together; None where the device has no time."""
        counts = [layer.cycles for layer in self.layers if layer.cycles is not None]
        return sum(counts) if len(counts) == len(self.layers) else None


def with_sqnr(layer: LayerResult, result: NDArray[Any], wanted: NDArray[Any]) -> LayerResult:
    """The record with the signal-to-noise ratio of the layer's result."""
    noise = ((result - wanted) ** 2).sum()
    power = (wanted**2).sum()
    sqnr = float("inf") if noise == 0 else float(10 * np.log10(power / noise)) if power else float("-inf")
    return replace(layer, sqnr=sqnr)
