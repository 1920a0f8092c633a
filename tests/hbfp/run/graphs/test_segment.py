"""What lies between products: ONNX Runtime's values, asked for once, and its complaints in one line."""

import numpy as np
import pytest
from onnx import helper

from hbfp.run.graphs import segment
from hbfp.run.graphs.segment import Segment
from sim.graphs import GraphError
from tests.sim.graphs.graphs import node

OPSETS = [helper.make_opsetid("", 17)]


def part(nodes, outputs, **constants):
    return Segment(nodes, outputs, constants, OPSETS, "net.onnx")


def test_only_what_is_needed_goes_in_and_comes_out():
    one = part([node("Add", ["x", "c"], "s"), node("Relu", ["s"], "r"), node("Neg", ["s"], "n")], ["r"], c=np.float32([1, -1]))
    assert one.reads == ["c", "x"]
    values = {"x": np.float32([1, -3]), "other": np.float32([9])}
    one.run(values)
    assert values["r"].tolist() == [2, 0]
    assert set(values) == {"x", "other", "r"}


def test_a_session_is_made_once(monkeypatch):
    made = []
    monkeypatch.setattr(segment, "session", lambda *given, real=segment.session: made.append(1) or real(*given))
    one = part([node("Neg", ["x"], "y")], ["y"])
    for value in (1.0, 2.0):
        values = {"x": np.float32([value])}
        one.run(values)
        assert values["y"].tolist() == [-value]
    assert made == [1]
    part([node("Neg", ["x"], "y")], []).run({})
    assert made == [1], "nothing is asked of what nobody needs"


@pytest.mark.parametrize(
    ("one", "second", "text"),
    [
        ("Add", np.ones(3, np.float32), "does not take it"),
        ("Gather", np.array(7), "cannot compute it"),
    ],
)
def test_what_it_cannot_do_is_one_line(one, second, text):
    with pytest.raises(GraphError, match=rf"^net\.onnx: ONNX Runtime {text}: [^\n]*$"):
        part([node(one, ["x", "z"], "y")], ["y"]).run({"x": np.ones(2, np.float32), "z": second})


def test_shapes_may_change_from_run_to_run(monkeypatch):
    """A session for the first shapes; from the second on, one for all."""
    made = []
    monkeypatch.setattr(segment, "session", lambda *given, real=segment.session: made.append(1) or real(*given))
    one = part([node("Concat", ["x", "x"], "y", axis=0)], ["y"])
    for shape in ((1, 2), (1, 2), (3, 2), (4, 5), (1, 2)):
        values = {"x": np.ones(shape, np.float32)}
        one.run(values)
        assert values["y"].shape == (2 * shape[0], shape[1])
    assert made == [1, 1]
    values = {"x": np.ones(3, np.float32)}
    one.run(values)
    assert values["y"].shape == (6,)


def test_what_is_no_tensor_is_refused():
    with pytest.raises(GraphError, match=r"^net\.onnx: x must be a tensor to be beside products that run on a device$"):
        part([node("SequenceLength", ["x"], "y")], ["y"]).run({"x": [np.ones(2, np.float32)]})
