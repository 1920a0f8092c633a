import sys

import numpy as np
import pytest

from sim.workloads import load
from tests.sim.messages import rejects

onnx = pytest.importorskip("onnx")
FLOAT = onnx.TensorProto.FLOAT


def tensor(name, *shape):
    return onnx.helper.make_tensor_value_info(name, FLOAT, shape)


def weight(name, *shape):
    return onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name)


@pytest.fixture
def save(tmp_path):
    def write(nodes, inputs, outputs, weights=(), name="net.onnx"):
        graph = onnx.helper.make_graph(nodes, "net", inputs, outputs, list(weights))
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    return write


def node(kind, inputs, output, **attributes):
    return onnx.helper.make_node(kind, inputs, [output], name=f"{kind}_{output}", **attributes)


def sizes(workload):
    return [(layer.kind, layer.m, layer.k, layer.n, layer.repeats) for layer in workload.layers]


@pytest.fixture
def convolutional(save):
    nodes = [
        node("Conv", ["x", "w1", "b1"], "c1", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], "r1"),
        node("Conv", ["r1", "w2"], "c2", group=16, pads=[1, 1, 1, 1]),
        node("Relu", ["c2"], "r2"),
        node("GlobalAveragePool", ["r2"], "p"),
        node("Flatten", ["p"], "f"),
        node("Gemm", ["f", "w3", "b3"], "y", transB=1),
    ]
    weights = [
        weight("w1", 16, 3, 3, 3),
        weight("b1", 16),
        weight("w2", 32, 1, 3, 3),
        weight("w3", 10, 32),
        weight("b3", 10),
    ]
    return save(nodes, [tensor("x", "batch", 3, 32, 32)], [tensor("y", "batch", 10)], weights)


def test_convolutions_and_gemm(convolutional):
    workload = load(convolutional, batch=4)
    assert sizes(workload) == [
        ("conv", 4 * 256, 27, 16, 1),
        ("conv", 4 * 256, 9, 2, 16),
        ("linear", 4, 32, 10, 1),
    ]
    assert workload.parameters == 16 * 27 + 16 + 32 * 9 + 320 + 10
    assert workload.layers[0].input_elements == 4 * 3 * 32 * 32
    assert [layer.first for layer in workload.layers] == [True, False, False]
    assert [layer.last for layer in workload.layers] == [False, False, True]
    assert not workload.layers[0].input_gradient


def test_other_operators_are_counted(convolutional):
    assert load(convolutional).not_modelled == {"Flatten": 1, "GlobalAveragePool": 1, "Relu": 2}


def test_attention_and_symbolic_lengths(save):
    nodes = [
        node("MatMul", ["x", "wq"], "q"),
        node("MatMul", ["x", "wq"], "k"),
        node("Reshape", ["q", "heads"], "q4"),
        node("Transpose", ["q4"], "qh", perm=[0, 2, 1, 3]),
        node("Reshape", ["k", "heads"], "k4"),
        node("Transpose", ["k4"], "kh", perm=[0, 2, 3, 1]),
        node("MatMul", ["qh", "kh"], "s"),
    ]
    heads = onnx.numpy_helper.from_array(np.array([0, 0, 4, 16], np.int64), "heads")
    inputs, outputs = [tensor("x", "batch", "tokens", 64)], [tensor("s", "batch", 4, "tokens", "tokens")]
    workload = load(save(nodes, inputs, outputs, [weight("wq", 64, 64), heads]), batch=2, sequence=10)
    assert sizes(workload) == [
        ("linear", 20, 64, 64, 1),
        ("linear", 20, 64, 64, 1),
        ("attention", 10, 16, 10, 8),
    ]
    assert workload.parameters == 64 * 64  # both products use the same weights
    assert workload.not_modelled == {"Reshape": 2, "Transpose": 2}


def test_weights_on_the_left_and_behind_constants(save):
    nodes = [
        node("Transpose", ["w"], "wt", perm=[1, 0]),
        node("MatMul", ["wt", "x"], "y"),
        node("Gemm", ["y", "v"], "z", transA=1),
    ]
    path = save(nodes, [tensor("x", 6, 5)], [tensor("z", 5, 3)], [weight("w", 6, 8), weight("v", 8, 3)])
    workload = load(path)
    assert sizes(workload) == [("linear", 5, 6, 8, 1), ("linear", 5, 8, 3, 1)]
    assert workload.parameters == 48 + 24


def test_rejects_a_length_that_stays_unknown(save):
    nodes = [node("MatMul", ["x", "w"], "y")]
    path = save(nodes, [tensor("x", "batch", "tokens", 8)], [tensor("y", "batch", "tokens", 8)], [weight("w", 8, 8)])
    message = (
        "net.onnx: MatMul MatMul_y: the shape of x is not known; give the sizes of the graph's inputs, or export it"
    )
    with rejects(ValueError, message + " with fixed ones"):
        load(path)
    assert load(path, sequence=3).layers[0].m == 3


def test_rejects_a_graph_without_products(save):
    with rejects(ValueError, "net.onnx has no layer that is a matrix product"):
        load(save([node("Relu", ["x"], "y")], [tensor("x", 1, 8)], [tensor("y", 1, 8)]))


@pytest.mark.parametrize("content", [b"", b"Layer,M,N,K\n", b"\x00\x01\x02\x03" * 40])
def test_rejects_a_file_that_is_no_graph(tmp_path, content):
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"^bad\.onnx: is not an ONNX graph(, or an empty one)?$"):
        load(tmp_path / "bad.onnx")


def test_rejects_a_missing_file(tmp_path):
    with rejects(FileNotFoundError, f"{tmp_path}/no.onnx does not exist"):
        load(tmp_path / "no.onnx")


def test_says_how_to_install_the_reader(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with rejects(ImportError, "the Python package onnx is not installed; run: pip install onnx"):
        load(tmp_path / "net.onnx")
