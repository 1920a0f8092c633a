"""``hbfp run`` as a user types it: what it writes, prints and refuses."""

import json

import numpy as np
import pytest

from hbfp.cli import main
from hbfp.run import Network
from hw.config import CoreConfig
from sim.devices import GoldenDevice
from tests.sim.graphs.graphs import constant, model, node, save, tensor

MACHINE = ["--block", "16", "--tile", "2x2"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A perceptron that tells which half of its input is larger, with inputs and labels, in the present folder."""
    rng = np.random.default_rng(0)
    sign = np.repeat([1.0, -1.0], 8)
    w1, w2 = np.outer(sign, [1, -1]) + rng.normal(size=(16, 2)) * 0.05, np.eye(2)
    nodes = [node("Gemm", ["x", "w1", "b1"], "h"), node("Relu", ["h"], "r"), node("MatMul", ["r", "w2"], "y")]
    constants = [constant("w1", value=w1), constant("b1", value=[0.01, 0.02]), constant("w2", value=w2)]
    save(model(nodes, [tensor("x", "n", 16)], [tensor("y", "n", 2)], constants), tmp_path)
    x = rng.normal(size=(40, 16)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    np.save(tmp_path / "labels.npy", (x @ sign < 0).astype(np.int64))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return main(["run", "net.onnx", "--batch", "40", "--input", "x.npz", *MACHINE, *arguments])


def test_writes_outputs_and_reports(folder, capsys):
    assert run("--schedule", "booster", "--labels", "labels.npy", "-o", "made/y.npz", "--json", "r.json", "--csv", "r.csv") == 0
    network = Network(folder / "net.onnx", batch=40)
    x = dict(np.load("x.npz"))
    config = CoreConfig(mantissa_widths=(4, 6), block_size=16, tile_rows=2, tile_columns=2, features=("bias",))
    wanted = network.run(x, GoldenDevice(config), "booster")
    with np.load("made/y.npz") as outputs:
        assert np.array_equal(outputs["y"], wanted.outputs["y"])
    report = json.loads((folder / "r.json").read_text())
    assert [layer["width"] for layer in report["layers"]] == [6, 6]
    assert report["accuracy"] > 0.9
    assert (folder / "r.csv").read_text().splitlines()[1].startswith("Gemm_h,Gemm,6,1280,")
    text = capsys.readouterr().out
    assert "Gemm_h" in text
    assert "2 layers, 1,440 MAC" in text


@pytest.mark.parametrize("device", ["cycle", "rtl"])
def test_devices_with_time(folder, device, capsys):
    assert run("--device", device, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cycles"] == sum(layer["cycles"] for layer in report["layers"]) > 0


def test_operands_in_blocks_cost_fewer_cycles_and_no_bit(folder, capsys):
    reports = {}
    for form in ("packed", "fp32"):
        assert run("--device", "rtl", "--operands", form, "-o", f"{form}.npz", "--json") == 0
        reports[form] = json.loads(capsys.readouterr().out)
    with np.load("packed.npz") as packed, np.load("fp32.npz") as fp32:
        assert np.array_equal(packed["y"].view(np.uint32), fp32["y"].view(np.uint32))
    assert reports["packed"]["cycles"] < reports["fp32"]["cycles"]
    assert "packed" in reports["packed"]["machine"]["features"]
    assert "packed" not in reports["fp32"]["machine"]["features"]


def test_fp32_is_onnx_runtime_alone(folder, capsys):
    import onnxruntime

    assert run("--device", "fp32", "-o", "y.npz", "--labels", "labels.npy") == 0
    x = dict(np.load("x.npz"))
    (wanted,) = onnxruntime.InferenceSession("net.onnx").run(["y"], x)
    with np.load("y.npz") as outputs:
        assert np.array_equal(outputs["y"].view(np.uint32), wanted.view(np.uint32))
    right = (wanted.argmax(1) == np.load("labels.npy")).mean()
    assert f"accuracy {right}" in capsys.readouterr().out


def test_search_keeps_the_accuracy_with_fewer_cycles(folder, capsys):
    assert run("--labels", "labels.npy", "--search", "0.9", "-o", "w.json", "--json", "s.json") == 0
    choice = json.loads((folder / "s.json").read_text())
    assert choice["accuracy"] >= 0.9
    assert choice["narrow"][1] <= choice["cycles"] <= choice["wide"][1]
    assert json.loads((folder / "w.json").read_text()) == choice["widths"]
    capsys.readouterr()
    assert run("--widths", "w.json", "--device", "cycle", "--mantissa", "4,6", "--json") == 0
    assert json.loads(capsys.readouterr().out)["cycles"] == choice["cycles"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--device", "gpu"], "device must be one of golden, cycle, rtl, board, fp32, not gpu"),
        (["--schedule", "all-4", "--widths", "w.json"], "schedule and widths must not be given both"),
        (["--schedule", "all-40"], "schedule must be booster or all-W with a width W between 2 and 10, not all-40"),
        (["--random", "1"], "input must be given: --input FILE.npz or --random SEED, one of them"),
        (["--search", "2"], "search must be an accuracy between 0 and 1, with --labels"),
        (["--labels", "x.npz"], "labels must be one integer per sample, not several arrays"),
        (["--device", "board"], "port must be given with --device board: --port /dev/ttyUSB0"),
        (["--port", "/dev/ttyUSB0"], "port is of --device board, not golden"),
        (["--port-rate", "1/8"], "port_rate is of --device cycle or rtl, not golden"),
        (["--device", "fp32", "--schedule", "all-4"], "schedule needs a device with mantissas, not fp32"),
        (["-o", "."], "output must be a file in a writable folder, not ."),
        (["-o", "/dev/null/y.npz"], "output must be a file in a writable folder, not /dev/null/y.npz"),
        (["--tile", "0x2"], "tile_rows must be between 1 and 64, not 0"),
        (["--size", "q=3"], "net.onnx: size q is of no input; the inputs are x"),
    ],
)
def test_refuses_in_one_line_and_writes_nothing(folder, arguments, text, capsys):
    before = sorted(folder.rglob("*"))
    assert run(*arguments) == 2
    assert capsys.readouterr().err == f"hbfp run: {text}\n"
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(("rate", "said"), [
    ("0", "port_rate must be above 0 and at most 1, not 0"), ("x", "port_rate must be a number such as 1/4 or 0.25, not x"),
    ("1/0", "port_rate must be a number such as 1/4 or 0.25, not 1/0"),
])  # fmt: skip
def test_port_rates_are_checked(folder, rate, said, capsys):
    assert run("--device", "cycle", "--port-rate", rate) == 2
    assert said in capsys.readouterr().err


def test_blocks_save_cycles_where_ports_are_narrow(folder, capsys):
    cycles = {}
    for form in ("packed", "fp32"):
        assert run("--device", "cycle", "--operands", form, "--port-rate", "1/8", "--json") == 0
        cycles[form] = json.loads(capsys.readouterr().out)["cycles"]
    assert 3 * cycles["packed"] < 2 * cycles["fp32"]  # C is FP32 in both
