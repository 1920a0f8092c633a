"""Deformed convolutions taken apart: what ONNX Runtime gives, and without offsets the bits of a plain convolution."""

import numpy as np
import pytest

from hbfp.run import Network
from sim.devices import GoldenDevice
from sim.graphs import GraphError
from sim.workloads import load
from tests.hbfp.run.machines import CONFIG, WIDE, FloatMachine
from tests.sim.graphs.graphs import constant, model, node, save, tensor

RNG = np.random.default_rng(1)


def deformed(x, weights, positions, bias=False, mask=False, spread=1.5, **attributes):
    """The graph and its inputs."""
    kernel, parts = weights[2:], attributes.get("offset_group", 1)
    shapes = {"x": x, "o": (x[0], 2 * parts * kernel[0] * kernel[1], *positions)}
    shapes |= {"m": (x[0], parts * kernel[0] * kernel[1], *positions)} if mask else {}
    names = ["x", "w", "o", *(["b" if bias else ""] if bias or mask else []), *(["m"] if mask else [])]
    constants = [constant("w", value=RNG.normal(size=weights)), constant("b", value=RNG.normal(size=weights[0]))]
    made = model([node("DeformConv", names, "y", **attributes)], [tensor(name, *shape) for name, shape in shapes.items()],
                 [tensor("y", x[0], weights[0], *positions)], constants, opset=19)  # fmt: skip
    inputs = {name: (RNG.normal(size=shape) * (spread if name == "o" else 1)).astype(np.float32) for name, shape in shapes.items()}
    return made, inputs


CASES = {
    "plain": deformed((1, 3, 5, 6), (4, 3, 3, 2), (3, 5)),
    "all at once": deformed((2, 4, 6, 7), (6, 2, 3, 2), (3, 4), True, True, group=2, offset_group=2, strides=[2, 2],
                            dilations=[1, 2], pads=[1, 1, 0, 2]),
    "far outside": deformed((1, 2, 4, 4), (3, 2, 2, 2), (3, 3), mask=True, spread=20),
    "one line": deformed((1, 2, 1, 4), (3, 2, 1, 2), (1, 3), True),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_parts_give_the_whole(name, tmp_path):
    made, x = CASES[name]
    network = Network(save(made, tmp_path))
    whole, result = network.fp32(x)["y"], network.run(x, FloatMachine())
    np.testing.assert_allclose(result.outputs["y"], whole, rtol=1e-4, atol=1e-5)
    assert sum(layer.macs for layer in result.layers) == load(network.path).macs
    assert network.run(x, GoldenDevice(WIDE), "all-8").layers[0].sqnr > 30


def test_without_offsets_it_is_a_convolution_to_the_bit(tmp_path):
    made, x = deformed((2, 4, 6, 7), (6, 2, 3, 3), (3, 4), True, group=2, strides=[2, 2], pads=[1, 1, 0, 2])
    x["o"] *= 0
    plain = model([node("Conv", ["x", "w", "b"], "y", group=2, strides=[2, 2], pads=[1, 1, 0, 2])], [tensor("x", 2, 4, 6, 7)],
                  [tensor("y", 2, 6, 3, 4)], made.graph.initializer)  # fmt: skip
    one, other = Network(save(made, tmp_path, "a.onnx")), Network(save(plain, tmp_path, "b.onnx"))
    y = other.run({"x": x["x"]}, GoldenDevice(CONFIG)).outputs["y"]
    assert np.array_equal(one.run(x, GoldenDevice(CONFIG)).outputs["y"].view(np.uint32), y.view(np.uint32))


@pytest.mark.parametrize(("attributes", "text"), [
    ({"group": 0}, "group must be at least 1, not 0"),
    ({"offset_group": 3}, "offset_group 3 must divide 4 channels, and o have two for each of 4 taps and group, not 24"),
])  # fmt: skip
def test_groups_must_fit(attributes, text, tmp_path):
    made, _ = deformed((1, 4, 4, 4), (4, 4, 2, 2), (3, 3), **attributes)
    with pytest.raises(GraphError) as caught:
        Network(save(made, tmp_path))
    assert str(caught.value) == f"net.onnx: DeformConv DeformConv_y: {text}"
