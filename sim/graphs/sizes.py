"""Sizes of the extents that a graph leaves free, and of all its tensors."""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from sim.graphs.nodes import GraphError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorShapeProto, ValueInfoProto

__all__ = ["check_tensors", "fix_sizes", "graph_batch", "known_shapes", "known_values", "read_sizes"]

ELEMENTS = 1 << 31
"""Of tensors that are there together: of a network's, as far as their shapes are known, or a convolution's patches."""


def read_sizes(texts: list[str]) -> dict[str, int]:
    """Sizes as a user writes them: ``x:2=224`` for axis 2 of input x, ``tokens=128`` for an extent of that name.

    Raises
    ------
    ValueError
        naming the text.
    """
    sizes = {}
    for text in texts:
        place, equals, size = text.rpartition("=")
        if not equals or not place or not size.isascii() or not size.isdecimal() or not 0 < len(size) < 10 or not int(size):
            raise ValueError(f"size must be INPUT:AXIS=SIZE or NAME=SIZE with a positive size, not {text}")
        sizes[place] = int(size)
    return sizes


def _inputs(graph: "GraphProto") -> list["ValueInfoProto"]:
    """The graph's inputs that are tensors and no weights."""
    constants = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in constants and value.type.HasField("tensor_type")]


def graph_batch(model: "ModelProto", batch: int | None = None) -> int:
    """Samples of a pass: the first extent of the graph's first input that has two or more, else what was asked for.

    Recurrent operations take the steps first and the samples second, unless their layout says otherwise.
    """
    second = {node.input[0] for node in model.graph.node if node.op_type in ("LSTM", "GRU", "RNN")
              and not any(a.name == "layout" and a.i for a in node.attribute)}  # fmt: skip
    for value in _inputs(model.graph):
        extents = value.type.tensor_type.shape.dim
        axis = int(value.name in second)
        if len(extents) > 1 and extents[axis].dim_value:
            return int(extents[axis].dim_value)
    return batch or 1


def fix_sizes(
    model: "ModelProto", path: Path, batch: int | None, sequence: int | None, sizes: Mapping[str, int]
) -> None:
    """Give the free extents of the inputs sizes.

    ``sizes`` names an input and an axis, or an extent by its own name. Then a free first axis is the batch (1 if not
    stated), and a free second axis of an input of up to three is the sequence, with every extent of the same name. An extent
    that the file fixes may be stated as it is.

    Raises
    ------
    GraphError
        for a batch that the file contradicts; for a sequence, or a size of an input, axis or name, that is not there.
    """
    wanted = dict(sizes)
    inputs = _inputs(model.graph)
    used = set()
    names: dict[str, int] = {}
    in_sequence = sequence is None
    for value in inputs:
        extents = value.type.tensor_type.shape.dim
        for axis, extent in enumerate(extents):
            place = next((p for p in (f"{value.name}:{axis}", extent.dim_param) if p and p in wanted), None)
            if place is not None:
                used.add(place)
                if extent.dim_value and extent.dim_value != wanted[place]:
                    raise GraphError(f"{path.name}: {place} is {extent.dim_value} in the file, not {wanted[place]}")
                _set(extent, wanted[place], names)
            elif axis == 0 and not extent.dim_value:
                _set(extent, batch or 1, names)
            elif axis == 0 and len(extents) > 1 and batch is not None and extent.dim_value != batch:
                raise GraphError(f"{path.name}: batch of {value.name} is {extent.dim_value} in the file, not {batch}")
            elif axis == 1 and len(extents) <= 3 and sequence is not None and extent.dim_value in (0, sequence):
                _set(extent, sequence, names)
                in_sequence = True
    if not in_sequence:
        raise GraphError(f"{path.name}: sequence {sequence} is of no input: none of two or three axes has a free second one")
    unknown = [place for place in wanted if place not in used]
    if unknown:
        known = ", ".join(value.name for value in inputs)
        raise GraphError(f"{path.name}: size {unknown[0]} is of no input; the inputs are {known}")
    for value in (*inputs, *model.graph.output):
        for extent in value.type.tensor_type.shape.dim:
            if not extent.dim_value and extent.dim_param in names:
                _set(extent, names[extent.dim_param], names)


def _set(extent: "TensorShapeProto.Dimension", size: int, names: dict[str, int]) -> None:
    if extent.dim_param:
        names[extent.dim_param] = size
    extent.Clear()
    extent.dim_value = size


def free_extents(model: "ModelProto") -> list[str]:
    """Extents of the inputs that are still free, as ``--size`` takes them."""
    return [
        f"{value.name}:{axis}" for value in _inputs(model.graph)
        for axis, extent in enumerate(value.type.tensor_type.shape.dim) if not extent.dim_value
    ]  # fmt: skip


def known_values(graph: "GraphProto") -> Iterator[tuple["ValueInfoProto", tuple[int, ...]]]:
    """What a graph says of tensors of which all extents are known, and these."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(extent.HasField("dim_value") for extent in kind.shape.dim):
            yield value, tuple(extent.dim_value for extent in kind.shape.dim)


def known_shapes(graph: "GraphProto") -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a graph of which all extents are known."""
    return {value.name: shape for value, shape in known_values(graph)}


def check_tensors(where: str, shapes: Iterable[tuple[int, ...]]) -> None:
    """Refuse tensors that together have more than ``ELEMENTS``.

    Raises
    ------
    GraphError
        naming ``where`` they are.
    """
    total = sum(prod(shape) for shape in shapes)
    if total > ELEMENTS:
        raise GraphError(f"{where}: its tensors must have at most {ELEMENTS} elements together, not {total}")
