"""The product layers of a network: where they are, and what they are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from onnx import NodeProto

from hbfp.run.products import OPERATIONS
from sim.graphs.nodes import GraphError, label, subgraphs, walk
from sim.graphs.products import RULES, Shapes, products_of

__all__ = ["LayerPlace", "place_layers"]


@dataclass
class LayerPlace:
    """A product layer's place in the network, as schedules ask for it."""

    name: str
    node: NodeProto
    first: bool
    last: bool = True


def place_layers(
    nodes: list[NodeProto], constants: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], name: str,
    allow_missing: bool,
) -> tuple[dict[int, LayerPlace], list[str]]:  # fmt: skip
    """Places of the products by the identity of their nodes, and what holds products and cannot run on a device.

    Raises
    ------
    GraphError
        for products that cannot run on a device, unless they may be missing.
    """
    places: dict[int, LayerPlace] = {}
    missing: list[str] = []
    deep: set[str] = set()
    constant = set(constants)
    known = Shapes(name, dict(shapes), constant, {}, [])
    for node in nodes:
        inputs = {name for name in node.input if name}
        if inputs and inputs <= constant and not list(subgraphs(node)):
            constant.update(node.output)
            continue
        if node.op_type in OPERATIONS and node.domain in ("", "ai.onnx", "com.microsoft"):
            places[id(node)] = LayerPlace(node.name or node.output[0], node, not inputs & deep)
        elif _holds_products(node, known):
            if not allow_missing:
                raise GraphError(f"{name}: {label(node)}: its products cannot run on a device; "
                                 "--allow-missing leaves them to ONNX Runtime")  # fmt: skip
            missing.append(label(node))
        if id(node) in places or inputs & deep:
            deep.update(node.output)
    needed: set[str] = set()
    for node in reversed(nodes):
        behind = bool(set(node.output) & needed)
        if id(node) in places:
            places[id(node)].last = not behind
        if behind or id(node) in places:
            needed.update(name for name in node.input if name)
    names: dict[str, int] = {}
    for place in places.values():
        names[place.name] = names.get(place.name, 0) + 1
        place.name += f" [{names[place.name]}]" if names[place.name] > 1 else ""
    return places, missing


def _holds_products(node: NodeProto, known: Shapes) -> bool:
    """Whether a node that is none of ``OPERATIONS`` holds products."""
    if list(subgraphs(node)):
        return any(("" if n.domain == "ai.onnx" else n.domain, n.op_type) in RULES for g in subgraphs(node) for n in walk(g))
    if node.op_type == "Einsum" and len(node.input) == 1:
        return False
    products = None if node.domain not in ("", "ai.onnx", "com.microsoft") else products_of(known, node)
    return products is None or bool(products)
