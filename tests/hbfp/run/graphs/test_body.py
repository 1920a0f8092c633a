"""Graphs inside of nodes run as networks of their own: the values of ONNX Runtime, the bits of golden on every device."""

import numpy as np
import onnxruntime
import pytest

from hbfp.run import Network
from sim.devices import GoldenDevice
from sim.workloads import load
from tests.hbfp.run.machines import CONFIG, WIDE, FloatMachine
from tests.hbfp.run.networks import NETWORKS, inputs_of
from tests.sim.graphs.graphs import save

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
