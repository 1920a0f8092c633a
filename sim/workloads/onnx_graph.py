# Ref: ONNX operator schemas: Conv, Gemm, MatMul (onnx.ai/onnx/operators).
"""Reader of ONNX graphs: the products of Conv, Gemm and MatMul; all else is counted as not modelled."""

from collections import Counter
from math import prod
from pathlib import Path

from sim.workloads.layer import Layer, Workload

__all__ = ["read_graph"]


class _Graph:
    """Shapes of the tensors of a graph, and which of them are constants."""

    def __init__(self, model, path: Path):
        self.path = path
        self.model = model
        graph = model.graph
        self.sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        self.constants = set(self.sizes)
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.name not in self.sizes and value.type.HasField("tensor_type"):
                self.sizes[value.name] = tuple(d.dim_value or None for d in value.type.tensor_type.shape.dim)
        for node in graph.node:
            if all(name in self.constants for name in node.input if name):
                self.constants.update(node.output)
        self.layers: list[Layer] = []
        self.used: set[str] = set()

    def shape(self, node, name: str) -> tuple[int, ...]:
        """All extents of a tensor, which must be known."""
        size = self.sizes.get(name)
        if not size or None in size:
            raise ValueError(
                f"{self.path.name}: {node.op_type} {node.name or node.output[0]}: the shape of {name} is not known; "
                "give the sizes of the graph's inputs, or export it with fixed ones"
            )
        return size

    def append(self, node, kind: str, m: int, k: int, n: int, repeats: int = 1, **details) -> None:
        """Append a layer with its weights on the right, counted once if several layers use them."""
        left, right = node.input[:2]
        if kind != "conv":
            kind = "linear" if {left, right} & self.constants else "attention"
        if left in self.constants:
            m, n, repeats, right = n * repeats, m, 1, left
        tied = kind != "attention" and right in self.used
        self.used.add(right)
        self.layers.append(Layer(node.name or node.output[0], kind, m, k, n, repeats, tied=tied, **details))


def _attributes(node) -> dict:
    import onnx

    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def _conv(graph: _Graph, node) -> None:
    groups = _attributes(node).get("group", 1)
    filters, channels, *kernel = graph.shape(node, node.input[1])
    inputs = graph.shape(node, node.input[0])
    batch, _, *positions = graph.shape(node, node.output[0])
    elements = prod(inputs)
    graph.append(
        node,
        "conv",
        batch * prod(positions),
        channels * prod(kernel),
        filters // groups,
        groups,
        input_elements=elements,
    )


def _gemm(graph: _Graph, node) -> None:
    attributes = _attributes(node)
    a, b = graph.shape(node, node.input[0]), graph.shape(node, node.input[1])
    m, k = reversed(a) if attributes.get("transA", 0) else a
    n = b[0] if attributes.get("transB", 0) else b[1]
    graph.append(node, "linear", m, k, n)


def _matmul(graph: _Graph, node) -> None:
    """Leading axes of A are further rows if B is one matrix, else independent products; a vector is a row or column."""
    a, b = graph.shape(node, node.input[0]), graph.shape(node, node.input[1])
    n = b[-1] if len(b) > 1 else 1
    if prod(b[:-2]) == 1:
        graph.append(node, "linear", prod(a[:-1]), a[-1], n)
    else:
        repeats = prod(graph.shape(node, node.output[0])) // ((a[-2] if len(a) > 1 else 1) * n)
        graph.append(node, "linear", a[-2] if len(a) > 1 else 1, a[-1], n, repeats)


_MODELLED = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}


def _fix_inputs(model, batch: int, sequence: int | None) -> None:
    """Give the symbolic extents of the inputs sizes: the first axis is the batch, any other the sequence."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants or not value.type.HasField("tensor_type"):
            continue
        for axis, extent in enumerate(value.type.tensor_type.shape.dim):
            size = batch if axis == 0 else sequence
            if not extent.dim_value and size is not None:
                extent.Clear()
                extent.dim_value = size


def _load(path: Path):
    try:
        import onnx
    except ImportError as error:
        raise ImportError("the Python package onnx is not installed; run: pip install onnx") from error
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise ValueError(f"{path.name}: is not an ONNX graph") from error
    if not model.graph.node:
        raise ValueError(f"{path.name}: is not an ONNX graph, or an empty one")
    return model


def _infer(model, path: Path):
    import onnx

    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=False, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(f"{path.name}: its shapes contradict each other: {str(error).splitlines()[0]}") from error


def read_graph(path: Path, batch: int = 1, sequence: int | None = None) -> Workload:
    """A workload from an ONNX graph.

    Symbolic extents of the graph's inputs are set to ``batch`` (first axis) and ``sequence`` (others). Products with a
    constant second operand are layers with weights. The first product is the first layer, the last the last; operators
    without a product model, those inside of control flow included, are listed in ``not_modelled``.

    Raises
    ------
    ImportError
        if the package ``onnx`` is not installed.
    ValueError
        if the file is not a graph, holds no product, or a product's shape cannot be inferred.
    """
    path = Path(path)
    model = _load(path)
    _fix_inputs(model, batch, sequence)
    graph = _Graph(_infer(model, path), path)
    others: Counter[str] = Counter()
    for node in graph.model.graph.node:
        if node.op_type in _MODELLED and not all(name in graph.constants for name in node.input if name):
            _MODELLED[node.op_type](graph, node)
        elif node.op_type not in ("Constant", "Identity"):
            others[node.op_type] += 1
    if not graph.layers:
        raise ValueError(f"{path.name} has no layer that is a matrix product")
    layers = [*graph.layers]
    layers[0] = Layer(**vars(layers[0]) | {"first": True, "input_gradient": not layers[0].weights})
    layers[-1] = Layer(**vars(layers[-1]) | {"last": True})
    floats = sum(prod(tensor.dims) for tensor in graph.model.graph.initializer if tensor.data_type in (1, 10, 11, 16))
    rest = max(0, floats - sum(layer.parameters for layer in layers))
    return Workload(path.stem, tuple(layers), batch, rest, not_modelled=dict(sorted(others.items())))
