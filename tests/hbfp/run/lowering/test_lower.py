"""Graphs taken apart give what ONNX Runtime gives for them whole, up to the rounding of sums in another order."""

import numpy as np
import pytest

from hbfp.run import Network
from sim.graphs import GraphError
from tests.hbfp.run.machines import FloatMachine
from tests.sim.graphs.graphs import constant, model, node, save, tensor

RNG = np.random.default_rng(1)


def w(name, *shape, kind=np.float32):
    value = RNG.integers(-5, 6, shape) if kind != np.float32 else RNG.normal(size=shape) * 0.5
    return constant(name, kind=kind, value=value)


def scale(name, value=0.1):
    return constant(name, value=value)


def recurrent(kind, gates, steps=3, batch=2, width=5, hidden=4, directions=1, **attributes):
    outputs = ["y", "h", "c"] if gates == 4 else ["y", "h"]
    weights = [w("w", directions, gates * hidden, width), w("r", directions, gates * hidden, hidden),
               w("b", directions, 2 * gates * hidden), w("h0", directions, batch, hidden)]  # fmt: skip
    inputs = ["x", "w", "r", "b", "", "h0"]
    shapes = [tensor("y", steps, directions, batch, hidden), *(tensor(n, directions, batch, hidden) for n in outputs[1:])]
    nodes = [node(kind, inputs, *outputs, hidden_size=hidden, **attributes)]
    return nodes, [tensor("x", steps, batch, width)], shapes, weights, {}


MS = {"domains": ["com.microsoft"]}
GRAPHS = {
    "matmul": ([node("MatMul", ["x", "w"], "y")], [tensor("x", 2, 3, 5)], [tensor("y", 2, 3, 4)], [w("w", 5, 4)], {}),
    "stack of weights": (
        [node("MatMul", ["x", "w"], "y")], [tensor("x", 2, 3, 2, 5)], [tensor("y", 2, 3, 2, 4)], [w("w", 3, 5, 4)], {}),
    "weights on the left": ([node("MatMul", ["w", "x"], "y")], [tensor("x", 2, 5, 4)], [tensor("y", 2, 3, 4)], [w("w", 3, 5)], {}),
    "vectors": ([node("MatMul", ["x", "w"], "y")], [tensor("x", 5)], [tensor("y")], [w("w", 5)], {}),
    "gemm": (
        [node("Gemm", ["x", "w", "b"], "y", transA=1, transB=1)], [tensor("x", 5, 3)], [tensor("y", 3, 4)],
        [w("w", 4, 5), w("b", 4)], {}),
    "gemm with factors": (
        [node("Gemm", ["x", "w", "b"], "y", alpha=0.5, beta=2.0)], [tensor("x", 3, 5)], [tensor("y", 3, 4)],
        [w("w", 5, 4), w("b", 3, 1)], {}),
    "convolution": (
        [node("Conv", ["x", "w", "b"], "y", group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 2, 0, 1])],
        [tensor("x", 2, 4, 7, 8)], [tensor("y", 2, 6, 3, 7)], [w("w", 6, 2, 3, 3), w("b", 6)], {}),
    "same": (
        [node("Conv", ["x", "w"], "y", auto_pad="SAME_LOWER", strides=[2])], [tensor("x", 1, 3, 8)], [tensor("y", 1, 4, 4)],
        [w("w", 4, 3, 4)], {}),
    "three axes": (
        [node("Conv", ["x", "w"], "y")], [tensor("x", 1, 2, 3, 4, 5)], [tensor("y", 1, 3, 2, 3, 4)], [w("w", 3, 2, 2, 2, 2)], {}),
    "transposed convolution": (
        [node("ConvTranspose", ["x", "w", "b"], "y", strides=[2, 2], pads=[1, 0, 0, 1], output_padding=[1, 0])],
        [tensor("x", 2, 3, 3, 4)], [tensor("y", 2, 5, 7, 8)], [w("w", 3, 5, 3, 3), w("b", 5)], {"opset": 18}),
    "einsum": (
        [node("Einsum", ["x", "w"], "y", equation="bik,jkb->jbi")], [tensor("x", 2, 3, 5)], [tensor("y", 4, 2, 3)],
        [w("w", 4, 5, 2)], {}),
    "attention": (
        [node("Attention", ["q", "k", "v"], "y", is_causal=1)],
        [tensor("q", 2, 4, 5, 8), tensor("k", 2, 2, 5, 8), tensor("v", 2, 2, 5, 6)],
        [tensor("y", 2, 4, 5, 6)], [], {"opset": 23}),
    "fused product": (
        [node("FusedMatMul", ["x", "w"], "y", domain="com.microsoft", transB=1, alpha=0.5)], [tensor("x", 3, 5)],
        [tensor("y", 3, 4)], [w("w", 4, 5)], MS),
    "fused convolution": (
        [node("FusedConv", ["x", "w", "b"], "y", domain="com.microsoft", activation="Relu")], [tensor("x", 1, 2, 5, 5)],
        [tensor("y", 1, 3, 4, 4)], [w("w", 3, 2, 2, 2), w("b", 3)], MS),
    "lstm": recurrent("LSTM", 4),
    "lstm backwards": recurrent("LSTM", 4, direction="reverse"),
    "lstm of two directions": recurrent("LSTM", 4, directions=2, direction="bidirectional"),
    "gru": recurrent("GRU", 3, linear_before_reset=1),
    "gru, reset first": recurrent("GRU", 3),
    "rnn": recurrent("RNN", 1),
    "weights that are made of weights": (
        [node("Transpose", ["w"], "t", perm=[1, 0]), node("Add", ["t", "v"], "u"), node("MatMul", ["x", "u"], "y"),
         node("Add", ["u", "u"], "z")],
        [tensor("x", 3, 5)], [tensor("y", 3, 4), tensor("z", 5, 4)], [w("w", 4, 5), w("v", 5, 4)], {}),
    "rest in between": (
        [node("MatMul", ["x", "w"], "a"), node("Softmax", ["a"], "s"), node("Shape", ["s"], "n"), node("MatMul", ["s", "v"], "b"),
         node("Reshape", ["b", "n"], "y")], [tensor("x", 3, 5)], [tensor("y", 3, 4)], [w("w", 5, 4), w("v", 4, 4)], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_parts_give_the_whole(name, tmp_path):
    nodes, inputs, outputs, constants, options = GRAPHS[name]
    network = Network(save(model(nodes, inputs, outputs, constants, **options), tmp_path))
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in inputs}
    given = {key: RNG.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    whole = network.fp32(given)
    result = network.run(given, FloatMachine())
    assert result.layers
    for key, value in whole.items():
        assert value.shape == result.outputs[key].shape
        np.testing.assert_allclose(result.outputs[key], value, rtol=2e-5, atol=2e-6)


def test_what_cannot_run_on_a_device_is_refused_or_left_to_the_runtime(tmp_path):
    """Three operands are not counted either; a plain product beside runs."""
    nodes = [node("Einsum", ["x", "u", "v"], "h", equation="ij,jk,kl->il"), node("MatMul", ["h", "w"], "y")]
    weights = [w("u", 5, 4), w("v", 4, 3), w("w", 3, 2)]
    path = save(model(nodes, [tensor("x", 3, 5)], [tensor("y", 3, 2)], weights), tmp_path)
    with pytest.raises(GraphError, match=r"^net\.onnx: Einsum Einsum_h: equation "):
        Network(path)
    network = Network(path, allow_missing=True)
    x = {"x": RNG.normal(size=(3, 5)).astype(np.float32)}
    result = network.run(x, FloatMachine())
    assert (result.missing, len(result.layers)) == (("Einsum Einsum_h",), 1)
    np.testing.assert_allclose(result.outputs["y"], network.fp32(x)["y"], rtol=1e-5)


def test_a_form_that_cannot_be_taken_apart_is_refused_or_left_to_the_runtime(tmp_path):
    nodes, inputs, outputs, constants, options = recurrent("LSTM", 4, clip=3.0)
    nodes.append(node("MatMul", ["h", "v"], "z"))
    path = save(model(nodes, inputs, [*outputs, tensor("z", 1, 2, 3)], [*constants, w("v", 4, 3)], **options), tmp_path)
    text = "LSTM LSTM_y: runs on a device with the default activations and layout, without peepholes, clipping and lengths"
    with pytest.raises(GraphError) as caught:
        Network(path)
    assert str(caught.value) == f"net.onnx: {text}"
    result = Network(path, allow_missing=True).run({"x": RNG.normal(size=(3, 2, 5)).astype(np.float32)}, FloatMachine())
    assert (result.missing, [layer.name for layer in result.layers]) == (("LSTM LSTM_y",), ["MatMul_z"])


def test_nodes_without_a_name_or_a_first_output_have_constants_of_their_own(tmp_path):
    nodes = [node("RNN", ["x", "w", "r"], "", "h", hidden_size=4), node("RNN", ["x", "u", "r"], "", "g", hidden_size=4)]
    for one in nodes:
        one.name = ""
    weights = [w("w", 1, 4, 5), w("u", 1, 4, 5), w("r", 1, 4, 4)]
    made = model(nodes, [tensor("x", 3, 2, 5)], [tensor("h", 1, 2, 4), tensor("g", 1, 2, 4)], weights)
    network, x = Network(save(made, tmp_path)), {"x": RNG.normal(size=(3, 2, 5)).astype(np.float32)}
    result = network.run(x, FloatMachine())
    for key, value in network.fp32(x).items():
        np.testing.assert_allclose(result.outputs[key], value, rtol=2e-5, atol=2e-6)
    for one in made.graph.node:
        one.name = "same"
    again = Network(save(made, tmp_path)).run(x, FloatMachine())
    assert all(np.array_equal(again.outputs[key], value) for key, value in result.outputs.items())
