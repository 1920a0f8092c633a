"""Which layers can be narrow: a choice of mantissa widths that keeps an accuracy at few cycles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hbfp.run.network import Network, Result
from sim.devices import Device

__all__ = ["Choice", "Step", "accuracy", "search"]


@dataclass(frozen=True)
class Step:
    """A layer that was tried narrow while all others stayed wide.

    Attributes
    ----------
    layer
        its name.
    accuracy
        with this layer alone narrow.
    error
        mean square change of the first output, per mean square of it.
    saved
        cycles.
    """

    layer: str
    accuracy: float
    error: float
    saved: int


@dataclass(frozen=True)
class Choice:
    """Widths by layer, what they reach and cost, beside all wide and all narrow."""

    widths: dict[str, int]
    accuracy: float
    cycles: int
    wide: tuple[float, int]
    narrow: tuple[float, int]
    steps: tuple[Step, ...]


def accuracy(output: NDArray[Any], labels: NDArray[np.integer]) -> float:
    """Share of samples whose largest output is the one of their label.

    Raises
    ------
    ValueError
        if there are not as many labels as samples.
    """
    found = output.reshape(len(output), -1).argmax(1)
    if labels.shape != found.shape:
        raise ValueError(f"labels must be one integer per sample, shape {found.shape}, not {labels.shape}")
    return float((found == labels).mean())


def search(
    network: Network, inputs: Mapping[str, NDArray[Any]], labels: NDArray[np.integer], device: Device, least: float,
    narrow: int = 4, wide: int = 6, progress: Callable[[int, int, str], None] | None = None,
) -> Choice:  # fmt: skip
    """Narrow the layers one by one, those first that change the output least for each cycle they save.

    Each layer's sensitivity is measured with all others wide. A layer stays narrow if the network with all narrow ones so
    far still has the accuracy.

    Parameters
    ----------
    network, inputs, labels
        labels are integers, one per sample; the first output's largest element is the network's answer.
    device
        with cycles, for instance ``CycleDevice``, and both widths.
    least
        accuracy to be kept, 0 … 1.
    narrow, wide
        mantissa widths to choose from.
    progress
        called with runs done, runs in all, and what is tried.

    Raises
    ------
    ValueError
        if even all wide layers do not reach the accuracy; for a device without cycles.
    """
    names = [place.name for place in network.layers.values()]
    count, done = 2 * len(names) + 2, 0

    def tried(widths: Mapping[str, int], what: str) -> tuple[Result, NDArray[Any], float]:
        nonlocal done
        if progress:
            progress(done, count, what)
        done += 1
        result = network.run(inputs, device, dict(widths), compare=False)
        output = result.outputs[network.outputs[0]]
        return result, output, accuracy(output, labels)

    widths = dict.fromkeys(names, wide)
    base, output, reached = tried(widths, f"all {wide}")
    all_wide = reached, _cycles(base)
    if reached < least:
        raise ValueError(f"accuracy must be at most {reached:.4f}, which all layers in {wide} bits reach, not {least:g}")
    low, _, low_accuracy = tried(dict.fromkeys(names, narrow), f"all {narrow}")
    steps = []
    for name in names:
        result, changed, alone = tried(widths | {name: narrow}, name)
        error = float(((changed - output) ** 2).mean() / ((output**2).mean() or 1))
        steps.append(Step(name, alone, error, _cycles(base, name) - _cycles(result, name)))
    best = base
    for step in sorted(steps, key=lambda step: step.error / max(step.saved, 1)):
        result, _, now = tried(widths | {step.layer: narrow}, f"{step.layer} too")
        if now >= least:
            widths[step.layer], best, reached = narrow, result, now
    return Choice(widths, reached, _cycles(best), all_wide, (low_accuracy, _cycles(low)), tuple(steps))


def _cycles(result: Result, name: str | None = None) -> int:
    """Cycles of a layer, or of all."""
    cycles = [layer.cycles for layer in result.layers if name in (None, layer.name)]
    counted = [count for count in cycles if count is not None]
    if len(counted) < len(cycles):
        raise ValueError("device must be one that counts cycles")
    return sum(counted)
