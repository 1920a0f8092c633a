"""Nodes of a graph that take the place of another."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from sim.graphs.nodes import GraphError, label

__all__ = ["Arrays", "Lowering", "numbered", "tensors"]

Arrays = dict[str, NDArray[Any]]


class Lowering:
    """Nodes that take the place of one node, with constants of their own.

    Parameters
    ----------
    node
        the node that is replaced; new names begin with its own.
    constants, sizes
        of the graph, by name.
    version
        of the standard's operator set.
    """

    def __init__(self, node: NodeProto, constants: Arrays, sizes: dict[str, tuple[int, ...]], version: int):
        self.node, self.constants, self.sizes, self.version = node, constants, sizes, version
        self.name = node.name or next(filter(None, node.output), node.op_type)
        self.nodes: list[NodeProto] = []
        self.added: Arrays = {}

    def constant(self, value: ArrayLike) -> str:
        """The name of a new constant."""
        name = f"{self.name}/constant{len(self.added)}"
        self.added[name] = np.asarray(value)
        return name

    def weights(self, index: int) -> NDArray[Any]:
        """An input that must be a constant."""
        name = self.node.input[index] if index < len(self.node.input) else ""
        if name not in self.constants:
            raise GraphError(f"{label(self.node)}: input {index} must be a constant to run on a device")
        return self.constants[name]

    def size(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, which must be known."""
        if name not in self.sizes:
            raise GraphError(f"{label(self.node)}: the shape of {name} must be known to run on a device")
        return self.sizes[name]

    def given(self, index: int) -> str:
        """The name of an optional input, or nothing."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def make(self, operation: str, inputs: Iterable[str], output: str | None = None, **values: Any) -> str:
        """Append a node with the attributes; returns its output's name."""
        return self._append(operation, inputs, [output] if output else 1, values)[0]

    def split(self, value: str, count: int, axis: int = 1) -> list[str]:
        """Append a node that cuts a tensor into equal parts; returns their names."""
        equal = {"num_outputs": count} if self.version >= 18 else {}
        return self._append("Split", [value], count, {"axis": axis, **equal})

    def _append(
        self, operation: str, inputs: Iterable[str], outputs: list[str] | int, values: Mapping[str, Any]
    ) -> list[str]:
        """A node whose outputs have these names, or so many names after its own."""
        name = f"{self.name}/{operation}{len(self.nodes)}"
        names = [f"{name}:{i}" for i in range(outputs)] if isinstance(outputs, int) else outputs
        self.nodes.append(helper.make_node(operation, list(inputs), names, name=name, **values))
        return names

    def reshape(self, value: str, shape: list[int]) -> str:
        """Append a node that gives a tensor another shape."""
        return self.make("Reshape", [value, self.constant(np.array(shape, np.int64))])

    def product(self, a: str, b: str, title: str = "") -> str:
        """Append a product named after the node, with a title of its own where there are several."""
        output = self.make("MatMul", [a, b])
        self.nodes[-1].name = self.name + title
        return output


def tensors(values: Arrays) -> list[TensorProto]:
    """Constants as initializers."""
    return [numpy_helper.from_array(value, name) for name, value in values.items()]


def numbered(name: str, names: Counter[str]) -> str:
    """The name, with a number from its second time on; it is counted among the ``names``."""
    names[name] += 1
    return name if names[name] == 1 else f"{name} [{names[name]}]"
