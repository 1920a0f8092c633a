"""The products of a node, on a device."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

import golden
from golden.layers.convolution import output_size
from sim.graphs.nodes import GraphError, attributes, label
from sim.graphs.sizes import check_tensors
from sim.graphs.windows import Geometry, geometry

__all__ = ["OPERATIONS", "compute"]

Array = NDArray[np.float32]
Multiply = Callable[[Array, Array, Array | None], Array]
Convolve = Callable[[Array, Array, Array | None, Geometry], Array]
Attributes = dict[str, Any]


def compute(node: NodeProto, inputs: list[Array], multiply: Multiply, convolve: Convolve | None = None) -> Array:
    """The result of a node that is nothing but products, and a bias per column.

    Parameters
    ----------
    node
        of one of ``OPERATIONS``.
    inputs
        its inputs, float32.
    multiply
        a function of matrices A and B and the bias that does the products.
    convolve
        one of a map, filters, the bias and the geometry of the kernel, with a row of results for each position (default: a
        product of patches).

    Raises
    ------
    GraphError
        for inputs that are not float32.
    """
    for name, value in zip(node.input, inputs, strict=False):
        if value.dtype != np.float32:
            raise GraphError(f"{label(node)}: {name} must be float32 to run on a device, not {value.dtype}")
    product = (convolve or partial(_unfolded, multiply)) if node.op_type == "Conv" else multiply
    return OPERATIONS[node.op_type](attributes(node) | {"label": label(node)}, inputs, product)


def _unfolded(multiply: Multiply, x: Array, w: Array, bias: Array | None, of_kernel: Geometry) -> Array:
    return multiply(golden.patches(x, w.shape[2:], *of_kernel), golden.filters(w), bias)


def _gemm(values: Attributes, inputs: list[Array], multiply: Multiply) -> Array:
    a, b, *bias = inputs
    a, b = a.T if values.get("transA") else a, b.T if values.get("transB") else b
    return multiply(a, b, bias[0] if bias else None)


def _matmul(values: Attributes, inputs: list[Array], multiply: Multiply) -> Array:
    """Leading axes of A are rows where B is one matrix; otherwise one product after another."""
    a, b = (np.swapaxes(x, -1, -2) if values.get(flip) else x for x, flip in zip(inputs, ("transA", "transB"), strict=True))
    vector_a, vector_b = a.ndim == 1, b.ndim == 1
    a, b = a[np.newaxis] if vector_a else a, b[:, np.newaxis] if vector_b else b
    outer = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if prod(b.shape[:-2]) == 1:
        result = multiply(a.reshape(-1, a.shape[-1]), b.reshape(b.shape[-2:]), None)
    else:
        pairs = zip(*(np.broadcast_to(x, outer + x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (a, b)), strict=True)
        parts = [multiply(one, other, None) for one, other in pairs]
        result = np.stack(parts) if parts else np.zeros(0, np.float32)
    result = result.reshape(*outer, a.shape[-2], b.shape[-1])
    result = result[..., 0, :] if vector_a else result
    return result[..., 0] if vector_b else result


def _convolution(values: Attributes, inputs: list[Array], convolve: Convolve) -> Array:
    """Each group's channels with its filters."""
    x, w, *bias = inputs
    axes, groups = x.ndim - 2, values.get("group", 1)
    kernel = w.shape[2:]
    strides, pads, dilations = geometry(values, x.shape[2:], kernel)
    positions = output_size(x.shape[2:], kernel, strides, pads, dilations)
    padded = [n + before + behind for n, before, behind in zip(x.shape[2:], pads[:axes], pads[axes:], strict=True)]
    rows, taps = len(x) * prod(positions), x.shape[1] // groups * prod(kernel)
    check_tensors(values["label"], [(*x.shape[:2], *padded), (rows, taps), (rows, len(w))])
    parts = []
    biases = np.split(bias[0], groups) if bias else [None] * groups
    for part, weights, addend in zip(np.split(x, groups, 1), np.split(w, groups), biases, strict=True):
        parts.append(convolve(np.ascontiguousarray(part), weights, addend, (strides, pads, dilations)))
    result = np.concatenate(parts, 1).reshape(len(x), *positions, len(w))
    return np.ascontiguousarray(np.moveaxis(result, -1, 1))


OPERATIONS: dict[str, Callable[[Attributes, list[Array], Any], Array]] = {
    "MatMul": _matmul, "FusedMatMul": _matmul, "Gemm": _gemm, "Conv": _convolution,
}  # fmt: skip
"""What runs on a device as it is."""
