"""Networks on machines: values, records, widths and bad input."""

import json

import numpy as np
import onnx
import pytest

import golden
import hbfp
from hbfp.run import Network
from sim.devices import GoldenDevice
from sim.workloads import load
from tests.hbfp.run.machines import CONFIG
from tests.hbfp.run.networks import inputs_of, residual
from tests.sim.graphs.graphs import constant, model, node, save, tensor


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save(residual(), tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def x():
    return inputs_of(residual())


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


@pytest.mark.parametrize(("one", "text"), [
    (node("Conv", ["x", "w"], "y", group=0), "Conv Conv_y: group must be at least 1, not 0"),
    (node("Conv", ["x", "w"], "y", group=4), "Conv Conv_y: 3 filters must be a multiple of group 4"),
    (node("FusedMatMul", ["x", "x"], "y", domain="com.microsoft", transBatchA=1), "com.microsoft.FusedMatMul FusedMatMul_y: "
                                                                                  "transBatchA is not modelled"),
])  # fmt: skip
def test_products_that_cannot_be_are_refused_as_when_they_are_counted(one, text, tmp_path):
    made = model([one], [tensor("x", 1, 4, 5, 5)], [tensor("y", *[None] * 4)], [constant("w", 3, 4, 3, 3)],
                 domains=["com.microsoft"])  # fmt: skip
    path = save(made, tmp_path)
    for read in (Network, load):
        with pytest.raises(ValueError, match="net") as caught:
            read(path)
        assert str(caught.value) == f"net.onnx: {text}"
