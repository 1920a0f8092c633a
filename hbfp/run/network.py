"""A user's network, run with its products on a device."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hbfp.run.graphs.body import Body
from hbfp.run.graphs.constants import complete, read_constants, read_inner
from hbfp.run.graphs.inputs import check_inputs, zeros
from hbfp.run.graphs.layers import LayerPlace, name_layers
from hbfp.run.graphs.marks import mark_first, mark_last
from hbfp.run.graphs.prepare import Shared
from hbfp.run.graphs.segment import computed, session
from hbfp.run.layer import run_layer
from hbfp.run.lowering.replacement import Arrays
from hbfp.run.result import LayerResult, Result, with_sqnr
from hbfp.run.widths import METADATA, Plan, check_widths, layer_widths
from sim.devices import Device
from sim.devices.job import Prepared
from sim.graphs.load import check_graph, parse_graph
from sim.graphs.nodes import GraphError
from sim.graphs.sizes import check_tensors, known_shapes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LayerResult", "Network", "Result", "run"]


class Network:
    """An ONNX graph, ready to run.

    Parameters
    ----------
    path
        of the file, or a ``torch.nn.Module`` with ``example`` inputs.
    batch, sequence, sizes
        of the inputs' free extents, as of ``sim.graphs.load_graph``.
    allow_missing
        let ONNX Runtime compute, in its own precision, what holds products and cannot run on a device.

    Raises
    ------
    ImportError, FileNotFoundError, GraphError
        as of ``load_graph``; for products that cannot run on a device.
    """

    def __init__(
        self, path: Path | str, batch: int | None = None, sequence: int | None = None,
        sizes: Mapping[str, int] | None = None, allow_missing: bool = False,
    ):  # fmt: skip
        import onnx

        self.path = Path(path)
        parsed = parse_graph(self.path)
        read_inner(parsed, self.path)
        whole = onnx.ModelProto.FromString(parsed.SerializeToString())
        self.metadata = {entry.key: entry.value for entry in parsed.metadata_props}
        model = check_graph(parsed, self.path, batch, sequence, sizes)
        shapes = known_shapes(model.graph)
        check_tensors(self.path.name, shapes.values())
        constants = read_constants(whole.graph, self.path) | read_constants(model.graph, self.path, sparse=False)
        self.whole = complete(whole, constants)
        shared = Shared(self.path.name, list(model.opset_import), allow_missing, lambda graph: read_constants(graph, self.path))
        self.body = Body(model.graph, constants, shapes, shared)
        mark_first(self.body)
        mark_last(self.body)
        name_layers(self.body.places())
        self.layers = {id(place.node): place for place in self.body.places()}
        self.inputs = [value for value in model.graph.input if value.name in self.body.inputs]
        self.outputs = self.body.outputs
        self.missing = self.body.missing
        if not self.layers:
            raise GraphError(f"{self.path.name} has no layer that is a matrix product")

    @property
    def constants(self) -> Arrays:
        """What does not depend on the inputs, by name."""
        return self.body.constants

    def widths(self, plan: Plan | None = None) -> dict[str, int]:
        """The mantissa width of each layer by name: of the plan, else of the file's metadata, else 4 bits.

        Raises
        ------
        ValueError
            as of ``layer_widths``.
        """
        import json

        where = "widths"
        if plan is None and METADATA in self.metadata:
            where = f"{self.path.name}, metadata {METADATA}"
            plan = check_widths(json.loads(self.metadata[METADATA]), where)
        return layer_widths(list(self.layers.values()), plan or "all-4", where)

    def zeros(self) -> Arrays:
        """Inputs of nothing but zeros.

        Raises
        ------
        ValueError
            for an input whose shape is not known.
        """
        return zeros(self.inputs, self.path.name)

    def fp32(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs of ONNX Runtime alone."""
        check_inputs(self.inputs, inputs, self.path.name)
        alone = session(self.whole, self.path.name)
        return computed(alone, self.outputs, dict(inputs), self.path.name)

    def run(
        self, inputs: Mapping[str, NDArray[Any]], device: Device, plan: Plan | None = None, rounding: str = "nearest",
        progress: Callable[[int, int, str], None] | None = None, compare: bool = True,
        commands: Mapping[str, Sequence[Prepared]] | None = None,
    ) -> Result:  # fmt: skip
        """Outputs with all products on a device.

        Parameters
        ----------
        inputs
            arrays by the graph's names.
        device
            a machine that has the widths.
        plan
            as of ``widths``.
        rounding
            into blocks.
        progress
            called with layers done, layers in all, and the name of the next one.
        compare
            also compute the network in FP32, for each layer's SQNR.
        commands
            of each layer's products, in the order in which it asks for them, from a compiled program.

        Raises
        ------
        ValueError
            for inputs of other names, shapes or types; for widths that the machine has not.
        """
        check_inputs(self.inputs, inputs, self.path.name)
        widths = self.widths(plan)
        for name, width in widths.items():
            if width not in device.config.mantissa_widths:
                known = ", ".join(map(str, device.config.mantissa_widths))
                raise ValueError(f"layer {name}: width must be one of the machine's {known}, not {width}")
        values: Arrays = {name: np.asarray(x) for name, x in inputs.items()}
        reference = self._reference(values) if compare else {}
        prepared = {name: iter(products) for name, products in commands.items()} if commands is not None else None
        results: list[LayerResult] = []
        turns: Counter[str] = Counter()

        def product(place: LayerPlace, given: list[NDArray[Any]]) -> NDArray[Any]:
            if progress:
                progress(len(turns), len(self.layers), place.name)
            products = prepared[place.name] if prepared is not None else None
            result, layer = run_layer(place, given, device, widths[place.name], rounding, products)
            turns[place.name] += 1
            wanted = reference.get((place.name, turns[place.name]))
            if wanted is not None and wanted.shape == result.shape:
                layer = with_sqnr(layer, result, wanted.astype(np.float64))
            results.append(replace(layer, turn=turns[place.name]))
            return result

        outputs = dict(zip(self.outputs, self.body.run(values, {}, product), strict=True))
        layers = tuple(layer if turns[layer.name] > 1 else replace(layer, turn=None) for layer in results)
        return Result(outputs, layers, tuple(self.missing))

    def _reference(self, inputs: Arrays) -> dict[tuple[str, int], NDArray[Any]]:
        """Results of all layers in FP32 by ONNX Runtime, where it has them, by the layer's name and its turn."""
        import onnx

        results: dict[tuple[str, int], NDArray[Any]] = {}
        turns: Counter[str] = Counter()

        def seen(place: LayerPlace, result: NDArray[Any]) -> None:
            turns[place.name] += 1
            results[place.name, turns[place.name]] = result

        try:
            self.body.run(inputs, {}, seen=seen)
        except (GraphError, RuntimeError, onnx.checker.ValidationError):
            return {}
        return results


def run(
    model: "Path | str | nn.Module", inputs: Mapping[str, NDArray[Any]], device: Device, plan: Plan | None = None,
    **options: Any,
) -> Result:  # fmt: skip
    """Run a network once: ``Network(model).run(inputs, device, plan)``.

    Parameters
    ----------
    model
        path of an ONNX file, or a ``torch.nn.Module``, which is exported with the inputs as its example.
    inputs
        arrays by the graph's names.
    device, plan, options
        as of ``Network.run``.

    Raises
    ------
    ImportError, FileNotFoundError, ValueError
        as of ``Network``.
    """
    if isinstance(model, str | Path):
        return Network(model).run(inputs, device, plan, **options)
    from hbfp.run.export import exported

    with exported(model, inputs) as path:
        return Network(path).run(inputs, device, plan, **options)
