"""Integers as the reals that they mean: the results of ONNX Runtime, or of the standard where that has no such kernel."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from hbfp.run import Network
from sim.devices import GoldenDevice
from sim.workloads import load
from tests.hbfp.run.machines import WIDE, FloatMachine
from tests.sim.graphs.graphs import constant, model, node, save, tensor

RNG = np.random.default_rng(1)
INT32 = TensorProto.INT32


def w(name, *shape, kind=np.int8):
    return constant(name, kind=kind, value=RNG.integers(-5, 6, shape) + (100 if kind == np.uint8 else 0))


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
        extra = [constant("t", value=0.2)]
    constants = [*weights, *extra, constant("s", value=0.1), constant("u", value=0.1), constant("z", kind=np.int8, value=0)]
    kind = TensorProto.INT8
    made = model([node(operation, inputs, "y")], [tensor("x", *x, kind=kind)], [tensor("y", *y, kind=kind)], constants)
    network = Network(save(made, tmp_path))
    given = {"x": RNG.integers(-20, 21, x).astype(np.int8)}
    whole, result = network.fp32(given)["y"].astype(int), network.run(given, FloatMachine()).outputs["y"].astype(int)
    assert np.abs(whole - result).max() <= 1
    assert (whole == result).mean() > 0.9


def product(x, b, zero_a, zero_b, kind_a=np.uint8, kind_b=np.int8):
    """y = (x - zero_a) (w - zero_b), and x."""
    names = ["a" if zero_a is not None else "", "z" if zero_b is not None else ""]
    points = [constant(name, kind=kind, value=value) for name, kind, value in
              zip("az", (kind_a, kind_b), (zero_a, zero_b), strict=True) if value is not None]  # fmt: skip
    given = RNG.integers(0, 60, x).astype(kind_a)
    made = model([node("MatMulInteger", ["x", "w", *names], "y")],
                 [tensor("x", *x, kind=helper.np_dtype_to_tensor_dtype(np.dtype(kind_a)))],
                 [tensor("y", *x[:-1], b[-1], kind=INT32)], [w("w", *b, kind=kind_b), *points])  # fmt: skip
    return made, given


def convolution(zero_x, zero_w, kind_w=np.int8, **attributes):
    made = model([node("ConvInteger", ["x", "w", "a", "z"], "y", pads=[1, 0, 0, 1], **attributes)],
                 [tensor("x", 2, 4, 5, 5, kind=TensorProto.UINT8)], [tensor("y", *[None] * 4, kind=INT32)],
                 [w("w", 6, 4 // attributes.get("group", 1), 2, 3, kind=kind_w), constant("a", kind=np.uint8, value=zero_x),
                  constant("z", kind=kind_w, value=zero_w)])  # fmt: skip
    return made, RNG.integers(0, 60, (2, 4, 5, 5)).astype(np.uint8)


CASES = {
    "product": product((4, 5), (5, 3), None, None),
    "product, zero points": product((4, 5), (5, 3), 20, 3),
    "product of signed ones": product((2, 4, 5), (5, 3), 20, -3, np.int8),
    "a zero point for each column": product((4, 5), (5, 3), [20], [1, -2, 3]),
    "unsigned weights": product((4, 5), (5, 3), 255, [100, 90, 80], kind_b=np.uint8),
    "a stack": product((2, 4, 5), (2, 5, 3), 20, 3),
    "a row": product((5,), (5, 3), 20, 3),
    "convolution": convolution(20, 3),
    "convolution in groups": convolution(20, 3, group=2, strides=[2, 1], dilations=[2, 1]),
    "convolution of unsigned weights": convolution(200, [100], np.uint8),
}
STANDARD = {
    "a zero point for each row": product((4, 5), (5, 3), [1, 2, 3, 4], [1, -2, 3]),
    "a stack of zero points": product((2, 4, 5), (2, 5, 3), RNG.integers(0, 9, (2, 4, 1)), RNG.integers(0, 9, (2, 1, 3))),
}
"""What ONNX Runtime's kernels do not take."""


@pytest.mark.parametrize("name", CASES)
def test_the_same_integers(name, tmp_path):
    made, x = CASES[name]
    network = Network(save(made, tmp_path))
    whole, result = network.fp32({"x": x})["y"], network.run({"x": x}, FloatMachine())
    assert result.outputs["y"].dtype == np.int32
    assert np.array_equal(result.outputs["y"], whole)
    assert sum(layer.macs for layer in result.layers) == load(network.path).macs
    wide = network.run({"x": x}, GoldenDevice(WIDE), "all-8")
    assert wide.layers[0].sqnr > 25


@pytest.mark.parametrize("name", STANDARD)
def test_the_integers_of_the_standard(name, tmp_path):
    made, x = STANDARD[name]
    network = Network(save(made, tmp_path))
    points = {tensor.name: np.array(tensor.dims) for tensor in made.graph.initializer}
    a, z = (network.constants[name].astype(int) for name in "az")
    a = a[:, np.newaxis] if len(points["a"]) == 1 else a
    assert np.array_equal(network.run({"x": x}, FloatMachine()).outputs["y"], (x - a) @ (network.constants["w"].astype(int) - z))


def test_a_zero_point_for_each_filter(tmp_path):
    made, x = convolution(20, [1, 2, 3, 4, 5, 6])
    single, _ = convolution(20, 0)
    got = Network(save(made, tmp_path)).run({"x": x}, FloatMachine()).outputs["y"]
    kept = next(tensor for tensor in made.graph.initializer if tensor.name == "w")
    shifted = constant("w", kind=np.int8, value=Network(tmp_path / "net.onnx").constants["w"] - np.arange(1, 7).reshape(6, 1, 1, 1))
    del single.graph.initializer[0]
    single.graph.initializer.append(shifted)
    assert kept.dims == shifted.dims
    (wanted,) = ReferenceEvaluator(single).run(None, {"x": x})
    assert np.array_equal(got, wanted)


def test_weights_are_constants_of_their_own(tmp_path):
    """So that a compiled program has them in blocks."""
    for name in ("product, zero points", "convolution"):
        assert all(place.weights for place in Network(save(CASES[name][0], tmp_path)).layers.values())


def test_what_is_no_integer_goes_to_the_nearest(tmp_path):
    class Inexact(FloatMachine):
        def matmul(self, a, b, **options):
            return super().matmul(a, b, **options) + np.float32(0.75)

    made, x = CASES["product"]
    network = Network(save(made, tmp_path))
    assert np.array_equal(network.run({"x": x}, Inexact()).outputs["y"], network.fp32({"x": x})["y"] + 1)
