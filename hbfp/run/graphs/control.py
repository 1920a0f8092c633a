# Ref: ONNX operator schemas: If, Loop, Scan (onnx.ai/onnx/operators). Where the standard leaves it open, as ONNX Runtime.
"""If, Loop and Scan: which of their graphs is entered, how often, with what, and what becomes of its results."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, ValueInfoProto, helper

from sim.graphs.nodes import GraphError, attributes, label

__all__ = ["can_enter", "evaluate"]

Value = Any
"""A tensor as an array, or what else may be carried through a loop as it is; None for an optional input that is not given."""
Enter = Callable[[str, list[Value]], list[Value]]
"""Outputs of the graph in an attribute of this name, for these inputs."""


def can_enter(node: NodeProto) -> bool:
    """Whether a node is an If, a Loop, or a Scan as it is from operator set 9 on."""
    if node.op_type not in CONTROL or node.domain not in ("", "ai.onnx"):
        return False
    values = attributes(node)
    return node.op_type != "Scan" or ("directions" not in values and len(values["body"].input) == len(node.input))


def evaluate(node: NodeProto, inputs: Sequence[Value], enter: Enter) -> list[Value]:
    """The outputs of a node with graphs inside.

    Parameters
    ----------
    node
        that ``can_enter``.
    inputs
        in order, None where an optional one is not given.
    enter
        evaluates one of its graphs.

    Raises
    ------
    GraphError
        for inputs that do not fit each other.
    """
    return CONTROL[node.op_type](node, list(inputs), enter)


def _if(node: NodeProto, inputs: list[Value], enter: Enter) -> list[Value]:
    return enter("then_branch" if _one(node, inputs, 0) else "else_branch", [])


def _loop(node: NodeProto, inputs: list[Value], enter: Enter) -> list[Value]:
    """Results of the body: whether to go on, what is carried on, and what is collected, a slice for each turn."""
    body: GraphProto = attributes(node)["body"]
    most = None if inputs[0] is None else int(_one(node, inputs, 0))
    going = inputs[1] is None or bool(_one(node, inputs, 1))
    carried = inputs[2:]
    collected: list[list[Value]] = [[] for _ in body.output[1 + len(carried) :]]
    turn = 0
    while going and (most is None or turn < most):
        count, go = (np.full(_scalar(value), x) for value, x in zip(body.input, (np.int64(turn), going), strict=False))
        on, *results = enter("body", [count, go, *carried])
        carried = results[: len(carried)]
        for slices, result in zip(collected, results[len(carried) :], strict=True):
            slices.append(result)
        going, turn = bool(np.all(on)), turn + 1
    stacked = [_stacked(node, slices, value) for slices, value in zip(collected, body.output[1 + len(carried) :], strict=True)]
    return [*carried, *stacked]


def _scan(node: NodeProto, inputs: list[Value], enter: Enter) -> list[Value]:
    """Slices of the last inputs go in one by one; of the results, the first are the next state, others become slices."""
    values, body = attributes(node), attributes(node)["body"]
    states = len(inputs) - values["num_scan_inputs"]
    state, sequences = inputs[:states], inputs[states:]
    results = body.output[states:]
    axes_in, back_in, axes_out, back_out = (
        values.get(f"scan_{name}") or [0] * len(many)
        for name, many in (("input_axes", sequences), ("input_directions", sequences),
                           ("output_axes", results), ("output_directions", results))
    )  # fmt: skip
    lengths = {x.shape[axis] for x, axis in zip(sequences, axes_in, strict=True)}
    if len(lengths) != 1:
        raise GraphError(f"{label(node)}: its sequences must have one length, not {', '.join(map(str, sorted(lengths)))}")
    (length,) = lengths
    collected: list[list[Value]] = [[] for _ in results]
    for turn in range(length):
        slices = [x.take(length - 1 - turn if back else turn, axis)
                  for x, axis, back in zip(sequences, axes_in, back_in, strict=True)]  # fmt: skip
        made = enter("body", [*state, *slices])
        state = made[:states]
        for parts, result in zip(collected, made[states:], strict=True):
            parts.append(result)
    stacked = [_stacked(node, parts[::-1] if back else parts, value, axis)
               for parts, value, axis, back in zip(collected, results, axes_out, back_out, strict=True)]  # fmt: skip
    return [*state, *stacked]


def _one(node: NodeProto, inputs: list[Value], index: int) -> Value:
    """The one element of an input."""
    array = np.asarray(inputs[index])
    if array.size != 1:
        raise GraphError(f"{label(node)}: {node.input[index]} must have one element, not shape {array.shape}")
    return array.reshape(-1)[0]


def _scalar(value: ValueInfoProto) -> tuple[int, ...]:
    """The shape in which a graph takes one element: none, or one axis."""
    return (1,) * len(value.type.tensor_type.shape.dim)


def _stacked(node: NodeProto, slices: list[NDArray[Any]], value: ValueInfoProto, axis: int = 0) -> NDArray[Any]:
    """Slices side by side along an axis of the result; of none, what the graph says of a slice, unknown extents 0."""
    if slices:
        if len({part.shape for part in slices}) > 1:
            shapes = ", ".join(str(part.shape) for part in slices)
            raise GraphError(f"{label(node)}: {value.name} must have the same shape in each turn, not {shapes[:60]}")
        return np.stack(slices, axis)
    kind = value.type.tensor_type
    shape = [extent.dim_value for extent in kind.shape.dim]
    shape.insert(axis % (len(shape) + 1), 0)
    return np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind.elem_type))


CONTROL: dict[str, Callable[[NodeProto, list[Value], Enter], list[Value]]] = {"If": _if, "Loop": _loop, "Scan": _scan}
"""Operations with graphs inside that can be entered."""
