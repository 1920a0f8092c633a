"""Graphs inside of nodes run as networks of their own: the values of ONNX Runtime, the bits of golden on every device."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from hbfp.run import Network
from sim.devices import GoldenDevice
from sim.graphs import GraphError
from sim.workloads import load
from tests.hbfp.run.machines import CONFIG, WIDE, FloatMachine
from tests.hbfp.run.networks import NETWORKS, body, growing, inputs_of, integer, looped
from tests.sim.graphs.graphs import constant, model, node, save, tensor

COUNTED = [name for name in NETWORKS if name not in ("loop that stops", "loop without a turn", "other branch", "nested", "growing")]
"""Those that take as many products as the reader counts, which takes the dearer branch and every turn."""


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_give_the_whole(name, tmp_path):
    network, x = Network(save(NETWORKS[name], tmp_path)), inputs_of(NETWORKS[name])
    alone = onnxruntime.InferenceSession(network.path).run(network.outputs, x)
    result = network.run(x, FloatMachine())
    wide = network.run(x, GoldenDevice(WIDE), "all-8")
    for key, wanted in zip(network.outputs, alone, strict=True):
        assert np.array_equal(network.fp32(x)[key].view(np.uint32), wanted.view(np.uint32))
        assert result.outputs[key].shape == wanted.shape
        np.testing.assert_allclose(result.outputs[key], wanted, rtol=2e-5, atol=2e-6)
    assert min(layer.sqnr for layer in wide.layers) > 20


@pytest.mark.parametrize("name", COUNTED)
def test_layers_are_those_that_the_reader_counts(name, tmp_path):
    """Turn by turn, where the reader has all turns of one together."""
    path = save(NETWORKS[name], tmp_path)
    network, counted = Network(path), load(path)
    layers = network.run(inputs_of(NETWORKS[name]), FloatMachine()).layers
    assert sum(layer.macs for layer in layers) == counted.macs
    assert sorted(layer.title for layer in layers) == sorted(layer.name for layer in counted.layers)
    marks = {layer.name: (layer.first, layer.last) for layer in counted.layers}
    places = {place.name: place for place in network.layers.values()}
    assert {layer.title: (places[layer.name].first, places[layer.name].last) for layer in layers} == marks


def test_a_width_is_of_all_turns_of_a_layer(tmp_path):
    network = Network(save(NETWORKS["nested"], tmp_path))
    layers = network.run(inputs_of(NETWORKS["nested"]), GoldenDevice(CONFIG), {"MatMul_q": 6, "*": 4}).layers
    assert [(layer.title, layer.width) for layer in layers] == [
        ("MatMul_first", 4), ("MatMul_q (1)", 6), ("MatMul_q (2)", 6), ("MatMul_q (3)", 6), ("Gemm_gm", 4),
        ("MatMul_q (4)", 6), ("MatMul_q (5)", 6), ("MatMul_q (6)", 6),
    ]  # fmt: skip


def test_a_turn_that_fp32_has_not_is_compared_with_nothing(tmp_path):
    """The loop goes on while a sum is above a bound, 0.97 in four bits after the first turn, 0.44 in FP32."""
    nodes = [node("MatMul", ["h", "r"], "k"), node("Add", ["k", "x"], "t"), node("Identity", ["t"], "u"),
             node("ReduceSum", ["t"], "sum", keepdims=0), node("Abs", ["sum"], "size"),
             node("Less", ["bound", "size"], "on")]  # fmt: skip
    made = looped("nine", "yes", nodes, more=[integer("nine", 9), constant("bound", value=0.7)])
    network, x = Network(save(made, tmp_path)), inputs_of(made)
    layers = network.run(x, GoldenDevice(CONFIG)).layers
    assert len(network.fp32(x)["all"]) == 1
    assert [(layer.title, layer.sqnr is None) for layer in layers] == [
        ("MatMul_k (1)", False), ("MatMul_k (2)", True), ("MatMul_y", False),
    ]  # fmt: skip


def test_what_is_carried_may_begin_empty(tmp_path):
    made = growing("empty")
    network, x = Network(save(made, tmp_path)), inputs_of(made)
    result = network.run(x, GoldenDevice(CONFIG))
    assert [layer.macs for layer in result.layers] == [0, 16, 32, 48]
    assert result.outputs["y"].shape == network.fp32(x)["y"].shape == (4, 4)


def test_no_product_inside_of_an_unknown_operation_is_passed_over(tmp_path):
    inside = body([helper.make_node("Mixer", ["h"], ["m"], name="mix", domain="own"), node("MatMul", ["m", "r"], "k"),
                   node("Identity", ["go"], "on")],
                  [tensor("i", kind=TensorProto.INT64), tensor("go", kind=TensorProto.BOOL), tensor("h", 3, 4)],
                  [tensor("on", kind=TensorProto.BOOL), tensor("k", 3, 4)])  # fmt: skip
    made = model([node("Loop", ["n", "", "x"], "y", body=inside)], [tensor("x", 3, 4)], [tensor("y", 3, 4)],
                 [constant("r", 4, 4), integer("n", 2)], domains=["own"])  # fmt: skip
    with pytest.raises(GraphError) as caught:
        Network(save(made, tmp_path))
    text = "net.onnx: own.Mixer mix: its products cannot run on a device; --allow-missing leaves them to ONNX Runtime"
    assert str(caught.value) == text
    assert Network(tmp_path / "net.onnx", allow_missing=True).missing == ["own.Mixer mix"]
