"""What can be compiled: loops and branches that go the same way whatever the inputs are."""

import numpy as np
import pytest
from onnx import TensorProto

from hbfp.cli import main
from hbfp.program import compile_network, read_program, write_program
from hbfp.program.execute import opened
from hbfp.run import Network
from sim.devices import CycleDevice
from tests.hbfp.program.networks import MACHINE
from tests.hbfp.run.networks import NETWORKS, branched, inputs_of, looped
from tests.sim.graphs.graphs import save, tensor


@pytest.mark.parametrize("name", ["loop", "loop with a condition", "branch", "scan", "function"])
def test_bits_and_cycles_are_those_of_the_network(name, tmp_path):
    network, x = Network(save(NETWORKS[name], tmp_path)), inputs_of(NETWORKS[name])
    write_program(compile_network(network, MACHINE, "booster"), tmp_path / "net.hbfp")
    wanted = network.run(x, CycleDevice(MACHINE, operands="packed"), "booster", compare=False)
    with opened(read_program(tmp_path / "net.hbfp")) as (net, widths, commands):
        got = net.run(x, CycleDevice(MACHINE, operands="packed"), widths, compare=False, commands=commands)
    for key, value in wanted.outputs.items():
        assert np.array_equal(got.outputs[key].view(np.uint32), value.view(np.uint32))
    assert (got.cycles, [layer.title for layer in got.layers]) == (wanted.cycles, [layer.title for layer in wanted.layers])


def test_a_layer_has_the_products_of_all_turns(tmp_path):
    program = compile_network(Network(save(NETWORKS["loop"], tmp_path)), MACHINE)
    assert [(layer.name, len(layer.products)) for layer in program.layers] == [("MatMul_k", 3), ("MatMul_y", 1)]
    assert all(product.weights for product in program.layers[0].products)


def given(made, name, kind):
    """The network with one of its constants as an input."""
    kept = [tensor for tensor in made.graph.initializer if tensor.name != name]
    del made.graph.initializer[:]
    made.graph.initializer.extend(kept)
    made.graph.input.append(tensor(name, kind=kind))
    return made


TURNS = "Loop Loop_z: how often it turns must be known to be compiled, and"
REFUSED = {
    "count": (given(looped(), "n", TensorProto.INT64), f"{TURNS} n is no constant"),
    "condition": (given(looped(condition="yes"), "yes", TensorProto.BOOL), f"{TURNS} yes is no constant"),
    "result": (NETWORKS["loop that stops"], f"{TURNS} on is no constant"),
    "branch": (given(branched(True), "choice", TensorProto.BOOL),
               "If If_h: which branch it takes must be known to be compiled, and choice is no constant"),
    "branch in a loop": (NETWORKS["nested"],
                         "If If_k: which branch it takes must be known to be compiled, and even is no constant"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_in_one_line_and_writes_nothing(name, tmp_path, monkeypatch, capsys):
    made, text = REFUSED[name]
    save(made, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "net.onnx", "--tile", "2x2"]) == 2
    assert capsys.readouterr().err == f"hbfp compile: net.onnx: {text}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
