"""Small graphs, built by hand."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["constant", "model", "node", "tensor"]


def tensor(name, *shape, kind=TensorProto.FLOAT):
    """An input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, *shape, kind=np.float32, value=None):
    """A constant of ones, or of the value."""
    return numpy_helper.from_array(np.ones(shape, kind) if value is None else np.array(value, kind), name)


def node(operation, inputs, *outputs, **attributes):
    """A node named after its operation and first output."""
    return helper.make_node(operation, inputs, list(outputs), name=f"{operation}_{outputs[0]}", **attributes)


def model(nodes, inputs, outputs, constants=(), opset=17, domains=(), functions=()):
    """A model with these opsets."""
    graph = helper.make_graph(nodes, "net", inputs, outputs, list(constants))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=10)


def save(made, folder, name="net.onnx"):
    """Path of the model's file."""
    onnx.save(made, folder / name)
    return folder / name
