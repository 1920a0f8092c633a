# Ref: ONNX operator schemas: Gemm, Einsum, ConvTranspose (onnx.ai/onnx/operators).
"""Operations that hold products beside other things, as plain products and the rest."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from math import prod

import numpy as np
from onnx import NodeProto

from hbfp.run.lowering.attention import ATTENTION
from hbfp.run.lowering.deformed import DEFORMED
from hbfp.run.lowering.integers import INTEGERS
from hbfp.run.lowering.recurrent import RECURRENT
from hbfp.run.lowering.replacement import Arrays, Lowering, numbered
from sim.graphs.nodes import GraphError, attributes, label

__all__ = ["lower"]

def _gemm(at: Lowering) -> None:
    """Only a product and a bias per column is left to the device."""
    values, node = attributes(at.node), at.node
    flips = {name: values.get(name, 0) for name in ("transA", "transB")}
    result = at.make("Gemm", node.input[:2], None, **flips)
    at.nodes[-1].name = at.name
    if values.get("alpha", 1.0) != 1:
        result = at.make("Mul", [result, at.constant(np.float32(values["alpha"]))])
    addend = at.given(2)
    if addend and values.get("beta", 1.0) != 1:
        addend = at.make("Mul", [addend, at.constant(np.float32(values["beta"]))])
    at.make("Add" if addend else "Identity", [result, addend] if addend else [result], node.output[0])


def _simple_gemm(node: NodeProto, constants: Arrays) -> bool:
    values = attributes(node)
    bias = constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    plain_bias = len(node.input) < 3 or not node.input[2] or (bias is not None and bias.ndim == 1 and bias.size > 1)
    return values.get("alpha", 1.0) == 1 and values.get("beta", 1.0) == 1 and plain_bias


def _fused_matmul(at: Lowering) -> None:
    values = attributes(at.node)
    result = at.make("FusedMatMul", at.node.input, domain=at.node.domain, **(values | {"alpha": 1.0}))
    at.nodes[-1].name = at.name
    at.make("Mul", [result, at.constant(np.float32(values.get("alpha", 1.0)))], at.node.output[0])


def _fused_conv(at: Lowering) -> None:
    values = attributes(at.node)
    kind = values.pop("activation", b"").decode()
    if kind not in ("Relu", "Tanh", "Sigmoid") or at.given(3):
        raise GraphError(f"{label(at.node)}: activation must be Relu, Tanh or Sigmoid without a sum, not {kind or 'none'}")
    values.pop("activation_params", None)
    result = at.make("Conv", [name for name in at.node.input[:3] if name], **values)
    at.nodes[-1].name = at.name
    at.make(kind, [result], at.node.output[0])


def _einsum(at: Lowering) -> None:
    """Two operands: axes in the order shared, own, reduced; a product; and the axes of the result."""
    terms, _, output = attributes(at.node)["equation"].decode().replace(" ", "").partition("->")
    left, right = terms.split(",")
    outer = [c for c in output if c in left and c in right]
    rows, columns = ([c for c in output if c in own and c not in other] for own, other in ((left, right), (right, left)))
    inner = [c for c in left if c in right and c not in output]
    if set(left + right) - set(output) - set(inner):
        raise GraphError(f"{label(at.node)}: a letter that is in one operand alone must be in the output to run on a device")
    extents: dict[str, int] = {}
    for term, name in zip((left, right), at.node.input, strict=True):
        extents |= dict(zip(term, at.size(name), strict=True))
    size = {name: prod(extents[c] for c in axes) for name, axes in
            (("outer", outer), ("rows", rows), ("inner", inner), ("columns", columns))}  # fmt: skip

    def matrix(operand: str, term: str, axes: list[str], *shape: str) -> str:
        ordered = at.make("Einsum", [operand], equation=f"{term}->{''.join(axes)}")
        return at.reshape(ordered, [size[name] for name in shape])

    a = matrix(at.node.input[0], left, outer + rows + inner, "outer", "rows", "inner")
    b = matrix(at.node.input[1], right, outer + inner + columns, "outer", "inner", "columns")
    result = at.reshape(at.product(a, b), [extents[c] for c in outer + rows + columns])
    at.make("Einsum", [result], at.node.output[0], equation=f"{''.join(outer + rows + columns)}->{output}")


def _transposed_convolution(at: Lowering) -> None:
    """Each position's channels times the taps of every filter; the results are summed where they lie."""
    values, node = attributes(at.node), at.node
    w = at.weights(1)
    if values.get("group", 1) != 1 or values.get("auto_pad", b"NOTSET") != b"NOTSET" or at.version < 18:
        raise GraphError(f"{label(node)}: runs on a device with one group, explicit paddings and operator set 18 or later")
    channels, taps = len(w), w.shape[2:]
    batch, _, *size = at.size(node.input[0])
    axes = len(size)
    rows = at.make("Transpose", [node.input[0]], perm=[0, *range(2, 2 + axes), 1])
    rows = at.reshape(rows, [batch * prod(size), channels])
    result = at.product(rows, at.constant(w.reshape(channels, -1)))
    result = at.make("Transpose", [at.reshape(result, [batch, prod(size), -1])], perm=[0, 2, 1])
    shape, block = (at.constant(np.array(extents, np.int64)) for extents in (at.size(node.output[0])[2:], taps))
    kept = {name: values[name] for name in ("dilations", "pads", "strides") if name in values}
    result = at.make("Col2Im", [result, shape, block], None if at.given(2) else node.output[0], **kept)
    if at.given(2):
        bias = at.constant(at.weights(2).reshape(-1, *[1] * axes))
        at.make("Add", [result, bias], node.output[0])


RULES: dict[tuple[str, str], Callable[[Lowering], None]] = {
    ("com.microsoft", "FusedMatMul"): _fused_matmul,
    ("com.microsoft", "FusedConv"): _fused_conv,
    ("", "Einsum"): _einsum,
    ("", "ConvTranspose"): _transposed_convolution,
    **ATTENTION,
    **DEFORMED,
    **INTEGERS,
    **RECURRENT,
}


def lower(
    nodes: Iterable[NodeProto], constants: Arrays, sizes: dict[str, tuple[int, ...]], version: int, allow_missing: bool = False
) -> Iterator[tuple[NodeProto, Arrays]]:
    """Nodes with all composite ones replaced, each with the constants it brings.

    Parameters
    ----------
    nodes
        of the graph, in order.
    constants, sizes
        by name.
    version
        of the standard's operator set.
    allow_missing
        leave composite operations that cannot be taken apart as they are.

    Raises
    ------
    GraphError
        for a composite operation in a form that cannot be taken apart, unless it may be missing.
    """
    names: Counter[str] = Counter()
    for node in nodes:
        rule = RULES.get(("" if node.domain == "ai.onnx" else node.domain, node.op_type))
        if node.op_type == "Gemm" and not _simple_gemm(node, constants):
            rule = _gemm
        if node.op_type == "Einsum" and len(attributes(node)["equation"].split(b",")) != 2:
            rule = None
        if rule is None:
            yield node, {}
            continue
        at = Lowering(node, constants, sizes, version)
        at.name = numbered(at.name, names)
        try:
            rule(at)
        except GraphError:
            if not allow_missing:
                raise
            yield node, {}
            continue
        added = at.added
        for made in at.nodes:
            yield made, added
            added = {}
