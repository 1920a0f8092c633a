"""Files that are no sound graphs: each is refused by name, node and rule."""

import re

import pytest
from onnx import helper, numpy_helper

from sim.graphs import GraphError, load_graph
from sim.workloads import load
from tests.sim.graphs.graphs import constant, model, node, save, tensor


def matmul(x, w, y="y"):
    return node("MatMul", [x, w], y)


def refused(made, folder) -> str:
    with pytest.raises(GraphError, match=r"^net\.onnx: ") as caught:
        load_graph(save(made, folder))
    return str(caught.value).removeprefix("net.onnx: ")


def test_a_cycle(tmp_path):
    made = model([matmul("x", "b", "a"), matmul("a", "x", "b")], [tensor("x", 4, 4)], [tensor("b", 4, 4)])
    assert refused(made, tmp_path) == "MatMul MatMul_a: b is made from what is made of it: a cycle"


def test_a_tensor_that_is_not_there(tmp_path):
    made = model([matmul("x", "nowhere")], [tensor("x", 4, 4)], [tensor("y", 4, 4)])
    assert refused(made, tmp_path) == "MatMul MatMul_y: nowhere is no tensor of the graph"


def test_a_constant_that_hides_another(tmp_path):
    """Which of the two counts, programs do not agree on."""
    one = helper.make_graph([matmul("x", "w", "a")], "one", [], [tensor("a", 4, 4)], [constant("w", 4, 4)])
    other = helper.make_graph([matmul("x", "w", "b")], "other", [], [tensor("b", 4, 4)])
    choice = node("If", ["c"], "y", then_branch=one, else_branch=other)
    made = model([choice], [tensor("x", 4, 4), tensor("c", kind=9)], [tensor("y", 4, 4)], [constant("w", 4, 4)])
    assert refused(made, tmp_path) == "one: constant w has the name of a tensor of the graph around it"


@pytest.mark.parametrize("extent", [-3, 2**31, 2**62])
def test_an_extent_that_cannot_be(extent, tmp_path):
    made = model([matmul("x", "w")], [tensor("x", 4, 4)], [tensor("y", 4, 4)], [constant("w", 4, 4)])
    made.graph.initializer[0].dims[0] = extent
    assert refused(made, tmp_path) == f"w: an extent must be between 0 and 2147483647, not {extent}"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (model([node("MatMul", ["x"], "y")], [tensor("x", 4, 4)], [tensor("y", 4, 4)]), r"MatMul_y.* has input size 1 "),
        (model([node("Gemm", ["x", "w"], "y", transB="q")], [tensor("x", 4, 4)], [tensor("y", 4, 4)], [constant("w", 4, 4)]),
         r"Gemm_y : transB"),
        (model([node("Gemm", ["x", "w"], "y")], [tensor("x", 4, 4)], [tensor("y", 4, 4)], [constant("w", 4)]),
         r"its shapes contradict each other: .*Gemm_y.* rank 2 .*; inputs x 4x4, w 4$"),
        (model([matmul("x", "w")], [tensor("x", 4, 5)], [tensor("y", 4, 4)], [constant("w", 4, 4)]),
         r"its shapes contradict each other: .*MatMul_y.*Incompatible dimensions.*; inputs x 4x5, w 4x4$"),
    ],
)  # fmt: skip
def test_what_the_standard_forbids(made, text, tmp_path):
    assert re.search(text, refused(made, tmp_path))


def test_weights_outside_of_the_file_need_not_be_there(tmp_path):
    made = model([matmul("x", "w")], [tensor("x", 4, 5)], [tensor("y", 4, 3)], [constant("w", 5, 3)])
    weights = made.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = weights.EXTERNAL
    weights.external_data.add(key="location", value="not_there.bin")
    workload = load(save(made, tmp_path))
    assert (workload.macs, workload.parameters) == (60, 15)


def test_sparse_weights_count_as_they_are_multiplied(tmp_path):
    made = model([matmul("x", "w")], [tensor("x", 4, 5)], [tensor("y", 4, 3)])
    values = numpy_helper.from_array(numpy_helper.to_array(constant("w", 2)), "w")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, constant("i", kind="int64", value=[0, 7]), [5, 3]))
    workload = load(save(made, tmp_path))
    assert (workload.macs, workload.parameters) == (60, 15)


def test_constants_of_constants_are_folded(tmp_path):
    nodes = [node("Shape", ["w"], "s"), node("Reshape", ["x", "s"], "r"), matmul("r", "v")]
    made = model(nodes, [tensor("x", 20)], [tensor("y", 4, 2)], [constant("w", 4, 5), constant("v", 5, 2)])
    assert load(save(made, tmp_path)).macs == 40
