"""A network compiled: every product's commands for one machine, and its weights in blocks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import golden
from hbfp.program.file import LayerProgram, ProductProgram, Program
from hbfp.program.turns import check_turns
from hbfp.program.weights import without_packed
from hbfp.run.network import Network
from hbfp.run.widths import Plan
from hw.config import CoreConfig
from sim.devices import Device
from sim.devices.device import HEALTH, RESULTS
from sim.devices.jobs import Matrix, Task, jobs

__all__ = ["compile_network"]


class _Recorder(Device):
    """A device that writes down what it is asked for, and answers with zeros."""

    def __init__(self, config: CoreConfig, operands: str):
        super().__init__(config)
        self._send_as(operands, "fp32", "packed")
        self.constant = False
        self.products: list[ProductProgram] = []

    @property
    def counters(self) -> dict[str, int]:
        """Nothing is lost."""
        return dict.fromkeys(HEALTH + RESULTS, 0)

    def _product(self, task: Task) -> Matrix:
        weights = golden.pack(task.blocks("b", self.config)).tobytes() if self.constant and task.packed else None
        work = tuple(jobs(self.config, task))
        self.products.append(ProductProgram(task.sizes, task.bias is not None, work, weights))
        return np.zeros((task.sizes[0], task.sizes[2]), np.float32)


def compile_network(
    network: Network, config: CoreConfig, plan: Plan | None = None, operands: str = "packed",
    progress: Callable[[int, int, str], None] | None = None,
) -> Program:  # fmt: skip
    """The commands that ``network.run`` would send to a machine.

    Parameters
    ----------
    network
        with all sizes known.
    config
        the machine; "packed" operands need that feature.
    plan
        of mantissa widths, as of ``Network.widths``.
    operands
        what they go to the device as.
    progress
        as of ``Network.run``.

    Raises
    ------
    ValueError
        for widths that the machine has not; for an input of unknown size; for a branch or a number of turns that
        constants do not tell.
    """
    check_turns(network.body)
    recorder = _Recorder(config, operands)
    widths = network.widths(plan)
    places = {place.name: place for place in network.layers.values()}
    taken: dict[str, list[ProductProgram]] = {name: [] for name in places}

    def begin(done: int, total: int, name: str) -> None:
        recorder.constant = places[name].weights
        recorder.products = taken[name]
        if progress:
            progress(done, total, name)

    network.run(network.zeros(), recorder, plan, progress=begin, compare=False)
    layers = tuple(
        LayerProgram(name, place.node.op_type, widths[name], tuple(taken[name])) for name, place in places.items()
    )
    return Program(config, Path(network.path).name, operands, layers, _graph(network, operands == "packed"))


def _graph(network: Network, packed: bool) -> bytes:
    """The network as ONNX, its inputs of the sizes it was compiled for, without weights that are in blocks."""
    import onnx

    model = onnx.ModelProto.FromString(network.whole.SerializeToString())
    known = {value.name: value for value in network.inputs}
    for value in model.graph.input:
        if value.name in known:
            value.CopyFrom(known[value.name])
    if packed:
        without_packed(model)
    return bytes(model.SerializeToString())
