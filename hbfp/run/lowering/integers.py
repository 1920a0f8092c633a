# Ref: ONNX operator schemas: QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger (onnx.ai/onnx/operators).
"""Operations on integers: the reals that these mean, multiplied, and rounded to integers again."""

import numpy as np
from onnx import TensorProto

from hbfp.run.lowering.replacement import Lowering
from sim.graphs.nodes import attributes

__all__ = ["INTEGERS"]


def _dequantized(at: Lowering, value: str, scale: int, zero: int, **values: int) -> str:
    inputs = [value, at.node.input[scale], at.given(zero)]
    return at.make("DequantizeLinear", [name for name in inputs if name], None, **values)


def _quantized(at: Lowering) -> None:
    """The reals that the integers mean, multiplied, and rounded to integers again."""
    convolution = at.node.op_type == "QLinearConv"
    per_channel = convolution and np.ndim(at.constants.get(at.node.input[4], 0)) == 1
    a = _dequantized(at, at.node.input[0], 1, 2)
    b = _dequantized(at, at.node.input[3], 4, 5, **({"axis": 0} if per_channel else {}))
    inputs = [a, b]
    if convolution and at.given(8):
        scale = np.asarray(at.weights(1), np.float32) * np.asarray(at.weights(4), np.float32)
        inputs.append(at.constant(at.weights(8).astype(np.float32) * scale))
    result = at.make("Conv" if convolution else "MatMul", inputs, **(attributes(at.node) if convolution else {}))
    at.nodes[-1].name = at.name
    at.make("QuantizeLinear", [result, at.node.input[6], at.node.input[7]], at.node.output[0])


def _convolved(at: Lowering) -> None:
    """Paddings are zero points, which mean zero. A filter may have a zero point of its own."""
    axes = len(at.size(at.node.input[0])) - 1
    x, w = _from_zero(at, 0, 2, []), _from_zero(at, 1, 3, [-1] + [1] * axes)
    _rounded(at, at.make("Conv", [x, w], **attributes(at.node)))


def _multiplied(at: Lowering) -> None:
    """A row of A, and a column of B, may have a zero point of its own."""
    _rounded(at, at.make("MatMul", [_from_zero(at, 0, 2, [-1, 1]), _from_zero(at, 1, 3, [-1])]))


def _from_zero(at: Lowering, index: int, zero: int, along: list[int]) -> str:
    """Integers as float32, less their zero point; of a vector of those, each is for a line in this direction."""
    value = at.make("Cast", [at.node.input[index]], to=TensorProto.FLOAT)
    if not at.given(zero):
        return value
    point = at.make("Cast", [at.given(zero)], to=TensorProto.FLOAT)
    if len(at.size(at.given(zero))) == 1 and at.size(at.given(zero)) != (1,):
        point = at.reshape(point, along)
    return at.make("Sub", [value, point])


def _rounded(at: Lowering, result: str) -> None:
    at.nodes[-1].name = at.name
    at.make("Cast", [at.make("Round", [result])], at.node.output[0], to=TensorProto.INT32)


INTEGERS = {
    ("", "QLinearConv"): _quantized, ("", "QLinearMatMul"): _quantized,
    ("", "ConvInteger"): _convolved, ("", "MatMulInteger"): _multiplied,
}  # fmt: skip
