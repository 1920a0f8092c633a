"""Nodes of a graph: their attributes, the graphs inside them, and how messages call them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

__all__ = ["GraphError", "attributes", "label", "subgraphs", "walk"]


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
