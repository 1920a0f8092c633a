"""Shapes of all tensors: onnx's own inference, and what it leaves open."""

from pathlib import Path
from typing import TYPE_CHECKING

from sim.graphs.nodes import GraphError, attributes, subgraphs
from sim.graphs.sizes import known_values

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

__all__ = ["infer"]

Tensor = tuple[int, tuple[int, ...]]
"""Type and shape of a tensor."""

SAME = (
    "BiasGelu", "FastGelu", "Gelu", "QuickGelu", "LayerNormalization", "SimplifiedLayerNormalization",
    "SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "RotaryEmbedding",
)  # fmt: skip
"""Operations of com.microsoft whose first result has the shape of their first input."""


def infer(model: "ModelProto", path: Path) -> "ModelProto":
    """The model with every shape that can be known.

    Raises
    ------
    GraphError
        if shapes contradict each other.
    """
    import onnx

    while True:
        try:
            model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        except onnx.shape_inference.InferenceError as error:
            text = " ".join(str(error).split()).removeprefix("[ShapeInferenceError] ")
            raise GraphError(f"{path.name}: its shapes contradict each other: {text}{_inputs(model, text)}") from error
        found = _left_open(model.graph)
        if not found:
            return model
        for name, (kind, shape) in found.items():
            _tell(model.graph, name, kind, shape)


def _inputs(model: "ModelProto", text: str) -> str:
    """The shapes of the inputs of the node that a message of onnx names, as far as they are known."""
    import onnx

    known = _known(onnx.shape_inference.infer_shapes(model, data_prop=True).graph)
    for node in model.graph.node:
        shapes = [f"{name} {'x'.join(map(str, known[name][1])) or 'scalar'}" for name in node.input if name in known]
        if node.name and f"node name: {node.name})" in text and shapes:
            return f"; inputs {', '.join(shapes)}"
    return ""


def _known(graph: "GraphProto") -> dict[str, Tensor]:
    """Type and shape of the tensors whose shape is known."""
    known = {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in graph.initializer}
    return known | {value.name: (value.type.tensor_type.elem_type, shape) for value, shape in known_values(graph)}


def _left_open(graph: "GraphProto") -> dict[str, Tensor]:
    """Results of nodes that inference does not know, where their inputs are known."""
    known = _known(graph)
    found: dict[str, Tensor] = {}
    for node in graph.node:
        if node.op_type in ("Loop", "Scan") and node.domain in ("", "ai.onnx"):
            results = _loop(node)
        elif node.domain == "com.microsoft" and all(name in known for name in node.input if name):
            if node.op_type == "MultiHeadAttention":
                results = _attention(node, known)
            else:
                results = {node.output[0]: _contributed(node, known)}
        else:
            continue
        found |= {name: result for name, result in results.items() if name not in known and result is not None}
    return found


def _attention(node: "NodeProto", known: dict[str, Tensor]) -> dict[str, Tensor | None]:
    """What is found, and keys and values with those of the past before them."""
    query, key, value, *_, past = (known.get(name, (0, ())) for name in (*node.input, *[""] * 7)[:7])
    heads = attributes(node).get("num_heads", 0)
    if len(query[1]) != 3 or len(key[1]) not in (3, 4) or len(value[1]) != len(key[1]) or len(past[1]) not in (0, 4) or heads < 1:
        return {}
    widths = [x[2] // heads if len(x) == 3 else x[3] for x in (key[1], value[1])]
    kind, (batch, queries, _) = query
    keys = key[1][-2] + (past[1][2] if past[1] else 0)
    shapes = [(batch, queries, heads * widths[1]), *((batch, heads, keys, width) for width in widths)]
    return {name: (kind, shape) for name, shape in zip(node.output, shapes, strict=False) if name}


def _contributed(node: "NodeProto", known: dict[str, Tensor]) -> Tensor | None:
    import numpy as np
    import onnx

    kind, first = known[node.input[0]]
    if node.op_type in SAME:
        return kind, first
    if node.op_type == "FusedMatMul":
        values, second = attributes(node), known[node.input[1]][1]
        a, b = ((*s[:-2], s[-1], s[-2]) if values.get(flip) else s for s, flip in ((first, "transA"), (second, "transB")))
        try:
            return kind, (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
        except ValueError:
            return None
    if node.op_type == "FusedConv":
        names = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
        values = {name: value for name, value in attributes(node).items() if name in names}
        plain = onnx.helper.make_node("Conv", list(node.input[:2]), ["result"], **values)
        inputs = [onnx.helper.make_tensor_value_info(name, *known[name]) for name in node.input[:2]]
        graph = onnx.helper.make_graph([plain], "plain", inputs, [onnx.ValueInfoProto(name="result")])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
        return _known(onnx.shape_inference.infer_shapes(model).graph).get("result")
    return None


def _loop(node: "NodeProto") -> dict[str, Tensor | None]:
    """What a loop carries keeps its shape; what it collects is not told."""
    (body,) = subgraphs(node)
    inside = _known(body)
    carried = body.output[1:] if node.op_type == "Loop" else ()
    return {name: inside.get(value.name) for name, value in zip(node.output, carried, strict=False)
            if value.name in {v.name for v in carried[: len(node.input) - 2]}}  # fmt: skip


def _tell(graph: "GraphProto", name: str, kind: int, shape: tuple[int, ...]) -> None:
    """Write down the shape of a tensor."""
    import onnx

    value = onnx.helper.make_tensor_value_info(name, kind, shape)
    for place in (graph.output, graph.value_info):
        for there in place:
            if there.name == name:
                there.CopyFrom(value)
                return
    graph.value_info.append(value)
