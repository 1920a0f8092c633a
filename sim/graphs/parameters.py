"""What of a graph's constants are parameters of the network."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from sim.graphs.nodes import subgraphs, walk

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

__all__ = ["Parameters", "count_parameters"]

SCALES = {
    "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "ConvInteger": (2, 3), "MatMulInteger": (2, 3),
    "QLinearConv": (1, 2, 4, 5, 6, 7), "QLinearMatMul": (1, 2, 4, 5, 6, 7),
}  # fmt: skip
"""Inputs that say how integers are meant, by operation: scales and zero points are no parameters."""
FLOATS = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
INTEGERS = {
    "DequantizeLinear": (0,), "ConvInteger": (0, 1), "MatMulInteger": (0, 1), "QLinearConv": (3, 8), "QLinearMatMul": (0, 3),
}  # fmt: skip
"""Inputs whose integers are parameters, by operation; integers elsewhere are shapes and indices."""


@dataclass(frozen=True)
class Parameters:
    """How many parameters a graph has, and which of its constants are inputs of the checked model."""

    total: int
    elsewhere: frozenset[str]


def count_parameters(model: "ModelProto") -> Parameters:
    """Count the elements of all constants of a parsed model that are parameters, in the file or outside of it."""
    import onnx

    types = onnx.TensorProto
    uses: dict[str, set[tuple[str, int]]] = {}
    for nodes in (walk(model.graph), *(function.node for function in model.functions)):
        for node in nodes:
            for index, name in enumerate(node.input):
                uses.setdefault(name, set()).add((node.op_type, index))

    def counts(name: str, kind: int) -> bool:
        places = uses.get(name, set())
        if places and all(index in SCALES.get(operation, ()) for operation, index in places):
            return False
        if kind in {getattr(types, float_kind) for float_kind in FLOATS}:
            return True
        return any(index in INTEGERS.get(operation, ()) for operation, index in places)

    graphs = [model.graph, *_inner(model.graph)]
    dense = [(t.name, t.data_type, prod(t.dims), t) for graph in graphs for t in graph.initializer]
    sparse = [(t.values.name, t.values.data_type, prod(t.dims), t) for graph in graphs for t in graph.sparse_initializer]
    outside = {t.name for *_, t in dense if t.data_location == types.EXTERNAL} | {name for name, *_ in sparse}
    total = sum(size for name, kind, size, _ in (*dense, *sparse) if counts(name, kind))
    return Parameters(total, frozenset(outside))


def _inner(graph: "GraphProto") -> list["GraphProto"]:
    found = [inner for node in graph.node for inner in subgraphs(node)]
    return [graph for inner in found for graph in (inner, *_inner(inner))]
