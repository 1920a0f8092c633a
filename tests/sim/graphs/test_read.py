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
    message = "net.onnx: MatMul MatMul_y: the shape of x is not known; x:1 of the inputs are free: --size x:1=N"
    with rejects(ValueError, message):
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
    with rejects(ImportError, "the Python package onnx is not installed; run: pip install 'hbfp[graphs]'"):
        load(tmp_path / "net.onnx")


def branch(name, width):
    """A graph that multiplies the x outside by weights of its own."""
    weights = onnx.numpy_helper.from_array(np.ones((8, width), np.float32), f"w_{name}")
    body = [node("MatMul", ["x", f"w_{name}"], f"h_{name}"), node("ReduceSum", [f"h_{name}", "ones"], f"s_{name}", keepdims=1)]
    return onnx.helper.make_graph(body, name, [], [tensor(f"s_{name}", 4, 1)], [weights])


def test_the_dearer_branch_counts(save):
    choice = onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    ones = onnx.numpy_helper.from_array(np.array([1], np.int64), "ones")
    nodes = [node("If", ["c"], "s", then_branch=branch("a", 3), else_branch=branch("b", 5)), node("MatMul", ["s", "v"], "y")]
    workload = load(save(nodes, [tensor("x", 4, 8), choice], [tensor("y", 4, 2)], [weight("v", 1, 2), ones]))
    assert sizes(workload) == [("linear", 4, 8, 5, 1), ("linear", 4, 1, 2, 1)]
    assert [(layer.first, layer.last) for layer in workload.layers] == [(True, False), (False, True)]


def test_what_a_branch_takes_from_outside_lies_before_it(save):
    """Neither branch holds a product; both hand on what one has made."""
    inner = [onnx.helper.make_graph([node("Relu", ["h"], name)], name, [], [tensor(name, 4, 6)]) for name in ("a", "b")]
    choice = onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    nodes = [node("MatMul", ["x", "w"], "h"), node("If", ["c"], "k", then_branch=inner[0], else_branch=inner[1]),
             node("MatMul", ["k", "v"], "y")]  # fmt: skip
    layers = load(save(nodes, [tensor("x", 4, 8), choice], [tensor("y", 4, 2)], [weight("w", 8, 6), weight("v", 6, 2)])).layers
    assert [(layer.first, layer.last) for layer in layers] == [(True, False), (False, True)]


def loop(save, count, kind=np.int64):
    body = onnx.helper.make_graph(
        [node("MatMul", ["h", "r"], "k"), node("Identity", ["go"], "on")],
        "body",
        [onnx.helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
         onnx.helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []), tensor("h", 4, 6)],
        [onnx.helper.make_tensor_value_info("on", onnx.TensorProto.BOOL, []), tensor("k", 4, 6)],
    )  # fmt: skip
    constants = [weight("r", 6, 6), weight("v", 6, 2), onnx.numpy_helper.from_array(np.array(True), "yes")]
    inputs = [tensor("x", 4, 6)]
    if count is None:
        inputs.append(onnx.helper.make_tensor_value_info("n", onnx.TensorProto.INT64, []))
    else:
        constants.append(onnx.numpy_helper.from_array(np.array(count, kind), "n"))
    nodes = [node("Loop", ["n", "yes", "x"], "z", body=body), node("MatMul", ["z", "v"], "y")]
    return save(nodes, inputs, [tensor("y", 4, 2)], constants)


def test_a_loop_counts_as_often_as_it_turns(save):
    workload = load(loop(save, 3))
    assert [layer.name for layer in workload.layers] == [*(f"MatMul_k ({i})" for i in (1, 2, 3)), "MatMul_y"]
    assert workload.macs == 3 * 4 * 36 + 4 * 12
    assert workload.parameters == 36 + 12


def test_rejects_a_loop_of_unknown_length(save):
    text = "net.onnx: Loop Loop_z: it holds products, and how often it turns is not known"
    with rejects(ValueError, text):
        load(loop(save, None))


def test_every_stem_is_a_first_layer(save):
    nodes = [
        node("MatMul", ["x", "w"], "a"), node("MatMul", ["x", "v"], "b"), node("Add", ["a", "b"], "s"),
        node("MatMul", ["s", "u"], "y"), node("MatMul", ["s", "u"], "z"),
    ]  # fmt: skip
    weights = [weight("w", 8, 6), weight("v", 8, 6), weight("u", 6, 2)]
    layers = load(save(nodes, [tensor("x", 4, 8)], [tensor("y", 4, 2), tensor("z", 4, 2)], weights)).layers
    assert [(layer.first, layer.last, layer.input_gradient) for layer in layers] == [
        (True, False, False), (True, False, False), (False, True, True), (False, True, True),
    ]  # fmt: skip


def test_what_is_not_known_is_left_out_under_its_name(save):
    nodes = [onnx.helper.make_node("Mixer", ["x"], ["m"], name="mix", domain="own"), node("MatMul", ["x", "w"], "y")]
    path = save(nodes, [tensor("x", 4, 8)], [tensor("y", 4, 6)], [weight("w", 8, 6)])
    model = onnx.load(path)
    model.opset_import.append(onnx.helper.make_opsetid("own", 1))
    onnx.save(model, path)
    text = "net.onnx: own.Mixer mix: whether this operation holds products is not known; --allow-missing leaves it out"
    with rejects(ValueError, text):
        load(path)
    workload = load(path, allow_missing=True)
    assert (workload.macs, workload.missing) == (4 * 48, ("own.Mixer mix",))
