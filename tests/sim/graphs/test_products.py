"""Multiply-accumulates of each operation that holds products, worked out by hand."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from sim.workloads import load
from tests.sim.graphs.graphs import constant, model, node, save, tensor

INT8, UINT8, INT32 = TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32


def scales(*names):
    return [constant(name, value=0.5) for name in names]


def zeros(*names, kind=np.int8):
    return [constant(name, value=0, kind=kind) for name in names]


def function():
    body = [helper.make_node("MatMul", ["p", "q"], ["r"], name="inner")]
    return helper.make_function("own", "Dense", ["p", "q"], ["r"], body, [helper.make_opsetid("", 17)])


GRAPHS = {
    # name: (nodes, inputs, outputs, constants, options, multiply-accumulates, parameters)
    "matmul of a stack of weights": (
        [node("MatMul", ["x", "w"], "y")], [tensor("x", 4, 3, 6, 5)], [tensor("y", 4, 3, 6, 2)],
        [constant("w", 3, 5, 2)], {}, 4 * 3 * 6 * 5 * 2, 30),
    "weights on the left": (
        [node("MatMul", ["w", "x"], "y")], [tensor("x", 2, 5, 4)], [tensor("y", 2, 3, 4)],
        [constant("w", 3, 5)], {}, 2 * 3 * 5 * 4, 15),
    "a vector": (
        [node("MatMul", ["x", "w"], "y")], [tensor("x", 6, 5)], [tensor("y", 6)], [constant("w", 5)], {}, 30, 5),
    "products of activations": (
        [node("MatMul", ["x", "z"], "y")], [tensor("x", 2, 3, 4, 5), tensor("z", 3, 5, 6)], [tensor("y", 2, 3, 4, 6)],
        [], {}, 2 * 3 * 4 * 5 * 6, 0),
    "gemm": (
        [node("Gemm", ["x", "w", "b"], "y", transA=1, transB=1)], [tensor("x", 5, 6)], [tensor("y", 6, 7)],
        [constant("w", 7, 5), constant("b", 7)], {}, 6 * 5 * 7, 42),
    "grouped, dilated convolution": (
        [node("Conv", ["x", "w"], "y", group=2, dilations=[2, 1], pads=[0, 1, 0, 1])], [tensor("x", 1, 4, 9, 7)],
        [tensor("y", 1, 6, 5, 7)], [constant("w", 6, 2, 3, 3)], {}, 5 * 7 * 18 * 3 * 2, 108),
    "convolution behind computed paddings": (
        [node("Concat", ["half", "half"], "p", axis=0), node("Pad", ["x", "p"], "z"), node("Conv", ["z", "w"], "y")],
        [tensor("x", 1, 2, 6, 6)], [tensor("y", 1, 3, 6, 6)],
        [constant("half", value=[0, 0, 1, 1], kind=np.int64), constant("w", 3, 2, 3, 3)], {}, 36 * 18 * 3, 54),
    "transposed convolution": (
        [node("ConvTranspose", ["x", "w"], "y", strides=[2, 2])], [tensor("x", 2, 4, 3, 3)], [tensor("y", 2, 5, 6, 6)],
        [constant("w", 4, 5, 2, 2)], {}, 2 * 9 * 4 * 5 * 4, 80),
    "deformed convolution": (
        [node("DeformConv", ["x", "w", "o"], "y", kernel_shape=[2, 2])], [tensor("x", 1, 2, 4, 4), tensor("o", 1, 8, 3, 3)],
        [tensor("y", 1, 3, 3, 3)], [constant("w", 3, 2, 2, 2)], {"opset": 19}, 9 * 8 * 3, 24),
    "convolution of integers": (
        [node("ConvInteger", ["x", "w"], "y")], [tensor("x", 1, 2, 5, 5, kind=UINT8)], [tensor("y", 1, 3, 4, 4, kind=INT32)],
        [constant("w", 3, 2, 2, 2, kind=np.uint8)], {}, 16 * 8 * 3, 24),
    "product of integers": (
        [node("MatMulInteger", ["x", "w"], "y")], [tensor("x", 4, 5, kind=UINT8)], [tensor("y", 4, 3, kind=INT32)],
        [constant("w", 5, 3, kind=np.uint8)], {}, 60, 15),
    "quantized convolution": (
        [node("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z", "b"], "y")], [tensor("x", 1, 2, 5, 5, kind=INT8)],
        [tensor("y", 1, 3, 4, 4, kind=INT8)],
        [constant("w", 3, 2, 2, 2, kind=np.int8), constant("b", 3, kind=np.int32), *scales("s"), *zeros("z")],
        {}, 16 * 8 * 3, 27),
    "quantized product": (
        [node("QLinearMatMul", ["x", "s", "z", "w", "s", "z", "s", "z"], "y")], [tensor("x", 4, 5, kind=INT8)],
        [tensor("y", 4, 3, kind=INT8)], [constant("w", 5, 3, kind=np.int8), *scales("s"), *zeros("z")], {}, 60, 15),
    "quantize and dequantize": (
        [node("QuantizeLinear", ["x", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"], "d"),
         node("DequantizeLinear", ["w", "s", "z"], "v"), node("MatMul", ["d", "v"], "y")],
        [tensor("x", 4, 5)], [tensor("y", 4, 3)], [constant("w", 5, 3, kind=np.int8), *scales("s"), *zeros("z")],
        {}, 60, 15),
    "einsum with weights": (
        [node("Einsum", ["x", "w"], "y", equation="bik,kj->bij")], [tensor("x", 2, 4, 5)], [tensor("y", 2, 4, 3)],
        [constant("w", 5, 3)], {}, 120, 15),
    "einsum of activations": (
        [node("Einsum", ["x", "z"], "y", equation="bhik, bhjk -> bhij")], [tensor("x", 2, 3, 4, 5), tensor("z", 2, 3, 6, 5)],
        [tensor("y", 2, 3, 4, 6)], [], {}, 2 * 3 * 4 * 5 * 6, 0),
    "attention": (
        [node("Attention", ["q", "k", "v"], "y")], [tensor("q", 2, 4, 5, 8), tensor("k", 2, 2, 7, 8), tensor("v", 2, 2, 7, 6)],
        [tensor("y", 2, 4, 5, 6)], [], {"opset": 23}, 2 * 4 * 5 * 7 * (8 + 6), 0),
    "multi-head attention": (
        [node("MultiHeadAttention", ["q", "k", "v"], "y", domain="com.microsoft", num_heads=2)],
        [tensor("q", 2, 5, 8), tensor("k", 2, 7, 8), tensor("v", 2, 7, 8)], [tensor("y", 2, 5, 8)], [],
        {"domains": ["com.microsoft"]}, 2 * 2 * 5 * 7 * (4 + 4), 0),
    "fused product, then a plain one": (
        [node("FusedMatMul", ["x", "w"], "f", domain="com.microsoft", transB=1), node("MatMul", ["f", "v"], "y")],
        [tensor("x", 4, 5)], [tensor("y", 4, 2)], [constant("w", 6, 5), constant("v", 6, 2)],
        {"domains": ["com.microsoft"]}, 4 * 5 * 6 + 4 * 6 * 2, 42),
    "fused convolution": (
        [node("FusedConv", ["x", "w"], "f", domain="com.microsoft", activation="Relu", strides=[2, 2]),
         node("Conv", ["f", "v"], "y")], [tensor("x", 1, 2, 6, 6)], [tensor("y", 1, 4, 3, 3)],
        [constant("w", 3, 2, 2, 2), constant("v", 4, 3, 1, 1)], {"domains": ["com.microsoft"]}, 9 * 8 * 3 + 9 * 3 * 4, 36),
    "lstm": (
        [node("LSTM", ["x", "w", "r"], "y", hidden_size=3)], [tensor("x", 6, 2, 5)], [tensor("y", 6, 1, 2, 3)],
        [constant("w", 1, 12, 5), constant("r", 1, 12, 3)], {}, 6 * 2 * 12 * (5 + 3), 96),
    "gru of two directions, samples first": (
        [node("GRU", ["x", "w", "r"], "y", hidden_size=3, direction="bidirectional", layout=1)], [tensor("x", 2, 6, 5)],
        [tensor("y", 2, 6, 2, 3)], [constant("w", 2, 9, 5), constant("r", 2, 9, 3)], {}, 2 * 6 * 2 * 9 * (5 + 3), 144),
    "rnn": (
        [node("RNN", ["x", "w", "r"], "y", hidden_size=3)], [tensor("x", 6, 2, 5)], [tensor("y", 6, 1, 2, 3)],
        [constant("w", 1, 3, 5), constant("r", 1, 3, 3)], {}, 6 * 2 * 3 * (5 + 3), 24),
    "function of the file": (
        [node("Dense", ["x", "w"], "h", domain="own"), node("MatMul", ["h", "v"], "y")], [tensor("x", 4, 5)],
        [tensor("y", 4, 2)], [constant("w", 5, 3), constant("v", 3, 2)], {"domains": ["own"], "functions": [function()]},
        60 + 24, 21),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_counts_by_hand(name, tmp_path):
    nodes, inputs, outputs, constants, options, macs, parameters = GRAPHS[name]
    workload = load(save(model(nodes, inputs, outputs, constants, **options), tmp_path))
    assert (workload.macs, workload.parameters) == (macs, parameters)
    assert workload.missing == ()


REFUSED = {
    "no group": (node("Conv", ["x", "w"], "y", group=0), (1, 4, 5, 5), (4, 4, 3, 3),
                 "Conv Conv_y: group must be at least 1, not 0"),
    "filters": (node("Conv", ["x", "w"], "y", group=2), (1, 4, 5, 5), (3, 2, 3, 3),
                "Conv Conv_y: 3 filters must be a multiple of group 2"),
    "channels": (node("Conv", ["x", "w"], "y", group=3), (1, 4, 5, 5), (6, 2, 3, 3),
                 "Conv Conv_y: 4 channels must be a multiple of group 3"),
    "equation": (node("Einsum", ["x", "w"], "y", equation="ii,ij->j"), (5, 5), (5, 3),
                 "Einsum Einsum_y: equation ii,ij->j is not modelled: two operands, each letter once, and an output are"),
    "heads": (node("MultiHeadAttention", ["x", "x", "x"], "y", domain="com.microsoft", num_heads=3), (2, 5, 8), (1,),
              "com.microsoft.MultiHeadAttention MultiHeadAttention_y: num_heads must divide 8 and 8, not be 3"),
    "another domain": (node("MatMul", ["x", "w"], "y", domain="my.own"), (4, 5), (5, 3),
                       "my.own.MatMul MatMul_y: whether this operation holds products is not known; --allow-missing leaves it out"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_node_and_rule(name, tmp_path):
    bad, x, w, text = REFUSED[name]
    axes = {"Conv": 4, "Einsum": 1, "MultiHeadAttention": 3, "MatMul": 2}[bad.op_type]
    outputs, domains = [tensor("y", *[None] * axes)], ["com.microsoft", "my.own"]
    made = model([bad], [tensor("x", *x)], outputs, [constant("w", *w)], domains=domains)
    with pytest.raises(ValueError, match=r"^net\.onnx: ") as caught:
        load(save(made, tmp_path))
    assert str(caught.value) == f"net.onnx: {text}"
