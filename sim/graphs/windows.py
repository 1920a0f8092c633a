"""The kernel of a convolution's node: how it lies over its input."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Geometry", "geometry"]

Geometry = tuple[list[int], list[int], list[int]]
"""Strides, zeros before each axis and then behind each, dilations; as of ``golden.patches``."""


def geometry(values: Mapping[str, Any], size: Sequence[int], kernel: Sequence[int]) -> Geometry:
    """That of a convolution from its ``attributes``: what they leave out, and zeros by ``auto_pad``.

    Parameters
    ----------
    values
        the node's attributes.
    size, kernel
        extents of the input, and taps, along each axis.
    """
    axes = len(size)
    strides, dilations = list(values.get("strides", [1] * axes)), list(values.get("dilations", [1] * axes))
    kind = values.get("auto_pad", b"NOTSET").decode()
    if kind in ("NOTSET", "VALID"):
        return strides, list(values.get("pads", [0] * 2 * axes)) if kind == "NOTSET" else [0] * 2 * axes, dilations
    before, behind = [], []
    for extent, taps, step, dilation in zip(size, kernel, strides, dilations, strict=True):
        total = max(0, (-(-extent // step) - 1) * step + (taps - 1) * dilation + 1 - extent)
        less, more = total // 2, total - total // 2
        before.append(more if kind == "SAME_LOWER" else less)
        behind.append(less if kind == "SAME_LOWER" else more)
    return strides, before + behind, dilations
