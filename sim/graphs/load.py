"""A graph file as a model that was checked and whose shapes are known."""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from sim.graphs.inference import infer
from sim.graphs.nodes import GraphError, attributes, label, subgraphs
from sim.graphs.sizes import fix_sizes

if TYPE_CHECKING:
    import numpy as np
    from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto

__all__ = ["check_graph", "load_graph", "parse_graph"]

LARGEST = 2**31 - 1
"""Of an extent; what is larger is no tensor that could be anywhere."""
FOLDED = 1 << 22
"""Elements of a constant that is worked out beforehand, at most."""
SELECTING = ("NonZero", "Compress", "Unique")
"""Operations whose results have no known shape, and no more elements than a few times their inputs."""


def load_graph(
    path: Path, batch: int | None = None, sequence: int | None = None, sizes: Mapping[str, int] | None = None
) -> "ModelProto":
    """The model in a file: checked, functions of the file written out, constants folded, shapes inferred.

    Weights outside of the file need not be there: their shapes are in it.

    Parameters
    ----------
    path
        of the file.
    batch, sequence, sizes
        of the inputs' free extents, see ``sim.graphs.sizes.fix_sizes``.

    Returns
    -------
    onnx.ModelProto
        with the shapes that could be inferred in ``graph.value_info``.

    Raises
    ------
    ImportError
        if the package ``onnx`` is not installed.
    FileNotFoundError, GraphError
        naming the file, and what is wrong in it.
    """
    return check_graph(parse_graph(path), Path(path), batch, sequence, sizes)


def check_graph(
    model: "ModelProto", path: Path, batch: int | None = None, sequence: int | None = None,
    sizes: Mapping[str, int] | None = None,
) -> "ModelProto":  # fmt: skip
    """``load_graph`` of a model that was parsed; it is changed."""
    _within_the_file(model)
    _check(model, path)
    fix_sizes(model, path, batch, sequence, sizes or {})
    model = _inlined(model, path)
    _fold(model)
    return infer(model, path)


def parse_graph(path: Path) -> "ModelProto":
    """The model in a file as it stands there.

    Raises
    ------
    ImportError, FileNotFoundError, GraphError
        as of ``load_graph``.
    """
    path = Path(path)
    try:
        import onnx
    except ImportError as error:
        raise ImportError("the Python package onnx is not installed; run: pip install 'hbfp[graphs]'") from error
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise GraphError(f"{path.name}: is not an ONNX graph") from error
    if not model.graph.node:
        raise GraphError(f"{path.name}: is not an ONNX graph, or an empty one")
    return model


def _within_the_file(model: "ModelProto") -> None:
    """Sparse weights become dense, weights that are elsewhere inputs of their shape: neither checker takes them."""
    import onnx

    graph = model.graph
    for sparse in graph.sparse_initializer:
        value = onnx.helper.make_tensor_value_info(sparse.values.name, sparse.values.data_type, list(sparse.dims))
        graph.input.append(value)
    del graph.sparse_initializer[:]
    kept = []
    given = {value.name for value in graph.input}
    for tensor in graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            kept.append(tensor)
        elif tensor.name not in given:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _check(model: "ModelProto", path: Path) -> None:
    """Everything that can be said without shapes."""
    import onnx

    for name, extents in _extents(model.graph):
        for extent in extents:
            if not 0 <= extent <= LARGEST:
                raise GraphError(f"{path.name}: {name}: an extent must be between 0 and {LARGEST}, not {extent}")
    _check_order(model.graph, path, set())
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise GraphError(f"{path.name}: {str(error).splitlines()[0]}") from error


def _extents(graph: "GraphProto") -> Iterator[tuple[str, list[int]]]:
    for tensor in graph.initializer:
        yield tensor.name, list(tensor.dims)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.HasField("tensor_type"):
            yield value.name, [extent.dim_value for extent in value.type.tensor_type.shape.dim]


def _check_order(graph: "GraphProto", path: Path, outside: set[str]) -> None:
    """Every tensor a node takes is there, and made before; a constant is the only one of its name in sight."""
    for tensor in graph.initializer:
        if tensor.name in outside:
            raise GraphError(f"{path.name}: {graph.name}: constant {tensor.name} has the name of a tensor of the graph around it")
    made = outside | {value.name for value in (*graph.input, *graph.initializer)}
    later = {name for node in graph.node for name in node.output if name}
    for node in graph.node:
        for name in node.input:
            if name and name not in made:
                if name in later:
                    raise GraphError(f"{path.name}: {label(node)}: {name} is made from what is made of it: a cycle")
                raise GraphError(f"{path.name}: {label(node)}: {name} is no tensor of the graph")
        for inner in subgraphs(node):
            _check_order(inner, path, made)
        made.update(node.output)
        later.difference_update(node.output)


def _inlined(model: "ModelProto", path: Path) -> "ModelProto":
    """The functions of the file written out where they are called."""
    import onnx.inliner

    try:
        return onnx.inliner.inline_local_functions(model) if model.functions else model
    except RuntimeError as error:
        raise GraphError(f"{path.name}: its functions cannot be written out: {str(error).splitlines()[0]}") from error


def _fold(model: "ModelProto") -> None:
    """Small results of constants alone become constants: shapes, paddings, lengths."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    graph = model.graph
    known = {tensor.name: tensor for tensor in graph.initializer}
    small = {name for name, tensor in known.items() if onnx.numpy_helper.to_array(tensor).size <= FOLDED}
    kept = []
    for node in graph.node:
        inputs = [name for name in node.input if name]
        foldable = node.op_type != "Constant" and node.domain in ("", "ai.onnx") and not list(subgraphs(node))
        if node.op_type == "Constant" and len(node.output) == 1:
            value = _constant(node)
            if value is not None:
                known[node.output[0]] = value
                small.add(node.output[0])
        elif foldable and inputs and all(name in small and _integral(known[name]) for name in inputs):
            values = {name: onnx.numpy_helper.to_array(known[name]) for name in inputs}
            try:
                alone = _alone(node, values, model.opset_import)
                results = ReferenceEvaluator(alone).run(None, values) if _small(alone) else None
            except Exception:  # what the evaluator does not know stays as it is
                results = None
            if results is not None:
                for name, result in zip(node.output, results, strict=True):
                    known[name] = onnx.numpy_helper.from_array(result, name)
                    small.add(name)
                    graph.initializer.append(known[name])
                continue
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _constant(node: "NodeProto") -> "TensorProto | None":
    """The tensor of a ``Constant`` node, named as its output; None for other kinds of value."""
    import onnx

    values = attributes(node)
    if "value" in values:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(values["value"])
    elif "value_int" in values or "value_ints" in values:
        import numpy as np

        tensor = onnx.numpy_helper.from_array(np.array(values.get("value_int", values.get("value_ints")), np.int64))
    else:
        return None
    tensor.name = node.output[0]
    return tensor


def _integral(tensor: "TensorProto") -> bool:
    """Whether a tensor holds integers or truth values: then it is no weight."""
    import onnx

    types = onnx.TensorProto
    return tensor.data_type in (types.INT64, types.INT32, types.BOOL)


def _small(alone: "ModelProto") -> bool:
    """Whether the results of a node of constants are known to be small before they are worked out."""
    import onnx

    (node,) = alone.graph.node
    if node.op_type in SELECTING:
        return True
    for value in onnx.shape_inference.infer_shapes(alone, data_prop=True).graph.output:
        extents = value.type.tensor_type.shape.dim
        known = value.type.tensor_type.HasField("shape") and all(extent.HasField("dim_value") for extent in extents)
        if not known or prod(extent.dim_value for extent in extents) > FOLDED:
            return False
    return True


def _alone(
    node: "NodeProto", values: dict[str, "np.ndarray"], opsets: Iterable["OperatorSetIdProto"]
) -> "ModelProto":
    import onnx

    inputs = [onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
              for name, value in values.items()]  # fmt: skip
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    constants = [onnx.numpy_helper.from_array(value, name) for name, value in values.items()]  # shapes depend on them
    graph = onnx.helper.make_graph([node], "alone", inputs, outputs, constants)
    return onnx.helper.make_model(graph, opset_imports=opsets)
