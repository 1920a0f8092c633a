"""Which graph is entered, how often, and with what, against ONNX Runtime where it goes and by hand where it does not."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from hbfp.run.graphs.control import can_enter, evaluate
from sim.graphs import GraphError
from tests.hbfp.run.networks import body
from tests.sim.graphs.graphs import node, tensor

BOOL, INT64 = TensorProto.BOOL, TensorProto.INT64


def loop(slices=("rows", 2), flat=()):
    """Its body is known by its declarations alone."""
    inside = body([], [tensor("i", *flat, kind=INT64), tensor("go", *flat, kind=BOOL), tensor("h", 2)],
                  [tensor("on", kind=BOOL), tensor("k", 2), tensor("s", *slices)])  # fmt: skip
    return node("Loop", ["n", "c", "h0"], "h_last", "all", body=inside)


def scan(**attributes):
    inside = body([], [tensor("h", 2), tensor("a", 3), tensor("b", 3)], [tensor("k", 2), tensor("s", 3)])
    return node("Scan", ["h0", "x", "z"], "last", "all", body=inside, num_scan_inputs=2, **attributes)


def turn(attribute, inputs):
    """Adds the turn to what is carried, and collects it; goes on as it was told."""
    assert attribute == "body"
    count, go, h = inputs
    return [go, h + count, h + count]


@pytest.mark.parametrize(("condition", "name"), [(True, "then_branch"), (np.array([[False]]), "else_branch")])
def test_a_condition_chooses(condition, name):
    entered = []
    branch = body([], [], [tensor("y", 1)])
    one = node("If", ["c"], "y", then_branch=branch, else_branch=branch)
    assert evaluate(one, [condition], lambda attribute, inputs: entered.append((attribute, inputs)) or [7]) == [7]
    assert entered == [(name, [])]


def test_a_loop_carries_and_collects():
    last, collected = evaluate(loop(), [np.array(4), None, np.array([0, 1])], turn)
    assert last.tolist() == [6, 7]
    assert collected.tolist() == [[0, 1], [1, 2], [3, 4], [6, 7]]


@pytest.mark.parametrize("flat", [(), (1,)])
def test_count_and_condition_have_the_shape_that_the_body_says(flat):
    seen = []

    def noted(attribute, inputs):
        seen.append([(x.dtype, x.shape) for x in inputs[:2]])
        return [np.zeros(flat, bool), *inputs[2:], inputs[2]]

    evaluate(loop(flat=flat), [None, np.array([True]), np.zeros(2)], noted)
    assert seen == [[(np.int64, flat), (np.bool_, flat)]], "and it ends when the body says so"


@pytest.mark.parametrize(("slices", "shape"), [(("rows", 2), (0, 0, 2)), ((3, 2), (0, 3, 2)), ((), (0,))])
def test_without_a_turn_the_body_tells_the_shape_of_a_slice(slices, shape):
    """Unknown extents are 0, as with ONNX Runtime."""
    last, collected = evaluate(loop(slices), [np.array(0), None, np.ones(2, np.float32)], turn)
    assert (last.tolist(), collected.shape, collected.dtype) == ([1, 1], shape, np.float32)
    last, _ = evaluate(loop(slices), [None, np.array(False), np.ones(2, np.float32)], turn)
    assert last.tolist() == [1, 1]


def test_a_scan_takes_slices_of_both_ends():
    x, z = np.arange(6).reshape(3, 2), np.arange(6).reshape(2, 3) * 10

    def step(attribute, inputs):
        h, a, b = inputs
        return [h + 1, a + b]

    one = scan(scan_input_axes=[1, 0], scan_input_directions=[0, 1])
    last, collected = evaluate(one, [np.zeros(2), x, z], step)
    assert last.tolist() == [2, 2]
    assert collected.tolist() == [(x[:, 0] + z[1]).tolist(), (x[:, 1] + z[0]).tolist()]
    _, turned = evaluate(
        scan(scan_input_axes=[-1, -2], scan_input_directions=[0, 1], scan_output_axes=[-1], scan_output_directions=[1]),
        [np.zeros(2), x, z], step,
    )  # fmt: skip
    assert turned.tolist() == collected[::-1].T.tolist()


@pytest.mark.parametrize(
    ("one", "inputs", "text"),
    [
        (scan(), [np.zeros(2), np.zeros((2, 3)), np.zeros((4, 3))], "Scan Scan_last: its sequences must have one length, not 2, 4"),
        (loop(), [np.array([1, 2]), None, np.zeros(2)], "Loop Loop_h_last: n must have one element, not shape (2,)"),
        (loop(), [None, np.zeros(0, bool), np.zeros(2)], "Loop Loop_h_last: c must have one element, not shape (0,)"),
    ],
)  # fmt: skip
def test_refuses_what_does_not_fit(one, inputs, text):
    with pytest.raises(GraphError) as caught:
        evaluate(one, inputs, turn)
    assert str(caught.value) == text


def test_slices_must_have_one_shape():
    def grows(attribute, inputs):
        count, go, h = inputs
        return [go, h, np.zeros(int(count) + 1)]

    with pytest.raises(GraphError) as caught:
        evaluate(loop(), [np.array(3), None, np.zeros(2)], grows)
    assert str(caught.value) == "Loop Loop_h_last: s must have the same shape in each turn, not (1,), (2,), (3,)"


def test_attributes_are_those_of_the_standard():
    """So that a graph of the standard's reference evaluator gives the same."""
    from onnx.reference import ReferenceEvaluator

    nodes = [helper.make_node("Add", ["h", "part"], ["k"]), helper.make_node("Identity", ["k"], ["s"])]
    inside = body(nodes, [tensor("h", 2), tensor("part", 2)], [tensor("k", 2), tensor("s", 2)])
    one = node("Scan", ["h0", "x"], "last", "all", body=inside, num_scan_inputs=1)
    graph = helper.make_graph([one], "net", [tensor("h0", 2), tensor("x", 3, 2)], [tensor("last", 2), tensor("all", 3, 2)])
    given = [np.float32([1, 2]), np.arange(6, dtype=np.float32).reshape(3, 2)]
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    wanted = ReferenceEvaluator(made).run(None, dict(zip(("h0", "x"), given, strict=True)))
    got = evaluate(one, given, lambda attribute, inputs: [inputs[0] + inputs[1]] * 2)
    assert [x.tolist() for x in got] == [x.tolist() for x in wanted]


def test_what_can_be_entered():
    """Scan took batches and lengths before operator set 9; an operation of another domain is another one."""
    inside = body([], [tensor("i", 1)], [tensor("o", 1)])
    assert can_enter(loop())
    assert can_enter(scan())
    assert can_enter(node("Scan", ["x"], "y", body=inside, num_scan_inputs=1))
    assert not can_enter(node("Scan", ["", "x"], "y", body=inside, num_scan_inputs=1))
    assert not can_enter(scan(directions=[0, 0]))
    assert not can_enter(node("Loop", ["n", "", "x"], "y", domain="own", body=inside))
    assert not can_enter(node("SequenceMap", ["x"], "y", body=inside))
