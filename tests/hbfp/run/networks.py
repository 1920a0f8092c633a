"""Networks to run: a plain one, and such with graphs inside of nodes."""

import numpy as np
from onnx import TensorProto, helper

from tests.sim.graphs.graphs import constant, model, node, tensor

__all__ = ["NETWORKS", "body", "branched", "growing", "inputs_of", "integer", "looped", "residual"]

BOOL, INT64 = TensorProto.BOOL, TensorProto.INT64


def w(name, *shape):
    """The same for the same name, whatever was made before."""
    return constant(name, value=np.random.default_rng(list(name.encode())).normal(size=shape) * 0.5)


def integer(name, value):
    return constant(name, kind=np.int64, value=value)


def body(nodes, inputs, outputs, constants=(), name="body"):
    return helper.make_graph(nodes, name, inputs, outputs, list(constants))


def residual():
    """Two convolutions with a shortcut, attention over positions, and a head."""
    nodes = [
        node("Conv", ["x", "w1", "b1"], "c1", pads=[1, 1, 1, 1]), node("Relu", ["c1"], "r1"),
        node("Conv", ["r1", "w2"], "c2", pads=[1, 1, 1, 1], group=2), node("Add", ["c2", "r1"], "s"),
        node("Reshape", ["s", "shape"], "t"), node("Transpose", ["t"], "tt", perm=[0, 2, 1]),
        node("MatMul", ["tt", "t"], "scores"), node("Softmax", ["scores"], "p"), node("MatMul", ["p", "tt"], "mixed"),
        node("ReduceMean", ["mixed"], "m", axes=[1], keepdims=0), node("Gemm", ["m", "w3", "b3"], "y"),
    ]  # fmt: skip
    rng = np.random.default_rng(2)
    shapes = {"w1": (4, 3, 3, 3), "b1": (4,), "w2": (4, 2, 3, 3), "w3": (4, 5), "b3": (5,)}
    constants = [constant(name, value=rng.normal(size=shape) * 0.3) for name, shape in shapes.items()]
    made = [tensor("y", 2, 5)]
    return model(nodes, [tensor("x", 2, 3, 5, 5)], made, [*constants, integer("shape", [2, 4, 25])])


def looped(count="n", condition="", nodes=None, extra=(), more=()):
    """h = tanh(h r + x) in turns, every h collected; x and r are from outside."""
    inside = body(
        nodes or [node("MatMul", ["h", "r"], "k"), node("Add", ["k", "x"], "s"), node("Tanh", ["s"], "t"),
                  node("Identity", ["t"], "u"), node("Identity", ["go"], "on")],
        [tensor("i", kind=INT64), tensor("go", kind=BOOL), tensor("h", 3, 4)],
        [tensor("on", kind=BOOL), tensor("t", 3, 4), tensor("u", 3, 4)], extra,
    )  # fmt: skip
    nodes = [node("Loop", [count, condition, "x"], "z", "all", body=inside), node("MatMul", ["z", "v"], "y")]
    constants = [w("r", 4, 4), w("v", 4, 2), integer("n", 3), constant("yes", kind=np.bool_, value=True), *more]
    return model(nodes, [tensor("x", 3, 4)], [tensor("y", 3, 2), tensor("all", None, 3, 4)], constants)


def stopped():
    """A loop that stops by itself in its third turn: the sum of h has grown beyond any bound."""
    nodes = [node("MatMul", ["h", "r"], "k"), node("Add", ["k", "x"], "t"), node("Identity", ["t"], "u"),
             node("Less", ["i", "two"], "on")]  # fmt: skip
    return looped("nine", "yes", nodes, more=[integer("nine", 9), integer("two", 2)])


def branched(taken):
    """A product, or two small ones, one after the other."""
    one = body([node("MatMul", ["x", "w"], "a")], [], [tensor("a", 3, 4)], name="one")
    other = body([node("MatMul", ["x", "u"], "b"), node("Relu", ["b"], "c"), node("MatMul", ["c", "inside"], "d")], [],
                 [tensor("d", 3, 4)], [w("inside", 1, 4)], "other")  # fmt: skip
    nodes = [node("If", ["choice"], "h", then_branch=one, else_branch=other), node("MatMul", ["h", "v"], "y")]
    constants = [w("w", 4, 4), w("u", 4, 1), w("v", 4, 2), constant("choice", kind=np.bool_, value=taken)]
    return model(nodes, [tensor("x", 3, 4)], [tensor("y", 3, 2)], constants)


def scanned():
    """A recurrence over the columns of x, the last one first, and over rows of a second sequence beside them."""
    inside = body(
        [node("Unsqueeze", ["column", "zero"], "row"), node("MatMul", ["row", "w"], "a"), node("MatMul", ["h", "r"], "b"),
         node("Add", ["a", "b"], "s"), node("Add", ["s", "step"], "p"), node("Tanh", ["p"], "t"), node("Add", ["m", "t"], "next"),
         node("Squeeze", ["t", "zero"], "out"), node("Identity", ["a"], "other")],
        [tensor("h", 1, 4), tensor("m", 1, 4), tensor("column", 3), tensor("step", 4)],
        [tensor("t", 1, 4), tensor("next", 1, 4), tensor("out", 4), tensor("other", 1, 4)], [integer("zero", [0])],
    )  # fmt: skip
    nodes = [node("Scan", ["h0", "h0", "x", "steps"], "last", "sum", "all", "others", body=inside, num_scan_inputs=2,
                  scan_input_axes=[-1, 0], scan_input_directions=[1, 0], scan_output_axes=[1, -1], scan_output_directions=[0, 1])]
    constants = [w("w", 3, 4), w("r", 4, 4), w("h0", 1, 4), w("steps", 5, 4)]
    outputs = [tensor("last", 1, 4), tensor("sum", 1, 4), tensor("all", 4, 5), tensor("others", 1, 4, 5)]
    return model(nodes, [tensor("x", 3, 5)], outputs, constants)


def nested():
    """A loop of branches of scans, which take tensors from every graph around them, and a node with composite products."""
    step = body([node("MatMul", ["part", "g"], "q"), node("Add", ["q", "state"], "r2"), node("Identity", ["r2"], "r3")],
                [tensor("state", 4), tensor("part", 4)], [tensor("r2", 4), tensor("r3", 4)], name="step")  # fmt: skip
    yes = body([node("Scan", ["bias", "h"], "sl", "sa", body=step, num_scan_inputs=1)], [], [tensor("sa", 3, 4)], name="yes")
    no = body([node("Gemm", ["h", "g", "x"], "gm", alpha=0.5, beta=2.0)], [], [tensor("gm", 3, 4)], name="no")
    inside = body(
        [node("Mod", ["i", "two"], "odd"), node("Equal", ["odd", "zero"], "even"),
         node("If", ["even"], "k", then_branch=yes, else_branch=no), node("Tanh", ["k"], "t"), node("Identity", ["go"], "on")],
        [tensor("i", kind=INT64), tensor("go", kind=BOOL), tensor("h", 3, 4)], [tensor("on", kind=BOOL), tensor("t", 3, 4)],
        [w("bias", 4)],
    )  # fmt: skip
    nodes = [node("MatMul", ["x", "g"], "first"), node("Loop", ["n", "", "first"], "y", body=inside)]
    constants = [w("g", 4, 4), integer("n", 3), integer("two", 2), integer("zero", 0)]
    return model(nodes, [tensor("x", 3, 4)], [tensor("y", 3, 4)], constants)


def growing(start="x"):
    """What is carried grows by a row a turn, as a cache does."""
    inside = body(
        [node("MatMul", ["c", "g"], "k"), node("ReduceSum", ["k", "zero"], "m", keepdims=1), node("Add", ["m", "z"], "o"),
         node("Concat", ["c", "o"], "d", axis=0), node("Identity", ["go"], "on")],
        [tensor("i", kind=INT64), tensor("go", kind=BOOL), tensor("c", "rows", 4)],
        [tensor("on", kind=BOOL), tensor("d", "rows", 4)],
    )  # fmt: skip
    nodes = [node("Loop", ["n", "", start], "y", body=inside)]
    constants = [w("g", 4, 4), integer("n", 4), integer("zero", [0]), constant("empty", 0, 4)]
    return model(nodes, [tensor("x", 2, 4), tensor("z", 1, 4)], [tensor("y", None, 4)], constants)


def called():
    """A function of the file whose body loops, called twice, once inside of a branch."""
    inside = body(
        [helper.make_node("MatMul", ["h", "q"], ["k"], name="inner"), helper.make_node("Identity", ["go"], ["on"])],
        [tensor("i", kind=INT64), tensor("go", kind=BOOL), tensor("h", 3, 4)], [tensor("on", kind=BOOL), tensor("k", 3, 4)],
    )  # fmt: skip
    count = helper.make_node("Constant", [], ["two"], value=integer("two", 2))
    loop = helper.make_node("Loop", ["two", "", "p"], ["r"], name="turning", body=inside)
    function = helper.make_function("own", "Twice", ["p", "q"], ["r"], [count, loop], [helper.make_opsetid("", 17)])
    yes = body([node("Twice", ["h", "u"], "a", domain="own")], [], [tensor("a", 3, 4)], name="yes")
    no = body([node("Relu", ["h"], "b")], [], [tensor("b", 3, 4)], name="no")
    nodes = [node("Twice", ["x", "w"], "h", domain="own"), node("If", ["choice"], "y", then_branch=yes, else_branch=no)]
    constants = [w("w", 4, 4), w("u", 4, 4), constant("choice", kind=np.bool_, value=True)]
    return model(nodes, [tensor("x", 3, 4)], [tensor("y", 3, 4)], constants, domains=["own"], functions=[function])


NETWORKS = {
    "loop": looped(),
    "loop with a condition": looped(condition="yes"),
    "loop that stops": stopped(),
    "loop without a turn": looped("none", more=[integer("none", 0)]),
    "branch": branched(True),
    "other branch": branched(False),
    "scan": scanned(),
    "nested": nested(),
    "growing": growing(),
    "function": called(),
}


def inputs_of(made):
    """Standard normal inputs."""
    rng = np.random.default_rng(3)
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in made.graph.input}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
