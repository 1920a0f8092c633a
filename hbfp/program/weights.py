"""What a program's graph need not hold: the FP32 form of weights that the program has in blocks."""

from onnx import GraphProto, ModelProto, SparseTensorProto, TensorProto, helper

from sim.graphs.nodes import subgraphs, walk

__all__ = ["without_packed"]

WEIGHTS = {
    "MatMul": (1,), "Gemm": (1,), "Conv": (1,), "ConvTranspose": (1,), "FusedMatMul": (1,), "FusedConv": (1,),
    "LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2),
}  # fmt: skip
"""Inputs that become B of products alone, by operation."""
MOVES = ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operations that leave the elements of their first input as they are."""


def without_packed(model: ModelProto) -> None:
    """Take the elements from all weights that are nothing but operand B of products.

    They stay as sparse tensors of their shape without elements. The model is changed.
    """
    graph = model.graph
    kept = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and _only_operands(graph, tensor.name):
            graph.sparse_initializer.append(_empty(tensor))
        else:
            kept.append(tensor)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _only_operands(graph: GraphProto, name: str) -> bool:
    """Whether all that is made of a tensor, in another order at most, are products that take it as B."""
    if name in {value.name for value in graph.output}:
        return False
    if any(name in inner.input for node in graph.node for g in subgraphs(node) for inner in walk(g)):
        return False
    for node in graph.node:
        for index in (index for index, taken in enumerate(node.input) if taken == name):
            if index in WEIGHTS.get(node.op_type, ()):
                continue
            if node.op_type not in MOVES or index or not _only_operands(graph, node.output[0]):
                return False
    return True


def _empty(tensor: TensorProto) -> SparseTensorProto:
    """A sparse tensor of this name and shape without an element."""
    values = helper.make_tensor(tensor.name, tensor.data_type, [0], [])
    return helper.make_sparse_tensor(values, helper.make_tensor(f"{tensor.name}/indices", TensorProto.INT64, [0], []), tensor.dims)
