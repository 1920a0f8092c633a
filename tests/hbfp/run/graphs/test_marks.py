"""First and last layers: those of each graph, with what lies before and behind it outside."""

import numpy as np
from onnx import TensorProto

from hbfp.run import Network
from tests.hbfp.run.networks import NETWORKS, body, looped
from tests.sim.graphs.graphs import constant, model, node, save, tensor

BOOL, INT64 = TensorProto.BOOL, TensorProto.INT64


def marks(made, folder):
    return {place.name: (place.first, place.last) for place in Network(save(made, folder)).layers.values()}


def test_a_loop_behind_a_layer_has_no_first_one(tmp_path):
    assert marks(NETWORKS["nested"], tmp_path) == {
        "MatMul_first": (True, False), "MatMul_q": (False, True), "Gemm_gm": (False, True),
    }  # fmt: skip


def test_a_layer_in_a_loop_is_first_and_last_by_its_first_and_last_turn(tmp_path):
    assert marks(looped(), tmp_path) == {"MatMul_k": (True, False), "MatMul_y": (False, True)}


def test_only_what_depends_on_a_layer_is_behind_it(tmp_path):
    """Of the results of a loop, one is a layer's and goes on to another; one is no layer's, and one goes nowhere."""
    nodes = [node("MatMul", ["h", "w"], "a"), node("MatMul", ["h", "w"], "b"), node("Identity", ["go"], "on"),
             node("Identity", ["c"], "d")]  # fmt: skip
    inside = body(nodes, [tensor("i", kind=INT64), tensor("go", kind=BOOL), tensor("h", 3, 4), tensor("c", 3, 4)],
                  [tensor("on", kind=BOOL), tensor("a", 3, 4), tensor("d", 3, 4), tensor("b", 3, 4)])  # fmt: skip
    nodes = [node("Loop", ["n", "", "x", "x"], "p", "q", "r", body=inside), node("MatMul", ["p", "w"], "y"),
             node("MatMul", ["q", "w"], "z")]  # fmt: skip
    made = model(nodes, [tensor("x", 3, 4)], [tensor("y", 3, 4), tensor("z", 3, 4), tensor("r", None, 3, 4)],
                 [constant("w", 4, 4), constant("n", kind=np.int64, value=2)])  # fmt: skip
    assert marks(made, tmp_path) == {
        "MatMul_a": (True, False), "MatMul_b": (True, True), "MatMul_y": (False, True), "MatMul_z": (True, True),
    }  # fmt: skip
