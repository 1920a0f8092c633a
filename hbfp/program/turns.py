"""Whether the products of a network are the same ones whatever its inputs are, so that they can be compiled."""

from hbfp.run.graphs.body import Body, Control
from sim.graphs.nodes import GraphError, label

__all__ = ["check_turns"]


def check_turns(body: Body) -> None:
    """Refuse a graph in which it is not known beforehand which layers run, or how often.

    Raises
    ------
    GraphError
        naming the file and the node.
    """
    for control in body.controls.values():
        node = control.node
        if node.op_type == "If" and node.input[0] not in body.constants:
            raise _error(body, control, f"which branch it takes must be known to be compiled, and {node.input[0]} is no constant")
        if node.op_type == "Loop":
            _check_loop(body, control)
        for inner in control.bodies.values():
            check_turns(inner)


def _check_loop(body: Body, control: Control) -> None:
    """A loop turns so often whatever its inputs are if its count is constant, and its condition, or goes on as it is."""
    inner, node = control.bodies["body"], control.node
    on = inner.outputs[0]
    for made in reversed(inner.nodes):
        if on in made.output and made.op_type == "Identity":
            on = made.input[0]
    unknown = [] if node.input[0] and node.input[0] in body.constants else [node.input[0] or "its count"]
    unknown += [name for name in [node.input[1]] if name and name not in body.constants]
    unknown += [inner.outputs[0]] if on != inner.inputs[1] and on not in inner.constants else []
    if unknown:
        raise _error(body, control, f"how often it turns must be known to be compiled, and {unknown[0]} is no constant")


def _error(body: Body, control: Control, text: str) -> GraphError:
    return GraphError(f"{body.shared.name}: {label(control.node)}: {text}")
