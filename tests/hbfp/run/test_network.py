"""Networks on machines: the same bits from golden, cycle model and compiled Verilog; records, widths and bad input."""

import json

import numpy as np
import onnx
import pytest

import golden
import hbfp
from hbfp.run import Network
from hw.config import CoreConfig
from sim.devices import CycleDevice, GoldenDevice, RtlDevice
from tests.sim.graphs.graphs import constant, model, node, save, tensor

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), block_size=16, dot=16, tile_rows=2, tile_columns=2, operand_depth=64, features=("bias",)
)  # fmt: skip
RNG = np.random.default_rng(2)


def weights(name, *shape):
    return constant(name, value=RNG.normal(size=shape) * 0.3)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Two convolutions with a shortcut, attention over positions, and a head."""
    nodes = [
        node("Conv", ["x", "w1", "b1"], "c1", pads=[1, 1, 1, 1]), node("Relu", ["c1"], "r1"),
        node("Conv", ["r1", "w2"], "c2", pads=[1, 1, 1, 1], group=2), node("Add", ["c2", "r1"], "s"),
        node("Reshape", ["s", "shape"], "t"), node("Transpose", ["t"], "tt", perm=[0, 2, 1]),
        node("MatMul", ["tt", "t"], "scores"), node("Softmax", ["scores"], "p"), node("MatMul", ["p", "tt"], "mixed"),
        node("ReduceMean", ["mixed"], "m", axes=[1], keepdims=0), node("Gemm", ["m", "w3", "b3"], "y"),
    ]  # fmt: skip
    constants = [
        weights("w1", 4, 3, 3, 3), weights("b1", 4), weights("w2", 4, 2, 3, 3), weights("w3", 4, 5), weights("b3", 5),
        constant("shape", kind=np.int64, value=[2, 4, 25]),
    ]  # fmt: skip
    made = model(nodes, [tensor("x", 2, 3, 5, 5)], [tensor("y", 2, 5)], constants)
    return save(made, tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def x():
    return {"x": RNG.normal(size=(2, 3, 5, 5)).astype(np.float32)}


def test_every_device_gives_the_same_bits(path, x):
    network = Network(path)
    results = [network.run(x, device(CONFIG), "booster") for device in (GoldenDevice, CycleDevice, RtlDevice)]
    words = [result.outputs["y"].view(np.uint32) for result in results]
    assert np.array_equal(words[0], words[1])
    assert np.array_equal(words[0], words[2])
    assert results[0].cycles is None
    assert results[1].layers == results[2].layers
    assert results[2].cycles == sum(layer.cycles for layer in results[2].layers) > 0
    assert [layer.saturated for layer in results[0].layers] == [layer.saturated for layer in results[2].layers]
    assert not np.array_equal(words[0], network.fp32(x)["y"].view(np.uint32))


def test_a_convolution_is_golden_s_product_of_patches(path, x):
    network = Network(path)
    result = network.run(x, GoldenDevice(CONFIG), {"Conv_c1": 6, "*": 4})
    w, b = network.constants["w1"], network.constants["b1"]
    hbfp6 = golden.BlockFormat(6, 16)
    rows = golden.patches(x["x"], (3, 3), pads=(1, 1, 1, 1))
    c = golden.finish(golden.matmul(rows, golden.filters(w), hbfp6), b)
    exact = rows.astype(float) @ golden.filters(w) + b
    first = result.layers[0]
    assert (first.name, first.width, first.macs) == ("Conv_c1", 6, 50 * 27 * 4)
    assert first.sqnr == pytest.approx(10 * np.log10((exact**2).sum() / ((c - exact) ** 2).sum()), abs=1e-4)
    assert [layer.width for layer in result.layers] == [6, 4, 4, 4, 4]


def test_wider_mantissas_come_closer(path, x):
    network = Network(path)
    narrow, wide = (network.run(x, GoldenDevice(CONFIG), plan) for plan in ("all-4", "all-6"))
    assert all(a.sqnr + 6 < b.sqnr for a, b in zip(narrow.layers, wide.layers, strict=True))


def test_first_and_last_layers_are_wide_in_booster(path):
    assert Network(path).widths("booster") == {
        "Conv_c1": 6, "Conv_c2": 4, "MatMul_scores": 4, "MatMul_mixed": 4, "Gemm_y": 6,
    }  # fmt: skip


def test_the_file_may_say_its_widths(path, tmp_path):
    made = onnx.load(path)
    onnx.helper.set_model_props(made, {"hbfp.widths": json.dumps({"Conv_*": 6})})
    assert list(Network(save(made, tmp_path)).widths().values()) == [6, 6, 4, 4, 4]
    assert set(Network(save(made, tmp_path)).widths("all-4").values()) == {4}


def test_from_python_in_one_line(path, x):
    result = hbfp.run.run(path, x, GoldenDevice(CONFIG), "all-6")
    assert np.array_equal(result.outputs["y"], Network(path).run(x, GoldenDevice(CONFIG), "all-6").outputs["y"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": None}, "net.onnx: input x is missing; given are none"),
        ({"z": np.ones(3)}, "net.onnx: there is no input z; the inputs are x"),
        ({"x": np.ones((2, 3, 5, 5))}, "net.onnx: input x must be float32, not float64"),
        ({"x": np.ones((2, 3, 5), np.float32)}, "net.onnx: input x must have shape 2x3x5x5, not (2, 3, 5)"),
        ({"x": np.ones((2, 3, 5, 6), np.float32)}, "net.onnx: input x must have shape 2x3x5x5, not (2, 3, 5, 6)"),
    ],
)
def test_rejects_inputs(path, x, change, text):
    given = {name: value for name, value in (x | change).items() if value is not None}
    with pytest.raises(ValueError, match="net") as caught:
        Network(path).run(given, GoldenDevice(CONFIG))
    assert str(caught.value) == text


def test_rejects_widths(path, x):
    network = Network(path)
    layers = "Conv_c1, Conv_c2, MatMul_scores, MatMul_mixed, Gemm_y"
    for plan, text in (
        ({"Convolution*": 6}, f"widths: Convolution* fits no layer; the layers are {layers}"),
        ("all-5", "layer Conv_c1: width must be one of the machine's 4, 6, not 5"),
    ):
        with pytest.raises(ValueError, match="layer") as caught:
            network.run(x, GoldenDevice(CONFIG), plan)
        assert str(caught.value) == text


def test_weights_in_another_file(path, x, tmp_path):
    made = onnx.load(path)
    onnx.save(made, tmp_path / "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    y = Network(tmp_path / "net.onnx").run(x, GoldenDevice(CONFIG)).outputs["y"]
    assert np.array_equal(y, Network(path).run(x, GoldenDevice(CONFIG)).outputs["y"])
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ValueError, match=r"^net\.onnx: weights \w+ cannot be read: "):
        Network(tmp_path / "net.onnx")
