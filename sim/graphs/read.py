"""A network from an ONNX graph: its matrix products in order, and what else it is made of."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from sim.graphs.load import check_graph, parse_graph
from sim.graphs.nodes import GraphError, attributes, handed_in, handed_out, label, reads, subgraphs
from sim.graphs.parameters import count_parameters
from sim.graphs.products import MatrixProduct, Shapes, products_of
from sim.graphs.sizes import free_extents, graph_batch
from sim.workloads.layer import Layer, Workload

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

__all__ = ["read_graph"]

QUIET = ("Constant", "Identity")
"""Operations that are nothing to be modelled."""


@dataclass
class _Found:
    """A product in its place: the node, and whether products lie before it and behind it."""

    node: "NodeProto"
    product: MatrixProduct
    name: str
    first: bool
    embedded: bool
    last: bool = True


@dataclass
class _Reader:
    """What was found so far."""

    name: str
    allow_missing: bool
    found: list[_Found] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)

    def graph(self, graph: "GraphProto", shapes: Shapes, deep: set[str], embedded: set[str]) -> set[str]:
        """Walk a graph; returns its tensors that depend on a product. ``deep`` and ``embedded`` are seen from outside."""
        shapes = _inside(graph, shapes)
        deep, embedded = set(deep), set(embedded)
        for node in graph.node:
            inputs = {name for name in node.input if name}
            if inputs and inputs <= shapes.constants and not list(subgraphs(node)):
                shapes.constants.update(node.output)
                continue
            holds = self._node(node, shapes, deep, embedded)
            if holds or reads(node) & deep:
                deep.update(node.output)
            looked_up = node.op_type == "Gather" and node.input[0] in shapes.constants
            if looked_up or inputs & embedded:
                embedded.update(node.output)
        return deep

    def _node(self, node: "NodeProto", shapes: Shapes, deep: set[str], embedded: set[str]) -> bool:
        """Take in one node; whether it holds products."""
        if list(subgraphs(node)):
            return self._control(node, shapes, deep, embedded)
        products = products_of(shapes, node)
        if products is None:
            if not self.allow_missing:
                raise GraphError(f"{self.name}: {label(node)}: whether this operation holds products is not known; "
                                 "--allow-missing leaves it out")  # fmt: skip
            self.missing.append(label(node))
            return False
        if not products and node.op_type not in QUIET:
            self.others[node.op_type] += 1
        name = node.name or node.output[0]
        places = {tensor for tensor in node.input if tensor}
        for number, product in enumerate(products):
            title = name if len(products) == 1 else f"{name}.{number + 1}"
            first = number == 0 if not places & deep else False
            self.found.append(_Found(node, product, title, first, bool(places & embedded)))
        return bool(products)

    def _control(self, node: "NodeProto", shapes: Shapes, deep: set[str], embedded: set[str]) -> bool:
        """Branches and loops: of two branches the dearer one counts, a loop as often as it turns."""
        before = len(self.found)
        for graph in subgraphs(node):
            deep = deep | {name for name, outer in handed_in(node, graph).items() if outer in deep}
        if node.op_type == "If":
            best: list[_Found] = []
            for branch in subgraphs(node):
                self.graph(branch, shapes, deep, embedded)
                taken, self.found[before:] = self.found[before:], []
                best = max(best, taken, key=lambda found: sum(_macs(f.product) for f in found))
            self.found += best
        elif node.op_type in ("Loop", "Scan"):
            (body,) = subgraphs(node)
            self.graph(body, shapes, deep, embedded)
            if len(self.found) > before:
                times = _turns(node, shapes)
                for found in self.found[before:]:
                    found.product = replace(found.product, times=found.product.times * times)
        else:
            raise GraphError(f"{self.name}: {label(node)}: an operation with graphs inside that is not known")
        return len(self.found) > before


def _macs(product: MatrixProduct) -> int:
    return product.m * product.k * product.n * product.repeats * product.times


def _turns(node: "NodeProto", shapes: Shapes) -> int:
    """How often a loop that holds products turns."""
    if node.op_type == "Scan":
        first = len(node.input) - attributes(node)["num_scan_inputs"]
        axes = attributes(node).get("scan_input_axes", [0])
        return int(shapes.of(node, first)[axes[0]])
    count = shapes.values.get(node.input[0])
    if count is None:
        raise shapes.refuse(node, "it holds products, and how often it turns is not known")
    return max(0, int(count))


def _inside(graph: "GraphProto", outside: Shapes) -> Shapes:
    """Shapes as seen inside a graph."""
    import onnx

    sizes, constants, values = dict(outside.sizes), set(outside.constants), dict(outside.values)
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            extents = value.type.tensor_type.shape.dim
            sizes[value.name] = tuple(d.dim_value if d.HasField("dim_value") else None for d in extents)
    for tensor in graph.initializer:
        sizes[tensor.name] = tuple(tensor.dims)
        constants.add(tensor.name)
        if tensor.data_type == onnx.TensorProto.INT64 and prod(tensor.dims) == 1 and not tensor.external_data:
            values[tensor.name] = onnx.numpy_helper.to_array(tensor).item()
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] not in values:
            value = attributes(node).get("value")
            if value is not None:
                sizes[node.output[0]] = tuple(value.dims)
                if value.data_type == onnx.TensorProto.INT64 and prod(value.dims) == 1:
                    values[node.output[0]] = onnx.numpy_helper.to_array(value).item()
            constants.add(node.output[0])
    return Shapes(outside.name, sizes, constants, values, outside.free)


def _mark_last(graph: "GraphProto", found: dict[int, list[_Found]], needed: set[str]) -> bool:
    """A product is a last one if no other depends on it, ``needed`` for those behind the graph; whether it holds some."""
    holds = False
    for node in reversed(graph.node):
        mine = found.get(id(node), [])
        behind = bool(set(node.output) & needed)
        for number, one in enumerate(mine):
            one.last = number == len(mine) - 1 and not behind
        here = bool(mine)
        for inner in subgraphs(node):
            results = handed_out(node, inner).items()
            here |= _mark_last(inner, found, {name for outer, name in results if outer in needed})
        if here or behind:
            needed.update(reads(node))
        holds |= here
    return holds


def _layers(found: list[_Found]) -> list[Layer]:
    layers, used = [], set()
    for one in found:
        p = one.product
        kind = "conv" if p.convolution else "linear" if p.weights else "attention"
        for turn in range(p.times):
            name = one.name if p.times == 1 else f"{one.name} ({turn + 1})"
            tied = p.weights is not None and p.weights in used
            used.add(p.weights)
            gradient = not one.first or one.embedded or p.weights is None
            layers.append(Layer(
                name, kind, p.m, p.k, p.n, p.repeats, tied, one.first, one.last, gradient, p.input_elements, p.window
            ))  # fmt: skip
    return layers


def read_graph(
    path: Path, batch: int | None = None, sequence: int | None = None, sizes: Mapping[str, int] | None = None,
    allow_missing: bool = False,
) -> Workload:  # fmt: skip
    """A workload from an ONNX graph.

    Products with a constant operand are layers with weights. A product that depends on no other is a first layer, one
    that no other depends on a last one; there may be several. Of two branches the dearer one counts, a loop as often as
    it turns. Operations without products are listed in ``not_modelled``.

    Parameters
    ----------
    path
        of the file.
    batch, sequence, sizes
        of free extents, see ``sim.graphs.sizes.fix_sizes``.
    allow_missing
        leave out operations of which it is not known whether they hold products, and list them in ``missing``; otherwise
        they are refused.

    Raises
    ------
    ImportError
        if the package ``onnx`` is not installed.
    FileNotFoundError, GraphError
        if the file is not a sound graph, holds no product, or a product's shape cannot be inferred.
    """
    path = Path(path)
    model = parse_graph(path)
    parameters = count_parameters(model)
    model = check_graph(model, path, batch, sequence, sizes)
    reader = _Reader(path.name, allow_missing)
    constants = {value.name for value in model.graph.input if value.name in parameters.elsewhere}
    reader.graph(model.graph, Shapes(path.name, {}, constants, {}, free_extents(model)), set(), set())
    if not reader.found:
        raise GraphError(f"{path.name} has no layer that is a matrix product")
    of_node: dict[int, list[_Found]] = {}
    for one in reader.found:
        of_node.setdefault(id(one.node), []).append(one)
    _mark_last(model.graph, of_node, set())
    layers = _layers(reader.found)
    rest = max(0, parameters.total - sum(layer.parameters for layer in layers))
    return Workload(path.stem, tuple(layers), graph_batch(model, batch), rest,
                    not_modelled=dict(sorted(reader.others.items())), missing=tuple(reader.missing))  # fmt: skip
