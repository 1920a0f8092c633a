"""Graphs taken apart give what ONNX Runtime gives for them whole, up to the rounding of sums in another order."""

from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper

from hbfp.run import Network
from sim.graphs import GraphError
from tests.sim.graphs.graphs import constant, model, node, save, tensor

RNG = np.random.default_rng(1)


class FloatMachine:
    """A device that multiplies in double precision."""

    config = SimpleNamespace(mantissa_widths=(4,), features=("bias",))

    @property
    def counters(self):
        return {"saturated": 0, "flushed": 0}

    def matmul(self, a, b, *, bias=None, **_):
        c = a.astype(np.float64) @ b.astype(np.float64)
        return (c if bias is None else c + bias).astype(np.float32)


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


@pytest.mark.parametrize("operation", ["QLinearMatMul", "QLinearConv"])
def test_integers_mean_their_reals(operation, tmp_path):
    """A result may be the next integer where the real lies halfway."""
    per_channel = constant("t", value=[0.1, 0.2, 0.05])
    if operation == "QLinearConv":
        inputs = ["x", "s", "z", "w", "t", "zz", "u", "z", "b"]
        weights = [w("w", 3, 2, 2, 2, kind=np.int8), w("b", 3, kind=np.int32)]
        x, y = (1, 2, 5, 5), (1, 3, 4, 4)
        extra = [per_channel, constant("zz", kind=np.int8, value=[0, 0, 0])]
    else:
        inputs, weights, x, y = ["x", "s", "z", "w", "t", "z", "u", "z"], [w("w", 5, 3, kind=np.int8)], (4, 5), (4, 3)
        extra = [scale("t", 0.2)]
    constants = [*weights, *extra, scale("s"), scale("u"), constant("z", kind=np.int8, value=0)]
    kind = TensorProto.INT8
    made = model([node(operation, inputs, "y")], [tensor("x", *x, kind=kind)], [tensor("y", *y, kind=kind)], constants)
    network = Network(save(made, tmp_path))
    given = {"x": RNG.integers(-20, 21, x).astype(np.int8)}
    whole, result = network.fp32(given)["y"].astype(int), network.run(given, FloatMachine()).outputs["y"].astype(int)
    assert np.abs(whole - result).max() <= 1
    assert (whole == result).mean() > 0.9


def test_what_cannot_run_on_a_device_is_refused_or_left_to_the_runtime(tmp_path):
    branch = helper.make_graph([node("MatMul", ["x", "w"], "a")], "one", [], [tensor("a", 3, 4)])
    other = helper.make_graph([node("MatMul", ["x", "w"], "b")], "two", [], [tensor("b", 3, 4)])
    nodes = [node("If", ["c"], "h", then_branch=branch, else_branch=other), node("MatMul", ["h", "v"], "y")]
    inputs = [tensor("x", 3, 5), tensor("c", kind=TensorProto.BOOL)]
    path = save(model(nodes, inputs, [tensor("y", 3, 2)], [w("w", 5, 4), w("v", 4, 2)]), tmp_path)
    with pytest.raises(GraphError, match=r"^net\.onnx: If If_h: its products cannot run on a device; --allow-missing "):
        Network(path)
    network = Network(path, allow_missing=True)
    given = {"x": RNG.normal(size=(3, 5)).astype(np.float32), "c": np.array(True)}
    result = network.run(given, FloatMachine())
    assert result.missing == ("If If_h",)
    np.testing.assert_allclose(result.outputs["y"], network.fp32(given)["y"], rtol=1e-5)
