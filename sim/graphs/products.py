# Ref: ONNX operator schemas (onnx.ai/onnx/operators); ONNX Runtime's contributed operators (ContribOperators.md)
#      for the domain com.microsoft.
"""The matrix products inside of each operation that holds some."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from sim.graphs.nodes import GraphError, attributes, label
from sim.graphs.windows import geometry
from sim.workloads.window import Window

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["MatrixProduct", "Shapes", "UnknownShapeError", "products_of"]


@dataclass(frozen=True)
class MatrixProduct:
    """``repeats`` products (m x k) (k x n), each done ``times`` one after the other.

    Attributes
    ----------
    weights
        the tensor of the operand that is constant, or None where both are activations.
    input_elements
        distinct elements behind A, if fewer than m k ``repeats``.
    window
        of a convolution over one or two axes, the kernel over the map behind each A.
    """

    m: int
    k: int
    n: int
    repeats: int = 1
    times: int = 1
    weights: str | None = None
    convolution: bool = False
    input_elements: int | None = None
    window: Window | None = None


class UnknownShapeError(GraphError):
    """A product whose sizes the graph does not tell."""


class Shapes:
    """What is known of the tensors in sight.

    Parameters
    ----------
    name
        of the file, for messages.
    sizes
        shapes by tensor; None where an extent is not known.
    constants
        tensors that are constant.
    values
        of constants of one integer.
    free
        extents of the inputs that have no size.
    """

    def __init__(
        self, name: str, sizes: dict[str, tuple[int | None, ...]], constants: set[str], values: dict[str, int],
        free: list[str],
    ):  # fmt: skip
        self.name, self.sizes, self.constants, self.values, self.free = name, sizes, constants, values, free

    def of(self, node: "NodeProto", index: int) -> tuple[int, ...]:
        """All extents of an input of a node.

        Raises
        ------
        GraphError
            if the node has no such input, or its shape is not known.
        """
        tensor = node.input[index] if index < len(node.input) else ""
        if not tensor:
            raise GraphError(f"{self.name}: {label(node)}: input {index} is missing")
        size = self.known(tensor)
        if size is None:
            advice = "export it with fixed ones"
            if self.free:
                advice = f"{', '.join(self.free)} of the inputs are free: --size {self.free[0]}=N"
            raise UnknownShapeError(f"{self.name}: {label(node)}: the shape of {tensor} is not known; {advice}")
        return size

    def known(self, tensor: str) -> tuple[int, ...] | None:
        """All extents of a tensor, if they are known."""
        size = self.sizes.get(tensor, (None,))
        known = tuple(extent for extent in size if extent is not None)
        return known if len(known) == len(size) else None

    def constant(self, node: "NodeProto", index: int) -> str | None:
        """The name of an input if it is a constant."""
        return node.input[index] if node.input[index] in self.constants else None

    def refuse(self, node: "NodeProto", text: str) -> GraphError:
        """The error of a node that breaks a rule."""
        return GraphError(f"{self.name}: {label(node)}: {text}")


def _matmul(
    shapes: Shapes, node: "NodeProto", a: int = 0, b: int = 1, flip_a: bool = False, flip_b: bool = False
) -> list[MatrixProduct]:
    """NumPy's rules: leading axes are broadcast; a vector is a row on the left, a column on the right."""
    left, right = list(shapes.of(node, a)), list(shapes.of(node, b))
    left, right = ([1, *left] if len(left) == 1 else left), ([*right, 1] if len(right) == 1 else right)
    if flip_a:
        left[-2:] = reversed(left[-2:])
    if flip_b:
        right[-2:] = reversed(right[-2:])
    if left[-1] != right[-2]:
        raise shapes.refuse(node, f"{left[-1]} columns of {node.input[a]} must be as many as {right[-2]} rows of {node.input[b]}")
    (*outer_a, m, k), (*outer_b, _, n) = left, right
    total = prod(_broadcast(shapes, node, outer_a, outer_b))
    for weights, own, rows, columns in (
        (shapes.constant(node, b), prod(outer_b), m, n), (shapes.constant(node, a), prod(outer_a), n, m),
    ):  # fmt: skip
        if weights:
            return [MatrixProduct(rows * (total // own), k, columns, own, weights=weights)]
    if prod(outer_b) == 1:
        return [MatrixProduct(total * m, k, n)]
    return [MatrixProduct(m, k, n, total)]


def _broadcast(shapes: Shapes, node: "NodeProto", a: list[int], b: list[int]) -> list[int]:
    length = max(len(a), len(b))
    a, b = [1] * (length - len(a)) + a, [1] * (length - len(b)) + b
    for x, y in zip(a, b, strict=True):
        if x != y and 1 not in (x, y):
            raise shapes.refuse(node, f"leading axes {a} and {b} do not fit together")
    return [max(x, y) for x, y in zip(a, b, strict=True)]


def _fused_matmul(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct]:
    values = attributes(node)
    for name in ("transBatchA", "transBatchB"):
        if values.get(name):
            raise shapes.refuse(node, f"{name} is not modelled")
    return _matmul(shapes, node, flip_a=bool(values.get("transA")), flip_b=bool(values.get("transB")))


def _gemm(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct]:
    values = attributes(node)
    for index in (0, 1):
        if len(shapes.of(node, index)) != 2:
            raise shapes.refuse(node, f"{node.input[index]} must be a matrix, not of shape {shapes.of(node, index)}")
    return _matmul(shapes, node, flip_a=bool(values.get("transA")), flip_b=bool(values.get("transB")))


def _groups(shapes: Shapes, node: "NodeProto", channels: int, filters: int) -> int:
    groups: int = attributes(node).get("group", 1)
    if groups < 1:
        raise shapes.refuse(node, f"group must be at least 1, not {groups}")
    for name, count in (("channels", channels), ("filters", filters)):
        if count % groups:
            raise shapes.refuse(node, f"{count} {name} must be a multiple of group {groups}")
    return groups


def _convolution(shapes: Shapes, node: "NodeProto", x: int = 0, w: int = 1) -> list[MatrixProduct]:
    batch, channels, *_ = inputs = shapes.of(node, x)
    filters, depth, *kernel = shapes.of(node, w)
    groups = _groups(shapes, node, channels, filters)
    if depth * groups != channels:
        raise shapes.refuse(node, f"{channels} channels of {node.input[x]} must be {depth} of {node.input[w]} times group {groups}")
    output = shapes.known(node.output[0])
    if output is None:
        raise UnknownShapeError(f"{shapes.name}: {label(node)}: the shape of {node.output[0]} is not known")
    size, window = inputs[2:], None
    if node.op_type != "DeformConv":  # whose taps do not lie in a window
        window = Window.of(batch, depth, size, kernel, *geometry(attributes(node), size, kernel))
    return [MatrixProduct(batch * prod(output[2:]), depth * prod(kernel), filters // groups, groups, weights=node.input[w],
                          convolution=True, input_elements=prod(inputs), window=window)]  # fmt: skip


def _transposed_convolution(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct]:
    """Each input meets each tap: a product per position, whose results are summed where they overlap."""
    batch, channels, *positions = shapes.of(node, 0)
    inputs, filters, *kernel = shapes.of(node, 1)
    if inputs != channels:
        raise shapes.refuse(node, f"{channels} channels of {node.input[0]} must be {inputs} of {node.input[1]}")
    groups = _groups(shapes, node, channels, channels)
    return [MatrixProduct(batch * prod(positions), channels // groups, filters * prod(kernel), groups, weights=node.input[1])]


GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def _recurrent(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct]:
    """All steps' inputs at once; then the state, step after step."""
    first, second, inputs = shapes.of(node, 0)
    steps, batch = (second, first) if attributes(node).get("layout", 0) else (first, second)
    directions, rows, width = shapes.of(node, 1)
    hidden = shapes.of(node, 2)[2]
    if rows != GATES[node.op_type] * hidden or width != inputs:
        raise shapes.refuse(node, f"{shapes.of(node, 1)} of {node.input[1]} does not fit {inputs} inputs and a state of {hidden}")
    return [
        MatrixProduct(steps * batch, inputs, rows, directions, weights=node.input[1]),
        MatrixProduct(batch, hidden, rows, directions, times=steps, weights=node.input[2]),
    ]


def _attention(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct]:
    """Scores, then their products with the values; keys of the past come first."""
    values = attributes(node)
    heads, sizes = [], []
    for index, name in enumerate(("q_num_heads", "kv_num_heads", "kv_num_heads")):
        shape = shapes.of(node, index)
        if len(shape) == 3:
            count = values.get(name, 0)
            if not count or shape[2] % count:
                raise shapes.refuse(node, f"{name} must divide {shape[2]}, not be {count}")
            shape = shape[0], count, shape[1], shape[2] // count
        heads.append(shape[1])
        sizes.append(shape)
    (batch, count, queries, width), (_, _, keys, _), (_, _, _, depth) = sizes
    if len(node.input) > 4 and node.input[4]:
        keys += shapes.of(node, 4)[2]
    return [MatrixProduct(queries, width, keys, batch * count), MatrixProduct(queries, keys, depth, batch * count)]


def _multi_head_attention(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct]:
    """Key and value may come in heads; those of the past come first."""
    heads = attributes(node).get("num_heads", 0)
    if any(index >= len(node.input) or not node.input[index] for index in range(3)):
        raise shapes.refuse(node, "only query, key and value apart are modelled")
    query, key, value = (shapes.of(node, index) for index in range(3))
    if len(query) != 3 or len(key) not in (3, 4) or len(value) != len(key):
        raise shapes.refuse(node, "only query of three axes, key and value of three or four are modelled")
    if heads < 1 or query[2] % heads or (len(value) == 3 and value[2] % heads):
        raise shapes.refuse(node, f"num_heads must divide {query[2]} and {value[-1]}, not be {heads}")
    repeats = query[0] * heads
    width, depth = query[2] // heads, value[2] // heads if len(value) == 3 else value[3]
    keys = key[-2]
    if len(node.input) > 6 and node.input[6]:
        past = shapes.of(node, 6)
        if len(past) != 4:
            raise shapes.refuse(node, f"{node.input[6]} must have four axes, not {len(past)}")
        keys += past[2]
    return [MatrixProduct(query[1], width, keys, repeats), MatrixProduct(query[1], keys, depth, repeats)]


def _einsum(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct]:
    equation = attributes(node)["equation"].decode().replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) == 1:
        return []
    if len(terms) != 2 or not arrow or "." in equation or any(len(set(t)) != len(t) for t in (*terms, output)):
        raise shapes.refuse(node, f"equation {equation} is not modelled: two operands, each letter once, and an output are")
    sizes: dict[str, int] = {}
    for index, term in enumerate(terms):
        sizes |= dict(zip(term, shapes.of(node, index), strict=True))
    left, right = (set(term) for term in terms)
    shared, kept = left & right, set(output)
    if not shared - kept:
        return []
    rows, columns, inner, outer = (
        prod(sizes[letter] for letter in letters)
        for letters in ((left - right) & kept, (right - left) & kept, shared - kept, shared & kept)
    )
    for weights, m, n in ((shapes.constant(node, 1), rows, columns), (shapes.constant(node, 0), columns, rows)):
        if weights:
            return [MatrixProduct(m, inner, n, outer, weights=weights)]
    return [MatrixProduct(rows, inner, columns, outer)]


Rule = Callable[[Shapes, "NodeProto"], Iterable[MatrixProduct]]
RULES: dict[tuple[str, str], Rule] = {
    ("", "MatMul"): _matmul,
    ("", "Gemm"): _gemm,
    ("", "Conv"): _convolution,
    ("", "ConvTranspose"): _transposed_convolution,
    ("", "DeformConv"): _convolution,
    ("", "ConvInteger"): _convolution,
    ("", "QLinearConv"): lambda shapes, node: _convolution(shapes, node, 0, 3),
    ("", "MatMulInteger"): _matmul,
    ("", "QLinearMatMul"): lambda shapes, node: _matmul(shapes, node, 0, 3),
    ("", "Einsum"): _einsum,
    ("", "Attention"): _attention,
    **{("", name): _recurrent for name in GATES},
    ("com.microsoft", "FusedMatMul"): _fused_matmul,
    ("com.microsoft", "FusedConv"): _convolution,
    ("com.microsoft", "MultiHeadAttention"): _multi_head_attention,
}
"""Operations that hold products, by domain and name."""

PLAIN = {"com.microsoft": {
    "BiasGelu", "FastGelu", "Gelu", "QuickGelu", "LayerNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization", "EmbedLayerNormalization", "DequantizeLinear", "QuantizeLinear", "RotaryEmbedding",
}}  # fmt: skip
"""Operations of other domains that are known to hold none. Those of the standard that have no rule hold none."""


def products_of(shapes: Shapes, node: "NodeProto") -> list[MatrixProduct] | None:
    """The products of a node; none of an operation without products; None if it is not known whether it holds some."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    rule = RULES.get((domain, node.op_type))
    if rule is not None:
        return list(rule(shapes, node))
    return [] if domain == "" or node.op_type in PLAIN.get(domain, ()) else None
