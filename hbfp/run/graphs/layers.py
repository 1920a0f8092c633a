"""The product layers of a network: where they are, and what they are called."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from onnx import NodeProto

from hbfp.run.lowering.replacement import numbered
from hbfp.run.products import OPERATIONS
from sim.graphs.nodes import subgraphs, walk
from sim.graphs.products import RULES, Shapes, products_of

__all__ = ["LayerPlace", "holds_products", "is_layer", "name_layers"]

DOMAINS = ("", "ai.onnx", "com.microsoft")
"""Of operations that are known."""


@dataclass
class LayerPlace:
    """A product layer's place in the network, as schedules ask for it.

    Attributes
    ----------
    name, node
        its own.
    first, last
        whether it depends on no other product, and whether no other depends on it; in a loop, in one of its turns.
    weights
        whether its second operand is a constant.
    """

    name: str
    node: NodeProto
    first: bool = True
    last: bool = True
    weights: bool = False


def is_layer(node: NodeProto) -> bool:
    """Whether a node is nothing but products, as they run on a device."""
    return node.op_type in OPERATIONS and node.domain in DOMAINS


def holds_products(node: NodeProto, known: Shapes) -> bool:
    """Whether a node that is no layer holds products."""
    if list(subgraphs(node)):
        return any(("" if n.domain == "ai.onnx" else n.domain, n.op_type) in RULES for g in subgraphs(node) for n in walk(g))
    if node.op_type == "Einsum" and len(node.input) == 1:
        return False
    products = None if node.domain not in DOMAINS else products_of(known, node)
    return products is None or bool(products)


def name_layers(places: Iterable[LayerPlace]) -> None:
    """Number layers of the same name from the second on."""
    names: Counter[str] = Counter()
    for place in places:
        place.name = numbered(place.name, names)
