"""Constants of graphs, wherever they are, and a model with all of them inside."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto

from hbfp.run.lowering.replacement import Arrays, tensors
from sim.graphs.nodes import GraphError, subgraphs
from sim.graphs.sizes import check_tensors

__all__ = ["complete", "read_constants", "read_inner"]


def read_constants(graph: GraphProto, path: Path, sparse: bool = True) -> Arrays:
    """Constants of a graph by name, those in other files beside ``path`` included, and sparse ones dense.

    Raises
    ------
    GraphError
        for weights that cannot be read.
    """
    found: Arrays = {}
    for tensor in graph.initializer:
        try:
            found[tensor.name] = onnx.numpy_helper.to_array(tensor, str(path.parent))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise GraphError(f"{path.name}: weights {tensor.name} cannot be read: {error}") from None
    for one in graph.sparse_initializer if sparse else ():
        check_tensors(path.name, [tuple(one.dims)])
        dense = np.zeros(list(one.dims), onnx.helper.tensor_dtype_to_np_dtype(one.values.data_type))
        dense.reshape(-1)[onnx.numpy_helper.to_array(one.indices)] = onnx.numpy_helper.to_array(one.values)
        found[one.values.name] = dense
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    return found


def read_inner(model: ModelProto, path: Path) -> None:
    """Take what constants of graphs inside of nodes have in other files into the model, which is changed.

    Raises
    ------
    GraphError
        as of ``read_constants``.
    """
    for graph in _inner(model.graph):
        elsewhere = {tensor.name for tensor in graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL}
        values = read_constants(graph, path, sparse=False) if elsewhere else {}
        for tensor in graph.initializer:
            if tensor.name in elsewhere:
                tensor.CopyFrom(onnx.numpy_helper.from_array(values[tensor.name], tensor.name))


def _inner(graph: GraphProto) -> Iterator[GraphProto]:
    for node in graph.node:
        for inner in subgraphs(node):
            yield inner
            yield from _inner(inner)


def complete(whole: ModelProto, constants: Arrays) -> ModelProto:
    """The model with all its constants inside, as ONNX Runtime takes it; it is changed."""
    del whole.graph.sparse_initializer[:]
    made = {name for node in whole.graph.node for name in node.output}
    kept = tensors({name: value for name, value in constants.items() if name not in made})
    del whole.graph.initializer[:]
    whole.graph.initializer.extend(kept)
    return whole
