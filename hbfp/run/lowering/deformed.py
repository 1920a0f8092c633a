# Ref: ONNX operator schema: DeformConv (onnx.ai/onnx/operators); Dai et al., Deformable Convolutional Networks, 2017.
"""Convolutions whose taps lie where their offsets say: each is interpolated between four elements, then multiplied."""

from math import prod

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from hbfp.run.lowering.replacement import Lowering
from sim.graphs.nodes import GraphError, attributes, label

__all__ = ["DEFORMED"]


def _deformed(at: Lowering) -> None:
    """Patches with channels innermost, as a convolution has them, times the filters of their group."""
    node, values = at.node, attributes(at.node)
    batch, channels, *size = at.size(node.input[0])
    filters, depth, *kernel = at.size(node.input[1])
    _, _, *positions = at.size(node.input[2])
    if len(size) != 2 or at.version < 19:
        raise GraphError(f"{label(node)}: runs on a device with two axes")
    parts, lines = values.get("offset_group", 1), at.size(node.input[2])[1]
    if parts < 1 or channels % parts or lines != 2 * parts * prod(kernel):
        raise GraphError(f"{label(node)}: offset_group {parts} must divide {channels} channels, and {node.input[2]} have two "
                         f"for each of {prod(kernel)} taps and group, not {lines}")  # fmt: skip
    groups, taps, count = values.get("group", 1), prod(kernel), prod(positions)
    patches = _sampled(at, batch, channels, size, kernel, positions)
    # (batch, parts, channels of a part, taps, positions) into (groups, batch * positions, taps * channels of a group).
    patches = at.reshape(patches, [batch, groups, channels // groups, taps, count])
    patches = at.make("Transpose", [patches], perm=[1, 0, 4, 3, 2])
    patches = at.reshape(patches, [groups, batch * count, taps * depth])
    w = at.reshape(node.input[1], [groups, filters // groups, depth, taps])
    w = at.reshape(at.make("Transpose", [w], perm=[0, 3, 2, 1]), [groups, taps * depth, filters // groups])
    if groups == 1:
        patches, w = at.reshape(patches, [batch * count, -1]), at.reshape(w, [taps * depth, filters])
    result = at.reshape(at.product(patches, w), [groups, batch, count, filters // groups])
    result = at.make("Transpose", [result], perm=[1, 0, 3, 2])
    shape = at.constant(np.array([batch, filters, *positions], np.int64))
    biased = at.given(3)
    result = at.make("Reshape", [result, shape], None if biased else node.output[0])
    if biased:
        at.make("Add", [result, at.reshape(biased, [filters, 1, 1])], node.output[0])


def _sampled(
    at: Lowering, batch: int, channels: int, size: list[int], kernel: list[int], positions: list[int]
) -> str:
    """Elements under the taps, shape (batch, parts, channels of a part, taps * positions)."""
    values, node = attributes(at.node), at.node
    parts, taps, count = values.get("offset_group", 1), prod(kernel), prod(positions)
    strides, dilations = values.get("strides", [1, 1]), values.get("dilations", [1, 1])
    pads = values.get("pads", [0] * 4)
    offsets = at.reshape(node.input[2], [batch, parts, taps, 2, count])
    lines, shares, inside = [], [], []
    for axis in range(2):
        offset = at.make("Gather", [offsets, at.constant(np.int64(axis))], axis=3)
        place = at.make("Add", [offset, at.constant(_places(axis, kernel, positions, strides, dilations, pads))])
        first = at.make("Floor", [place])
        share = at.make("Sub", [place, first])
        shares.append([at.make("Sub", [at.constant(np.float32(1)), share]), share])
        ends = [first, at.make("Add", [first, at.constant(np.float32(1))])]
        low, high = at.constant(np.float32(0)), at.constant(np.float32(size[axis] - 1))
        clipped = [at.make("Clip", [end, low, high]) for end in ends]
        inside.append([at.make("Equal", [end, kept]) for end, kept in zip(ends, clipped, strict=True)])
        lines.append([at.make("Cast", [kept], to=TensorProto.INT64) for kept in clipped])
    x = at.reshape(node.input[0], [batch, parts, channels // parts, size[0] * size[1]])
    mask = at.reshape(at.given(4), [batch, parts, taps, count]) if at.given(4) else ""
    shape = at.constant(np.array([batch, parts, channels // parts, taps * count], np.int64))
    total = ""
    for row in range(2):
        for column in range(2):
            share = at.make("Mul", [shares[0][row], shares[1][column]])
            share = at.make("Mul", [share, mask]) if mask else share
            there = at.make("And", [inside[0][row], inside[1][column]])
            share = at.make("Where", [there, share, at.constant(np.float32(0))])
            index = at.make("Add", [at.make("Mul", [lines[0][row], at.constant(np.int64(size[1]))]), lines[1][column]])
            index = at.make("Expand", [at.reshape(index, [batch, parts, 1, taps * count]), shape])
            found = at.make("GatherElements", [x, index], axis=3)
            found = at.make("Mul", [found, at.reshape(share, [batch, parts, 1, taps * count])])
            total = at.make("Add", [total, found]) if total else found
    return total


def _places(
    axis: int, kernel: list[int], positions: list[int], strides: list[int], dilations: list[int], pads: list[int]
) -> NDArray[np.float32]:
    """Where each tap of each position would lie without its offset, along an axis: shape (taps, positions)."""
    tap, position = (np.indices(extents)[axis].reshape(-1) for extents in (kernel, positions))
    places: NDArray[np.integer] = tap[:, np.newaxis] * dilations[axis] + position * strides[axis] - pads[axis]
    return places.astype(np.float32)


DEFORMED = {("", "DeformConv"): _deformed}
