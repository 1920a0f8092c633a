"""Nodes of a graph before layers are looked for among them: checked, constants worked out, composite operations taken apart."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from onnx import GraphProto, NodeProto, OperatorSetIdProto

from hbfp.run.graphs.layers import is_layer
from hbfp.run.graphs.segment import Segment
from hbfp.run.lowering.lower import lower
from hbfp.run.lowering.replacement import Arrays
from sim.graphs.nodes import GraphError, subgraphs
from sim.graphs.products import Shapes, UnknownShapeError, products_of

__all__ = ["Shared", "prepare"]


@dataclass(frozen=True)
class Shared:
    """What all graphs of a network share.

    Attributes
    ----------
    name
        of the file.
    opsets
        of the model.
    allow_missing
        leave products that cannot run on a device to ONNX Runtime.
    read_constants
        gives those of a graph by name.
    """

    name: str
    opsets: list[OperatorSetIdProto]
    allow_missing: bool
    read_constants: Callable[[GraphProto], Arrays]

    def of_file(self, error: GraphError) -> GraphError:
        """The error with the name of the file, once."""
        text = str(error)
        return error if text.startswith(f"{self.name}: ") else GraphError(f"{self.name}: {text}")

    def segment(self, nodes: list[NodeProto], outputs: list[str], constants: Arrays) -> Segment:
        """Nodes for ONNX Runtime."""
        return Segment(nodes, outputs, constants, self.opsets, self.name)


def prepare(graph: GraphProto, constants: Arrays, shapes: dict[str, tuple[int, ...]], shared: Shared) -> list[NodeProto]:
    """The nodes in order.

    Parameters
    ----------
    graph
        as it is in the file.
    constants, shapes
        in sight, by name; those that are added join them.
    shared
        with all graphs of the network.

    Raises
    ------
    GraphError
        for products that cannot be what the graph says, and composite operations that cannot be taken apart, unless
        they may be missing.
    """
    nodes = _fold(graph.node, constants, shared)
    shapes |= {name: value.shape for name, value in constants.items()}
    known = Shapes(shared.name, dict(shapes), set(constants), {}, [])
    for node in nodes:
        _check(node, known, shared.allow_missing)
    version = next(o.version for o in shared.opsets if o.domain in ("", "ai.onnx"))
    lowered = []
    try:
        for node, added in lower(nodes, constants, shapes, version, shared.allow_missing):
            lowered.append(node)
            constants |= added
    except GraphError as error:
        raise shared.of_file(error) from None
    return _fold(lowered, constants, shared)


def _check(node: NodeProto, known: Shapes, allow_missing: bool) -> None:
    """Refuse a node whose products cannot be what it says, as far as shapes tell."""
    if list(subgraphs(node)):
        return
    try:
        products_of(known, node)
    except UnknownShapeError:
        pass
    except GraphError:
        if is_layer(node) or not allow_missing:
            raise


def _fold(nodes: Iterable[NodeProto], constants: Arrays, shared: Shared) -> list[NodeProto]:
    """The nodes without those of constants alone, whose results join the constants: weights in another order."""
    known = set(constants)
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
        shared.segment(folded, [name for node in folded for name in node.output if name], constants).run(constants)
    return kept
