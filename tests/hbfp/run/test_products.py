"""Products of nodes against ONNX's own definition: what a device is asked for, and what is made of its answer."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from hbfp.run.products import OPERATIONS, compute
from tests.sim.graphs.graphs import model, node, tensor

RNG = np.random.default_rng(1)


class Device:
    """Multiplies exactly enough, and notes what for."""

    def __init__(self):
        self.shapes = []

    def __call__(self, a, b, bias):
        assert a.dtype == b.dtype == np.float32
        self.shapes.append((*a.shape, b.shape[1]))
        return (a.astype(float) @ b + (0 if bias is None else bias)).astype(np.float32)


def same(operation, shapes, **attributes):
    """Whether the node gives what the definition does; the products that it asked for."""
    inputs = [RNG.normal(size=shape).astype(np.float32) for shape in shapes]
    names = [f"x{i}" for i in range(len(inputs))]
    one, device = node(operation, names, "y", **attributes), Device()
    made = model([one], [tensor(name, *x.shape) for name, x in zip(names, inputs, strict=True)], [tensor("y")])
    (wanted,) = ReferenceEvaluator(made).run(None, dict(zip(names, inputs, strict=True)))
    found = compute(one, inputs, device)
    assert found.shape == wanted.shape
    assert np.allclose(found, wanted, atol=1e-4)
    return device.shapes


@pytest.mark.parametrize(
    ("shapes", "products"),
    [
        (((3, 4), (4, 5)), [(3, 4, 5)]), (((4,), (4, 5)), [(1, 4, 5)]), (((3, 4), (4,)), [(3, 4, 1)]), (((4,), (4,)), [(1, 4, 1)]),
        (((2, 3, 4), (4, 5)), [(6, 4, 5)]), (((2, 3, 4), (2, 4, 5)), [(3, 4, 5)] * 2),
        (((2, 1, 3, 4), (1, 3, 4, 5)), [(3, 4, 5)] * 6),
    ],
)  # fmt: skip
def test_stacks_of_matrices(shapes, products):
    assert same("MatMul", shapes) == products


def test_gemm_with_a_bias():
    assert same("Gemm", ((3, 4), (4, 5), (5,))) == [(3, 4, 5)]
    assert same("Gemm", ((3, 4), (4, 5))) == [(3, 4, 5)]


@pytest.mark.parametrize(
    ("shapes", "attributes", "products"),
    [
        (((2, 3, 5, 5), (4, 3, 3, 3)), {}, [(18, 27, 4)]),
        (((1, 3, 5, 5), (4, 3, 3, 3), (4,)), {"pads": [1, 0, 2, 1]}, [(24, 27, 4)]),
        (((1, 4, 6), (6, 2, 3)), {"group": 2, "strides": [2]}, [(2, 6, 3)] * 2),
        (((1, 2, 7, 6), (3, 2, 3, 2)), {"dilations": [2, 3], "auto_pad": "VALID"}, [(9, 12, 3)]),
        (((1, 2, 5, 4), (3, 2, 3, 2)), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, [(6, 12, 3)]),
        (((1, 2, 5, 4), (3, 2, 2, 3)), {"auto_pad": "SAME_LOWER"}, [(20, 12, 3)]),
        (((1, 1, 3, 3, 3), (2, 1, 2, 2, 2)), {}, [(8, 8, 2)]),
    ],
)  # fmt: skip
def test_convolutions_are_products_of_patches(shapes, attributes, products):
    assert same("Conv", shapes, **attributes) == products


def test_these_are_all_that_a_device_computes():
    assert set(OPERATIONS) == {"Conv", "FusedMatMul", "Gemm", "MatMul"}
