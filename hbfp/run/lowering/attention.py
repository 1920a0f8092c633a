# Ref: ONNX operator schemas: Attention (onnx.ai/onnx/operators); ONNX Runtime: MultiHeadAttention (docs/ContribOperators.md),
#      as its kernel for the CPU has it.
"""Attention: scores, a softmax, and what it finds among the values."""

from math import sqrt

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from hbfp.run.lowering.replacement import Lowering
from sim.graphs.nodes import GraphError, attributes, label

__all__ = ["ATTENTION"]


def _attention(at: Lowering) -> None:
    """As the standard's own function says it."""
    node = at.node
    schema = onnx.defs.get_schema("Attention", at.version)
    types = [helper.make_tensor_type_proto(TensorProto.FLOAT, at.size(name)).SerializeToString() if name
             else onnx.TypeProto().SerializeToString() for name in node.input]  # fmt: skip
    text = schema.get_context_dependent_function(  # type: ignore[attr-defined]  # not in onnx's own stubs
        node.SerializeToString(), types
    )
    body = onnx.FunctionProto.FromString(text)
    names = dict(zip(body.input, node.input, strict=False)) | dict(zip(body.output, node.output, strict=False))
    number = 0
    for made in body.node:
        made = NodeProto.FromString(made.SerializeToString())
        for places in (made.input, made.output):
            places[:] = [names.get(name, f"{at.name}/{name}") if name else "" for name in places]
        made.name = f"{at.name}/{made.op_type}{len(at.nodes)}"
        if made.op_type == "MatMul":
            number += 1
            made.name = f"{at.name}.{number}"
        at.nodes.append(made)


def _multi_head(at: Lowering) -> None:
    """Key and value may come in heads, and those of the past go before them."""
    node, values = at.node, attributes(at.node)
    heads, scale = values["num_heads"], values.get("scale", 0.0)
    _check_multi_head(at)
    batch, queries, hidden = at.size(node.input[0])
    query, key, value = (_in_heads(at, index, heads, index * hidden) for index in range(3))
    if at.given(6):
        key, value = (at.make("Concat", [at.given(past), new], axis=2) for past, new in ((6, key), (7, value)))
    for index, name in ((1, key), (2, value)):
        if _made(at, index):
            at.make("Identity", [name], node.output[index])
    total = at.size(node.input[1])[-2] + (at.size(at.given(6))[2] if at.given(6) else 0)
    scores = at.product(query, at.make("Transpose", [key], perm=[0, 1, 3, 2]), ".1")
    scores = at.make("Mul", [scores, at.constant(np.float32(scale or 1 / sqrt(hidden // heads)))])
    if at.given(5):
        scores = at.make("Add", [scores, at.given(5)])
    if at.given(4):
        scores = at.make("Add", [scores, _mask(at, batch, total, np.float32(values.get("mask_filter_value", -10000.0)))])
    if values.get("unidirectional", 0):
        later = np.arange(total) > np.arange(total - queries, total)[:, np.newaxis]
        scores = at.make("Add", [scores, at.constant(np.where(later, np.finfo(np.float32).min, np.float32(0)))])
    if _made(at, 3):
        at.make("Identity", [scores], node.output[3])
    found = at.product(at.make("Softmax", [scores], axis=-1), value, ".2")
    found = at.make("Transpose", [found], perm=[0, 2, 1, 3])
    at.make("Reshape", [found, at.constant(np.array([batch, queries, -1], np.int64))], node.output[0])


def _check_multi_head(at: Lowering) -> None:
    """Refuse what the kernel has not, or does not do as it is described: a past that is not returned, other keys than queries."""
    if any(at.given(index) for index in (8, 9)):
        text = "without past_sequence_length and cache_indirection"
    elif (at.given(6) or at.given(7)) and not (at.given(6) and at.given(7) and _made(at, 1) and _made(at, 2)):
        text = "with past_key and past_value where present_key and present_value are made of them"
    elif attributes(at.node).get("unidirectional", 0) and at.size(at.node.input[0])[1] != at.size(at.node.input[1])[-2]:
        text = "with unidirectional where there are as many keys as queries"
    else:
        return
    raise GraphError(f"{label(at.node)}: runs on a device {text}")


def _made(at: Lowering, index: int) -> bool:
    """Whether an optional output is asked for."""
    return index < len(at.node.output) and bool(at.node.output[index])


def _in_heads(at: Lowering, index: int, heads: int, start: int) -> str:
    """Query, key or value with its bias, of shape (batch, heads, length, width)."""
    name: str = at.node.input[index]
    shape = at.size(name)
    if len(shape) == 4:
        return name
    if at.given(3):
        bounds = [at.constant(np.array([bound], np.int64)) for bound in (start, start + shape[2])]
        name = at.make("Add", [name, at.make("Slice", [at.given(3), *bounds])])
    return at.make("Transpose", [at.reshape(name, [shape[0], shape[1], heads, shape[2] // heads])], perm=[0, 2, 1, 3])


def _mask(at: Lowering, batch: int, total: int, filtered: np.float32) -> str:
    """What is added to the scores: nothing where a key may be found."""
    mask, shape = at.given(4), at.size(at.given(4))
    if shape == (batch,):
        lengths = at.reshape(mask, [batch, 1, 1, 1])
        shown = at.make("Less", [at.constant(np.arange(total, dtype=np.int32)), lengths])
    elif len(shape) in (2, 3) and shape[-1] == total:
        shown = at.make("Greater", [at.reshape(mask, [batch, 1, -1, total]), at.constant(np.int32(0))])
    else:
        raise GraphError(f"{label(at.node)}: key_padding_mask must have shape ({batch}), ({batch}, {total}) or "
                         f"({batch}, queries, {total}) to run on a device, not {shape}")  # fmt: skip
    return at.make("Where", [shown, at.constant(np.float32(0)), at.constant(filtered)])


ATTENTION = {("", "Attention"): _attention, ("com.microsoft", "MultiHeadAttention"): _multi_head}
