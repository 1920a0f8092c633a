"""Kernels of convolutions against ONNX's shape inference, and networks that walk by either way."""

from fractions import Fraction

import numpy as np
import onnx
import pytest

from hw.config import CoreConfig
from sim import Memory, estimate, load
from sim.graphs.windows import geometry
from sim.model import Rates
from sim.workloads.convolutional import cifar_resnet
from sim.workloads.window import Window
from tests.sim.graphs.graphs import constant, model, node, save, tensor


@pytest.mark.parametrize("kind", ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("attributes", [{}, {"strides": [2, 3]}, {"strides": [1, 2], "dilations": [2, 1]}])
def test_outputs_are_those_of_shape_inference(kind, attributes):
    values = attributes | ({"pads": [1, 0, 2, 3]} if kind == "NOTSET" else {"auto_pad": kind})
    made = model([node("Conv", ["x", "w"], "y", **values)], [tensor("x", 2, 3, 9, 8)], [tensor("y", 2, 4, None, None)],
                 [constant("w", 4, 3, 3, 2)])  # fmt: skip
    inferred = onnx.shape_inference.infer_shapes(made, strict_mode=True).graph.output[0].type.tensor_type.shape.dim
    found = geometry(values | ({"auto_pad": kind.encode()} if kind != "NOTSET" else {}), (9, 8), (3, 2))
    assert Window.of(2, 3, (9, 8), (3, 2), *found).out == tuple(extent.dim_value for extent in inferred[2:])


def test_zeros_are_above_and_left_or_below_and_right():
    assert geometry({"auto_pad": b"SAME_UPPER"}, (4, 4), (2, 3)) == ([1, 1], [0, 1, 1, 1], [1, 1])
    assert geometry({"auto_pad": b"SAME_LOWER"}, (4, 4), (2, 3)) == ([1, 1], [1, 1, 0, 1], [1, 1])


def graph_of(workload, folder):
    """An ONNX graph of a chain of convolutions, and a layer at its end."""
    nodes, constants, x = [], [], "x"
    for layer in workload.layers[:-1]:
        w = layer.window
        constants.append(constant(f"w_{layer.name}", layer.n, w.channels, *w.kernel))
        nodes.append(node("Conv", [x, f"w_{layer.name}"], layer.name, strides=w.strides, pads=w.pads))
        x = layer.name
    nodes += [node("GlobalAveragePool", [x], "p"), node("Flatten", ["p"], "f"), node("Gemm", ["f", "fc"], "y")]
    last, first = workload.layers[-1], workload.layers[0].window
    constants.append(constant("fc", last.k, last.n))
    inputs = [tensor("x", first.samples, first.channels, *first.size)]
    return save(model(nodes, inputs, [tensor("y", last.m, last.n)], constants), folder)


def test_a_user_s_network_walks_as_the_built_in_one(tmp_path):
    """The same rows from a table and from an ONNX file, of a machine that walks maps."""
    built_in = cifar_resnet(8)
    config = CoreConfig(block_size=16, tile_rows=4, tile_columns=4, lanes=16, features=("packed", "patches"))
    options = {"memory": Memory(patches="gathered"), "rates": Rates(operands=Fraction(1, 2)), "merge": False}
    rows, found = (estimate(net, config, **options).rows for net in (built_in, load(graph_of(built_in, tmp_path))))
    assert [(row.core, row.bytes, row.port_bound) for row in rows] == [(row.core, row.bytes, row.port_bound) for row in found]
    unfolded = estimate(built_in, config, **options | {"memory": Memory()}).rows
    assert sum(row.core.total for row in rows) < sum(row.core.total for row in unfolded)


def test_along_one_axis_a_map_has_one_row(tmp_path):
    made = model([node("Conv", ["x", "w"], "y", strides=[2], pads=[1, 0], group=2)], [tensor("x", 3, 8, 9)],
                 [tensor("y", 3, 6, None)], [constant("w", 6, 4, 3)])  # fmt: skip
    (layer,) = load(save(made, tmp_path)).layers
    assert layer.window == Window(3, 4, (1, 9), (1, 3), (1, 2), (0, 1, 0, 0))
    assert layer.window.rows == layer.m


def test_what_lies_in_no_window_has_none(tmp_path):
    made = model([node("Conv", ["x", "w"], "y")], [tensor("x", 1, 2, 3, 4, 5)], [tensor("y", 1, 3, 2, 3, 4)],
                 [constant("w", 3, 2, 2, 2, 2, kind=np.float32)])  # fmt: skip
    assert load(save(made, tmp_path)).layers[0].window is None
    assert Window.of(1, 2, (4, 4), (2, 2), (1, 1), (-1, 0, 0, 0), (1, 1)) is None
    assert Window.of(1, 2, (4, 4), (2, 2), (1, 0), (0, 0, 0, 0), (1, 1)) is None
