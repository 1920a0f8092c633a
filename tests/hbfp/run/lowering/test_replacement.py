"""Nodes in place of one: names that do not clash, constants, and inputs that must be constants."""

import numpy as np
import pytest
from onnx import numpy_helper

from hbfp.run.lowering.replacement import Lowering, tensors
from sim.graphs import GraphError
from tests.sim.graphs.graphs import node


def lowering(version=17):
    return Lowering(node("LSTM", ["x", "w", "", "b"], "y"), {"w": np.ones((2, 3)), "b": np.zeros(3)}, {"x": (4, 2)}, version)


def test_names_begin_with_the_node_s():
    at = lowering()
    first, second = at.make("Add", ["x", "x"]), at.make("Relu", ["x"], "y")
    one, other = at.constant([1.0]), at.reshape("x", [8])
    assert first == "LSTM_y/Add0:0"
    assert (second, one) == ("y", "LSTM_y/constant0")
    assert other.startswith("LSTM_y/Reshape2")
    assert [made.name for made in at.nodes] == ["LSTM_y/Add0", "LSTM_y/Relu1", "LSTM_y/Reshape2"]
    assert at.added["LSTM_y/constant1"].tolist() == [8]
    assert at.added["LSTM_y/constant1"].dtype == np.int64


def test_a_product_has_the_name_that_reports_show():
    at = lowering()
    at.product("x", "w")
    at.product("x", "w", " (2)")
    assert [(made.op_type, made.name) for made in at.nodes] == [("MatMul", "LSTM_y"), ("MatMul", "LSTM_y (2)")]
    assert at.nodes[0].output != at.nodes[1].output


@pytest.mark.parametrize(("version", "attributes"), [(17, {"axis"}), (18, {"axis", "num_outputs"})])
def test_a_split_in_equal_parts_in_every_version(version, attributes):
    at = lowering(version)
    assert len(set(at.split("x", 3, 0))) == 3
    assert {attribute.name for attribute in at.nodes[0].attribute} == attributes


def test_inputs():
    at = lowering()
    assert at.weights(1).shape == (2, 3)
    assert (at.given(0), at.given(2), at.given(3), at.given(9)) == ("x", "", "b", "")
    for index in (0, 2, 7):
        with pytest.raises(GraphError, match=f"^LSTM LSTM_y: input {index} must be a constant to run on a device$"):
            at.weights(index)


def test_constants_as_initializers():
    (made,) = tensors({"a": np.arange(3)})
    assert made.name == "a"
    assert numpy_helper.to_array(made).tolist() == [0, 1, 2]
