"""Constants in the file, in other files and sparse ones, at any depth."""

import numpy as np
import onnx
import pytest

from hbfp.run import Network
from hbfp.run.graphs.constants import read_constants
from sim.graphs import GraphError
from tests.hbfp.run.machines import FloatMachine
from tests.hbfp.run.networks import inputs_of, looped
from tests.sim.graphs.graphs import constant, model, node, save, tensor


def test_weights_of_a_loop_in_another_file(tmp_path):
    made = looped(extra=[constant("r", value=np.eye(4) * 0.5)])
    kept = [tensor for tensor in made.graph.initializer if tensor.name != "r"]
    del made.graph.initializer[:]
    made.graph.initializer.extend(kept)
    x = inputs_of(made)
    wanted = Network(save(made, tmp_path, "whole.onnx")).run(x, FloatMachine())
    onnx.save(made, tmp_path / "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    network = Network(tmp_path / "net.onnx")
    assert np.array_equal(network.run(x, FloatMachine()).outputs["y"], wanted.outputs["y"])
    assert np.array_equal(network.fp32(x)["y"], Network(tmp_path / "whole.onnx").fp32(x)["y"])
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(GraphError, match=r"^net\.onnx: weights r cannot be read: "):
        Network(tmp_path / "net.onnx")


def test_sparse_ones_are_dense(tmp_path):
    graph = model([node("MatMul", ["x", "w"], "y")], [tensor("x", 2, 3)], [tensor("y", 2, 2)], [constant("v", 2)]).graph
    values, places = onnx.helper.make_tensor("w", 1, [2], [5.0, 7.0]), onnx.helper.make_tensor("w_at", 7, [2], [1, 4])
    graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, places, [3, 2]))
    assert read_constants(graph, tmp_path / "net.onnx")["w"].tolist() == [[0, 5], [0, 0], [7, 0]]
    assert list(read_constants(graph, tmp_path / "net.onnx", sparse=False)) == ["v"]
