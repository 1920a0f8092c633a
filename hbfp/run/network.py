"""A user's network, run with its products on a device."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, NodeProto

import golden
from hbfp.run.layers import place_layers
from hbfp.run.lowering.lower import lower
from hbfp.run.lowering.replacement import Arrays, tensors
from hbfp.run.products import Array, compute
from hbfp.run.result import LayerResult, Result, with_sqnr
from hbfp.run.segment import Segment, computed, reads, session
from hbfp.run.widths import METADATA, Plan, check_widths, layer_widths
from sim.devices import Device
from sim.devices.job import Prepared
from sim.devices.jobs import Matrix
from sim.graphs.load import check_graph, parse_graph
from sim.graphs.nodes import GraphError, subgraphs
from sim.graphs.sizes import check_tensors
from sim.graphs.windows import Geometry

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
        whole = onnx.ModelProto.FromString(parsed.SerializeToString())
        self.metadata = {entry.key: entry.value for entry in parsed.metadata_props}
        model = check_graph(parsed, self.path, batch, sequence, sizes)
        shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)
                  for v in (*model.graph.input, *model.graph.value_info, *model.graph.output)}  # fmt: skip
        check_tensors(self.path.name, shapes.values())
        self.constants = self._constants(whole) | self._constants(model, inner=False)
        self.whole = self._complete(whole)
        self.opsets = list(model.opset_import)
        version = next(o.version for o in self.opsets if o.domain in ("", "ai.onnx"))
        nodes = self._fold(model.graph.node)
        shapes |= {name: value.shape for name, value in self.constants.items()}
        self.nodes: list[NodeProto] = []
        for node, added in lower(nodes, self.constants, shapes, version):
            self.nodes.append(node)
            self.constants |= added
        self.inputs = [v for v in model.graph.input if v.name not in self.constants]
        self.outputs = [value.name for value in model.graph.output]
        self.layers, self.missing = place_layers(self.nodes, self.constants, shapes, self.path.name, allow_missing)
        if not self.layers:
            raise GraphError(f"{self.path.name} has no layer that is a matrix product")

    def _constants(self, model: ModelProto, inner: bool = True) -> Arrays:
        """Constants of a model by name, those in other files included."""
        import onnx

        graph, folder = model.graph, str(self.path.parent)
        found: Arrays = {}
        for tensor in graph.initializer:
            try:
                found[tensor.name] = onnx.numpy_helper.to_array(tensor, folder)
            except (OSError, ValueError, onnx.checker.ValidationError) as error:
                raise GraphError(f"{self.path.name}: weights {tensor.name} cannot be read: {error}") from None
        for sparse in graph.sparse_initializer if inner else ():
            check_tensors(self.path.name, [tuple(sparse.dims)])
            dense = np.zeros(list(sparse.dims), onnx.helper.tensor_dtype_to_np_dtype(sparse.values.data_type))
            dense.reshape(-1)[onnx.numpy_helper.to_array(sparse.indices)] = onnx.numpy_helper.to_array(sparse.values)
            found[sparse.values.name] = dense
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                found[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
        return found

    def _fold(self, nodes: Iterable[NodeProto]) -> list[NodeProto]:
        """The nodes without those of constants alone, whose results join the constants: weights in another order."""
        known = set(self.constants)
        folded: list[NodeProto] = []
        kept: list[NodeProto] = []
        for node in nodes:
            inputs = [name for name in node.input if name]
            if inputs and known.issuperset(inputs) and not list(subgraphs(node)) and "Random" not in node.op_type:
                folded.append(node)
                known.update(node.output)
            else:
                kept.append(node)
        if folded:
            outputs = [name for node in folded for name in node.output if name]
            self._segment(folded, outputs).run(self.constants)
        return kept

    def _complete(self, whole: ModelProto) -> ModelProto:
        """The model with all its weights inside, as ONNX Runtime takes it."""
        del whole.graph.sparse_initializer[:]
        made = {name for node in whole.graph.node for name in node.output}
        kept = tensors({name: value for name, value in self.constants.items() if name not in made})
        known = {tensor.name for tensor in (*whole.graph.initializer,)}
        del whole.graph.initializer[:]
        whole.graph.initializer.extend(t for t in kept if t.name in known or t.name in self.constants)
        return whole

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

    def _check_inputs(self, inputs: Mapping[str, ArrayLike]) -> None:
        import onnx

        for value in self.inputs:
            kind = value.type.tensor_type
            wanted = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
            shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
            if value.name not in inputs:
                raise ValueError(f"{self.path.name}: input {value.name} is missing; given are {', '.join(inputs) or 'none'}")
            got = np.asarray(inputs[value.name])
            if got.dtype != wanted:
                raise ValueError(f"{self.path.name}: input {value.name} must be {wanted}, not {got.dtype}")
            if len(shape) != got.ndim or any(x not in (None, 0, y) for x, y in zip(shape, got.shape, strict=True)):
                text = "x".join("?" if x is None else str(x) for x in shape) or "a scalar"
                raise ValueError(f"{self.path.name}: input {value.name} must have shape {text}, not {got.shape}")
        for name in inputs:
            if name not in {value.name for value in self.inputs}:
                known = ", ".join(value.name for value in self.inputs)
                raise ValueError(f"{self.path.name}: there is no input {name}; the inputs are {known}")

    def zeros(self) -> Arrays:
        """Inputs of nothing but zeros.

        Raises
        ------
        ValueError
            for an input whose shape is not known.
        """
        import onnx

        inputs: Arrays = {}
        for value in self.inputs:
            kind = value.type.tensor_type
            shape = [extent.dim_value for extent in kind.shape.dim]
            if 0 in shape:
                raise ValueError(f"{self.path.name}: input {value.name} must have a known shape: --batch, --sequence or --size")
            inputs[value.name] = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
        return inputs

    def fp32(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs of ONNX Runtime alone."""
        self._check_inputs(inputs)
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
        self._check_inputs(inputs)
        widths = self.widths(plan)
        for name, width in widths.items():
            if width not in device.config.mantissa_widths:
                known = ", ".join(map(str, device.config.mantissa_widths))
                raise ValueError(f"layer {name}: width must be one of the machine's {known}, not {width}")
        reference = self._reference(inputs) if compare else {}
        values: Arrays = {name: np.asarray(x) for name, x in inputs.items()}
        results: list[LayerResult] = []
        for step in self._steps:
            if isinstance(step, Segment):
                step.run(values)
                continue
            place = self.layers[id(step)]
            if progress:
                progress(len(results), len(self.layers), place.name)
            products = iter(commands[place.name]) if commands is not None else None
            values[step.output[0]] = self._layer(
                step, place.name, widths[place.name], values, device, rounding, results, products
            )
            if step.output[0] in reference:
                wanted = reference[step.output[0]].astype(np.float64)
                results[-1] = with_sqnr(results[-1], values[step.output[0]], wanted)
        outputs = {name: values[name] if name in values else self.constants[name] for name in self.outputs}
        return Result(outputs, tuple(results), tuple(self.missing))

    def _layer(
        self, node: NodeProto, name: str, width: int, values: Arrays, device: Device, rounding: str,
        results: list[LayerResult], products: Iterator[Prepared] | None = None,
    ) -> NDArray[np.float32]:  # fmt: skip
        """One layer on the device, and its record."""
        before, macs, walked = device.counters, 0, False

        def on_device(product: Callable[..., Matrix], *operands: Any, bias: Array | None) -> Array:
            fused = bias is not None and "bias" in device.config.features
            prepared = next(products, None) if products is not None else None
            if products is not None and prepared is None:
                raise ValueError(f"layer {name}: the program has fewer products than it asks for")
            added = bias if fused else None
            c = product(*operands, width_a=width, width_b=width, rounding=rounding, bias=added, prepared=prepared)
            assert isinstance(c, np.ndarray)
            return c if fused or bias is None else golden.finish(c, bias)

        def multiply(a: Array, b: Array, bias: Array | None) -> Array:
            nonlocal macs
            macs += a.shape[0] * a.shape[1] * b.shape[1]
            return on_device(device.matmul, a, b, bias=bias)

        def convolve(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
            nonlocal macs, walked
            c = on_device(device.convolve, x, w, *geometry, bias=bias)
            macs += len(c) * w.size
            walked |= device.walked
            return c

        inputs = [values[x] if x in values else self.constants[x] for x in node.input if x]
        result = compute(node, inputs, multiply, convolve)
        grown = {key: count - before.get(key, 0) for key, count in device.counters.items()}
        cycles = grown.get("cycles")
        busy = grown["busy"] / cycles if cycles else None
        lost = grown["saturated"], grown["flushed"]
        results.append(LayerResult(name, node.op_type, width, macs, None, *lost, cycles, busy, walked))
        return result

    def _reference(self, inputs: Mapping[str, ArrayLike]) -> Arrays:
        """Results of all layers in FP32 by ONNX Runtime, where it has them."""
        import onnx

        names = [place.node.output[0] for place in self.layers.values()]
        segment = self._segment(list(self.nodes), names)
        values = {name: np.asarray(x) for name, x in inputs.items()}
        try:
            segment.run(values)
        except (GraphError, RuntimeError, onnx.checker.ValidationError):
            return {}
        return {name: values[name] for name in names}

    def _segment(self, nodes: list[NodeProto], outputs: list[str]) -> Segment:
        return Segment(nodes, outputs, self.constants, self.opsets, self.path.name)

    @cached_property
    def _steps(self) -> list[NodeProto | Segment]:
        """Products, and segments of everything between them."""
        steps: list[NodeProto | list[NodeProto]] = []
        waiting: list[NodeProto] = []
        for node in self.nodes:
            if id(node) not in self.layers:
                waiting.append(node)
                continue
            if waiting:
                steps.append(waiting)
                waiting = []
            steps.append(node)
        steps += [waiting] if waiting else []
        needed = set(self.outputs)
        done: list[NodeProto | Segment] = []
        for step in reversed(steps):
            if isinstance(step, list):
                made = [name for node in step for name in node.output if name in needed]
                for node in step:
                    needed.update(reads(node))
                done.append(self._segment(step, made))
            else:
                needed.update(step.input)
                done.append(step)
        return done[::-1]


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
