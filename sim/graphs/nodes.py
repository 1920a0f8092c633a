"""Nodes of a graph: their attributes, the graphs inside them, and how messages call them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

__all__ = ["GraphError", "attributes", "captured", "handed_in", "handed_out", "label", "reads", "subgraphs", "walk"]


class GraphError(ValueError):
    """A graph that cannot be what it says; the text names file, node, rule and value."""


def label(node: "NodeProto") -> str:
    """How a message calls a node: operation, with its domain if it is not the standard's, and name."""
    domain = f"{node.domain}." if node.domain not in ("", "ai.onnx") else ""
    return f"{domain}{node.op_type} {node.name or (node.output[0] if node.output else '')}"


def attributes(node: "NodeProto") -> dict[str, Any]:
    """Attributes of a node as Python values."""
    import onnx

    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def subgraphs(node: "NodeProto") -> Iterator["GraphProto"]:
    """Graphs in a node's attributes: branches and bodies."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def walk(graph: "GraphProto") -> Iterator["NodeProto"]:
    """Every node of a graph and of the graphs inside its nodes, in order."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from walk(inner)


def reads(node: "NodeProto") -> set[str]:
    """Tensors that a node takes, those that its graphs take from outside included."""
    return {name for name in node.input if name}.union(*(captured(graph) for graph in subgraphs(node)))


def captured(graph: "GraphProto") -> set[str]:
    """Tensors that a graph takes from the graphs around it."""
    own = {value.name for value in (*graph.input, *graph.initializer)}
    own.update(sparse.values.name for sparse in graph.sparse_initializer)
    taken: set[str] = set()
    for node in graph.node:
        taken |= reads(node) - own
        own.update(node.output)
    return taken | {value.name for value in graph.output} - own


def handed_in(node: "NodeProto", graph: "GraphProto") -> dict[str, str]:
    """Inputs of a graph inside of a loop, and the tensors outside that they begin as, or are slices of."""
    start = 2 if node.op_type == "Loop" else 0
    return dict(zip((value.name for value in graph.input[start:]), node.input[start:], strict=False))


def handed_out(node: "NodeProto", graph: "GraphProto") -> dict[str, str]:
    """Outputs of a node with graphs inside, and the tensors of one of these that they end as, or are made of."""
    start = 1 if node.op_type == "Loop" else 0
    return dict(zip(node.output, (value.name for value in graph.output[start:]), strict=False))
