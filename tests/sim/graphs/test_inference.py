"""Shapes that onnx leaves open, against what ONNX Runtime or NumPy make of the operation."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from sim.graphs.inference import SAME, infer
from sim.graphs.nodes import GraphError
from tests.sim.graphs.graphs import constant, model, node, tensor

MICROSOFT = {"domain": "com.microsoft"}
PATH = Path("net.onnx")


def shapes(made) -> dict[str, tuple[int, ...] | None]:
    """Of each tensor of a graph that has no free extent; None for others."""
    values = (*made.graph.input, *made.graph.value_info, *made.graph.output)
    found = {}
    for value in values:
        extents = value.type.tensor_type.shape.dim
        whole = value.type.tensor_type.HasField("shape") and all(e.HasField("dim_value") for e in extents)
        found[value.name] = tuple(e.dim_value for e in extents) if whole else None
    return found


def untyped(*names):
    return [onnx.ValueInfoProto(name=name, type=tensor(name, None, None).type) for name in names]


def inferred(nodes, inputs, outputs=("y",), constants=()):
    return shapes(infer(model(nodes, inputs, untyped(*outputs), constants, domains=("com.microsoft",)), PATH))


@pytest.mark.parametrize("operation", [name for name in SAME if name not in ("MultiHeadAttention", "RotaryEmbedding")])
def test_some_operations_keep_their_first_inputs_shape(operation):
    assert inferred([node(operation, ["x"], "y", **MICROSOFT)], [tensor("x", 3, 8)])["y"] == (3, 8)


@pytest.mark.parametrize("flips", [{}, {"transA": 1}, {"transB": 1}, {"transA": 1, "transB": 1}])
@pytest.mark.parametrize(("outer_a", "outer_b"), [((), ()), ((5,), ()), ((5, 1), (2,))])
def test_a_fused_product_has_numpys_shape(flips, outer_a, outer_b):
    a, b = np.zeros((*outer_a, 3, 4)), np.zeros((*outer_b, 4, 6))
    wanted = (a @ b).shape
    a = np.swapaxes(a, -1, -2) if flips.get("transA") else a
    b = np.swapaxes(b, -1, -2) if flips.get("transB") else b
    made = model(
        [node("FusedMatMul", ["a", "b"], "y", **MICROSOFT, **flips)], [tensor("a", *a.shape), tensor("b", *b.shape)],
        [tensor("y", *[None] * len(wanted))], domains=("com.microsoft",),
    )  # fmt: skip
    assert shapes(infer(made, PATH))["y"] == wanted


def test_a_fused_convolution_has_the_shape_of_a_plain_one():
    convolution = {"pads": [1, 1, 1, 1], "strides": [2, 2], "kernel_shape": [3, 3]}
    inputs = [tensor("x", 2, 3, 9, 8), tensor("w", 5, 3, 3, 3)]
    out = [tensor("y", None, None, None, None)]
    fused = model([node("FusedConv", ["x", "w"], "y", activation="Relu", **MICROSOFT, **convolution)], inputs, out,
                  domains=("com.microsoft",))  # fmt: skip
    plain = model([node("Conv", ["x", "w"], "y", **convolution)], inputs, out)
    assert shapes(infer(fused, PATH))["y"] == shapes(infer(plain, PATH))["y"] == (2, 5, 5, 4)


def test_what_follows_a_contributed_operation_is_inferred_too():
    nodes = [
        node("BiasGelu", ["x", "b"], "h", **MICROSOFT),
        node("MatMul", ["h", "w"], "g"),
        node("FastGelu", ["g"], "y", **MICROSOFT),
    ]
    found = inferred(nodes, [tensor("x", 3, 8)], constants=[constant("b", 8), constant("w", 8, 5)])
    assert (found["h"], found["g"], found["y"]) == ((3, 8), (3, 5), (3, 5))


def test_an_unknown_operation_stays_open():
    assert inferred([node("Mystery", ["x"], "y", **MICROSOFT)], [tensor("x", 3, 8)])["y"] is None


def test_shapes_that_contradict_each_other_are_refused():
    made = model([node("MatMul", ["x", "w"], "y")], [tensor("x", 3, 8)], [tensor("y", 3, 5)], [constant("w", 7, 5)])
    with pytest.raises(GraphError, match=r"^net\.onnx: its shapes contradict each other: .*MatMul"):
        infer(made, PATH)
