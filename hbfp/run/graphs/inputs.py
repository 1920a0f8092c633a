"""Inputs of a network: whether given arrays are what its graph says, and arrays that are."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import ValueInfoProto

from hbfp.run.lowering.replacement import Arrays

__all__ = ["check_inputs", "zeros"]


def check_inputs(wanted: Sequence[ValueInfoProto], given: Mapping[str, ArrayLike], where: str) -> None:
    """Refuse arrays of other names, types or shapes.

    Raises
    ------
    ValueError
        naming ``where``, the input, and what it must be.
    """
    for value in wanted:
        kind = value.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
        if value.name not in given:
            raise ValueError(f"{where}: input {value.name} is missing; given are {', '.join(given) or 'none'}")
        got = np.asarray(given[value.name])
        if got.dtype != dtype:
            raise ValueError(f"{where}: input {value.name} must be {dtype}, not {got.dtype}")
        if len(shape) != got.ndim or any(x not in (None, 0, y) for x, y in zip(shape, got.shape, strict=True)):
            text = "x".join("?" if x is None else str(x) for x in shape) or "a scalar"
            raise ValueError(f"{where}: input {value.name} must have shape {text}, not {got.shape}")
    for name in given:
        if name not in {value.name for value in wanted}:
            known = ", ".join(value.name for value in wanted)
            raise ValueError(f"{where}: there is no input {name}; the inputs are {known}")


def zeros(wanted: Sequence[ValueInfoProto], where: str) -> Arrays:
    """Inputs of nothing but zeros.

    Raises
    ------
    ValueError
        for an input whose shape is not known.
    """
    inputs: Arrays = {}
    for value in wanted:
        kind = value.type.tensor_type
        shape = [extent.dim_value for extent in kind.shape.dim]
        if 0 in shape:
            raise ValueError(f"{where}: input {value.name} must have a known shape: --batch, --sequence or --size")
        inputs[value.name] = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return inputs
