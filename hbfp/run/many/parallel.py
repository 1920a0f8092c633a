"""A network on several devices, each with a part of the batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hbfp.run.network import Network
from hbfp.run.result import LayerResult, Result
from hbfp.run.widths import Plan
from sim.devices import Device
from sim.graphs.nodes import label, walk
from sim.graphs.products import GATES

__all__ = ["part_of_batch", "run_parts"]


def part_of_batch(batch: int | None, cores: int) -> int:
    """Samples of each core's part.

    Raises
    ------
    ValueError
        for cores that do not divide the batch.
    """
    if cores < 1:
        raise ValueError(f"cores must be at least 1, not {cores}")
    if batch is None or batch % cores:
        raise ValueError(f"cores must divide the batch, which --batch says: {batch or 'nothing'}, not {cores}")
    return batch // cores


def run_parts(
    network: Network, inputs: Mapping[str, NDArray[Any]], devices: Sequence[Device], plan: Plan | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Result:  # fmt: skip
    """The network on each device with its part of the samples, the first axis of all inputs and outputs.

    A sample's output must not depend on other samples, which is not checked but for recurrent operations.

    Parameters
    ----------
    network
        with the sizes of one part.
    inputs
        of all parts together.
    devices
        one for each part; cycles of a layer are those of the slowest.
    plan, progress
        as of ``Network.run``.

    Raises
    ------
    ValueError
        for inputs that are not so many parts, or outputs without an axis of samples; for a recurrent operation, whose first
        axis is time; for parts in which other layers run, or more often; as of ``Network.run``.
    """
    count = len(devices)
    for node in walk(network.whole.graph):
        if node.op_type in GATES:
            raise ValueError(
                f"{network.path.name}: {label(node)}: the first axis must be samples, not steps, to be shared by cores"
            )  # fmt: skip
    for name, value in inputs.items():
        if not value.ndim or value.shape[0] % count:
            raise ValueError(f"{network.path.name}: input {name} must have {count} equal parts, not shape {value.shape}")
    parts = [{name: np.split(value, count)[i] for name, value in inputs.items()} for i in range(count)]
    results = [network.run(part, device, plan, progress=progress) for part, device in zip(parts, devices, strict=True)]
    samples = {len(value) for value in parts[0].values()}
    for name, value in results[0].outputs.items():
        if not value.ndim or {len(value)} != samples:
            raise ValueError(f"{network.path.name}: output {name} must have the samples of all inputs, not shape {value.shape}")
    outputs = {name: np.concatenate([result.outputs[name] for result in results]) for name in results[0].outputs}
    if len({tuple(layer.title for layer in result.layers) for result in results}) > 1:
        raise ValueError(f"{network.path.name}: the same layers must run for all inputs to be shared by cores")
    layers = tuple(_together(layers) for layers in zip(*(result.layers for result in results), strict=True))
    return Result(outputs, layers, results[0].missing)


def _together(layers: tuple[LayerResult, ...]) -> LayerResult:
    """One layer of all parts: the noise of the worst, the cycles of the slowest, all that was lost."""
    slowest = max(layers, key=lambda layer: layer.cycles or 0)
    return replace(
        slowest, macs=sum(layer.macs for layer in layers),
        sqnr=min((layer.sqnr for layer in layers if layer.sqnr is not None), default=None),
        saturated=sum(layer.saturated for layer in layers), flushed=sum(layer.flushed for layer in layers),
    )  # fmt: skip
