"""Which layers of a network are first ones and last ones: those that depend on no other, and on which no other depends."""

from collections.abc import Set

from hbfp.run.graphs.body import Body
from sim.graphs.nodes import handed_in, handed_out, reads

__all__ = ["mark_first", "mark_last"]


def mark_first(body: Body, deep: Set[str] = frozenset()) -> set[str]:
    """Say of each layer whether it is a first one; in a loop, whether it is one in the first turn.

    Parameters
    ----------
    body
        with layers; its records change.
    deep
        tensors in sight that depend on a layer.

    Returns
    -------
    set[str]
        those of the body too.
    """
    deep = set(deep)
    for node in body.nodes:
        taken = reads(node)
        behind = bool(taken & deep)
        if id(node) in body.layers:
            body.layers[id(node)].first = not behind
            behind = True
        elif id(node) in body.controls:
            for inner in body.controls[id(node)].bodies.values():
                handed = handed_in(node, inner.graph)
                inside = mark_first(inner, deep | {name for name, outer in handed.items() if outer in deep})
                deep.update(outer for outer, name in handed_out(node, inner.graph).items() if name in inside)
        if behind:
            deep.update(node.output)
    return deep


def mark_last(body: Body, needed: Set[str] = frozenset()) -> None:
    """Say of each layer whether it is a last one; in a loop, whether it is one in the last turn.

    Parameters
    ----------
    body
        with layers; its records change.
    needed
        of its outputs, those that a layer behind it depends on.
    """
    needed = set(needed)
    for node in reversed(body.nodes):
        behind = bool(set(node.output) & needed)
        if id(node) in body.layers:
            body.layers[id(node)].last = not behind
            behind = True
        elif id(node) in body.controls:
            for inner in body.controls[id(node)].bodies.values():
                mark_last(inner, {name for outer, name in handed_out(node, inner.graph).items() if outer in needed})
            behind = True
        if behind:
            needed |= reads(node)
