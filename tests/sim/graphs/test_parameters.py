"""What of a graph's constants counts as a parameter."""

import numpy as np
import onnx
import pytest

from sim.graphs.parameters import Parameters, count_parameters
from tests.sim.graphs.graphs import constant, model, node, tensor

TYPES = onnx.TensorProto


def count(nodes, constants, inputs=(), outputs=()):
    return count_parameters(model(nodes, list(inputs), list(outputs), constants))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_floating_point_counts_wherever_it_is_used(kind):
    found = count(
        [node("MatMul", ["x", "w"], "y"), node("Add", ["y", "b"], "z")],
        [constant("w", 4, 3, kind=kind), constant("b", 3)],
    )
    assert found == Parameters(15, frozenset())


def test_integers_are_shapes_and_indices():
    nodes = [node("Reshape", ["x", "shape"], "y"), node("Gather", ["w", "index"], "z")]
    constants = [
        constant("shape", kind=np.int64, value=[2, 3]),
        constant("index", kind=np.int64, value=[0, 5]),
        constant("w", 6, 2),
    ]
    assert count(nodes, constants).total == 12


def test_integers_are_parameters_where_an_operation_multiplies_them():
    nodes = [node("ConvInteger", ["x", "w"], "y"), node("MatMulInteger", ["y", "v"], "z")]
    assert count(nodes, [constant("w", 2, 3, 1, 1, kind=np.int8), constant("v", 5, 4, kind=np.int8)]).total == 26


def test_scales_and_zero_points_say_how_integers_are_meant():
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    constants = [
        constant("w", 2, 3, 1, 1, kind=np.int8), constant("b", 2, kind=np.int32), constant("xs", 1), constant("ws", 2),
        constant("ys", 1), constant("xz", 1, kind=np.uint8), constant("wz", 2, kind=np.int8), constant("yz", 1, kind=np.uint8),
    ]  # fmt: skip
    assert count([node("QLinearConv", names, "y")], constants).total == 6 + 2


def test_a_scale_that_is_used_otherwise_too_counts():
    nodes = [node("DequantizeLinear", ["w", "s"], "y"), node("Mul", ["y", "s"], "z")]
    assert count(nodes, [constant("w", 7, kind=np.int8), constant("s", 1)]).total == 8
    assert count(nodes[:1], [constant("w", 7, kind=np.int8), constant("s", 1)]).total == 7


def test_branches_have_parameters_too():
    branches = {
        f"{name}_branch": onnx.helper.make_graph([node("Add", ["x", name], f"{name}_out")], name, [], [tensor(f"{name}_out", size)],
                                                 [constant(name, size)])
        for name, size in (("then", 3), ("else", 5))
    }  # fmt: skip
    assert count([node("If", ["c"], "y", **branches)], [constant("outer", 2)]).total == 10


def test_weights_outside_of_the_file_and_sparse_ones_are_told_and_count_whole():
    outside, sparse = constant("w", 4, 3), constant("values", 2)
    outside.data_location = TYPES.EXTERNAL
    made = model(
        [node("MatMul", ["x", "w"], "y"), node("MatMul", ["y", "values"], "z")], [], [], [outside, constant("b", 9)]
    )
    indices = constant("indices", kind=np.int64, value=[0, 7])
    made.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(sparse, indices, [3, 5]))
    assert count_parameters(made) == Parameters(12 + 9 + 3 * 5, frozenset({"w", "values"}))


def test_weights_that_a_function_multiplies_count():
    body = onnx.helper.make_function("own", "f", ["x", "w"], ["y"], [node("MatMulInteger", ["x", "w"], "y")],
                                     [onnx.helper.make_opsetid("", 17)])  # fmt: skip
    made = model([], [], [], [constant("w", 4, 3, kind=np.int8)], functions=[body])
    assert count_parameters(made).total == 12
