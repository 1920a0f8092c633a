"""Several devices: the bits of one, each layer in the time of the slowest part."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

from hbfp.cli import main
from hbfp.run import Network
from hbfp.run.many.parallel import part_of_batch, run_parts
from hw.config import CoreConfig
from sim.devices import CycleDevice, GoldenDevice
from tests.sim.graphs.graphs import constant, model, node, save, tensor
from tests.sim.messages import rejects

MACHINE = CoreConfig(mantissa_widths=(4, 6), block_size=16, tile_rows=2, tile_columns=2, features=("bias",))


@pytest.fixture
def path(tmp_path):
    """Scores of each sample's tokens, and what they find: products with weights and without."""
    rng = np.random.default_rng(0)
    nodes = [node("MatMul", ["x", "w"], "k"), node("Transpose", ["k"], "t", perm=[0, 2, 1]), node("MatMul", ["x", "t"], "y")]
    made = model(nodes, [tensor("x", "n", 3, 20)], [tensor("y", "n", 3, 3)], [constant("w", value=rng.normal(size=(20, 20)))])
    return save(made, tmp_path)


X = {"x": np.random.default_rng(1).normal(size=(6, 3, 20)).astype(np.float32)}


def test_the_bits_are_those_of_one_device(path):
    one = Network(path, batch=6).run(X, CycleDevice(MACHINE), "booster")
    for cores in (1, 2, 3):
        parts = run_parts(Network(path, batch=6 // cores), X, [CycleDevice(MACHINE) for _ in range(cores)], "booster")
        assert np.array_equal(parts.outputs["y"].view(np.uint32), one.outputs["y"].view(np.uint32))
        assert [layer.macs for layer in parts.layers] == [layer.macs for layer in one.layers]
        assert parts.cycles == one.cycles if cores == 1 else one.cycles / cores <= parts.cycles < one.cycles


def test_a_layer_takes_as_long_as_its_slowest_part(path):
    slow = CoreConfig(mantissa_widths=(4, 6), block_size=16, tile_rows=1, tile_columns=1, features=("bias",))
    results = [run_parts(Network(path, batch=3), X, [CycleDevice(a), CycleDevice(b)]).cycles
               for a, b in ((MACHINE, slow), (slow, MACHINE), (slow, slow))]  # fmt: skip
    assert len(set(results)) == 1


def test_as_typed(path, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    np.savez("x.npz", **X)
    line = ["run", "net.onnx", "--input", "x.npz", "--block", "16", "--tile", "2x2", "--batch", "6", "--json"]
    assert main([*line, "-o", "one.npz"]) == 0
    assert main([*line, "-o", "three.npz", "--cores", "3"]) == 0
    with np.load("one.npz") as one, np.load("three.npz") as three:
        assert np.array_equal(one["y"].view(np.uint32), three["y"].view(np.uint32))
    assert json.JSONDecoder().raw_decode(capsys.readouterr().out)[0]["layers"][0]["macs"] == 6 * 3 * 20 * 20
    assert main([*line, "--cores", "4"]) == 2
    assert capsys.readouterr().err == "hbfp run: cores must divide the batch, which --batch says: 6, not 4\n"


def test_refuses(path):
    with rejects(ValueError, "cores must divide the batch, which --batch says: nothing, not 2"):
        part_of_batch(None, 2)
    with rejects(ValueError, "cores must be at least 1, not 0"):
        part_of_batch(4, 0)
    with rejects(ValueError, "net.onnx: input x must have 4 equal parts, not shape (6, 3, 20)"):
        run_parts(Network(path, batch=2), X, [GoldenDevice(MACHINE)] * 4)


def test_an_output_without_samples_is_refused(tmp_path):
    nodes = [node("MatMul", ["x", "w"], "h"), node("ReduceSum", ["h"], "y", keepdims=0)]
    made = model(nodes, [tensor("x", "n", 20)], [tensor("y")], [constant("w", 20, 4)])
    network = Network(save(made, tmp_path), batch=3)
    with rejects(ValueError, "net.onnx: output y must have the samples of all inputs, not shape ()"):
        run_parts(network, {"x": X["x"][:, 0]}, [GoldenDevice(MACHINE)] * 2)


def test_steps_are_no_samples(tmp_path):
    nodes = [node("RNN", ["x", "w", "r"], "y", hidden_size=4)]
    made = model(nodes, [tensor("x", "n", 2, 5)], [tensor("y", "n", 1, 2, 4)], [constant("w", 1, 4, 5), constant("r", 1, 4, 4)])
    network = Network(save(made, tmp_path), batch=3)
    with rejects(ValueError, "net.onnx: RNN RNN_y: the first axis must be samples, not steps, to be shared by cores"):
        run_parts(network, {"x": np.ones((6, 2, 5), np.float32)}, [GoldenDevice(MACHINE)] * 2)


def test_inputs_may_not_decide_which_layers_run(tmp_path):
    """Each part goes on until its own sum is large."""
    turns = helper.make_graph(
        [node("MatMul", ["h", "w"], "k"), node("ReduceMax", ["k"], "m", keepdims=0), node("Less", ["m", "bound"], "on")], "body",
        [tensor("i", kind=TensorProto.INT64), tensor("go", kind=TensorProto.BOOL), tensor("h", 3, 4)],
        [tensor("on", kind=TensorProto.BOOL), tensor("k", 3, 4)],
    )  # fmt: skip
    constants = [constant("w", value=np.eye(4) * 2), constant("n", kind=np.int64, value=9), constant("bound", value=9)]
    loop = node("Loop", ["n", "", "x"], "y", body=turns)
    made = model([loop], [tensor("x", "n", 4)], [tensor("y", "n", 4)], constants)
    network, x = Network(save(made, tmp_path), batch=3), np.ones((6, 4), np.float32)
    assert [layer.title for layer in run_parts(network, {"x": x}, [GoldenDevice(MACHINE)] * 2).layers] == [
        f"MatMul_k ({turn})" for turn in (1, 2, 3, 4)
    ]
    x[3:] = 4
    with rejects(ValueError, "net.onnx: the same layers must run for all inputs to be shared by cores"):
        run_parts(network, {"x": x}, [GoldenDevice(MACHINE)] * 2)
