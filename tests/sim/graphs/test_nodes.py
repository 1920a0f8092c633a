"""What messages call a node, its attributes as values, and the graphs inside of it."""

import pytest
from onnx import helper

from sim.graphs.nodes import attributes, captured, label, reads, subgraphs, walk
from tests.sim.graphs.graphs import constant, node, tensor


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (node("MatMul", "ab", "c"), "MatMul MatMul_c"),
        (helper.make_node("MatMul", ["a"], ["c"]), "MatMul c"),
        (helper.make_node("Sink", ["a"], []), "Sink "),
        (helper.make_node("Gelu", ["a"], ["c"], name="g", domain="com.microsoft"), "com.microsoft.Gelu g"),
        (helper.make_node("Relu", ["a"], ["c"], name="r", domain="ai.onnx"), "Relu r"),
    ],
)
def test_a_node_is_called_by_operation_and_name(one, text):
    assert label(one) == text


def test_attributes_are_values():
    values = attributes(node("Conv", "xw", "y", kernel_shape=[3, 3], group=2, auto_pad="VALID"))
    assert values == {"kernel_shape": [3, 3], "group": 2, "auto_pad": b"VALID"}


def test_graphs_inside_of_nodes_are_walked_in_order():
    inner = helper.make_graph([node("Relu", "a", "b"), node("Relu", "b", "c")], "then", [], [tensor("c", 1)])
    outer = helper.make_node("If", ["condition"], ["c"], name="choice", then_branch=inner, else_branch=inner)
    whole = helper.make_graph([node("Relu", "x", "a"), outer, node("Relu", "c", "d")], "net", [], [])
    assert list(subgraphs(outer)) == [inner, inner]
    assert [one.output[0] for one in walk(whole)] == ["a", "c", "b", "c", "b", "c", "d"]


def test_graphs_inside_take_from_outside():
    """Neither what they make nor what they hold themselves, at any depth; an output may come from outside too."""
    inmost = helper.make_graph([node("Add", ["b", "deep"], "e")], "inmost", [], [tensor("e", 1)])
    inner = helper.make_graph(
        [node("Add", ["a", "i"], "b"), node("Mul", ["b", "w"], "c"),
         helper.make_node("If", ["c"], ["d"], then_branch=inmost, else_branch=inmost)],
        "body", [tensor("i", 1)], [tensor("d", 1), tensor("out", 1)], [constant("w", 1)],
    )  # fmt: skip
    assert captured(inner) == {"a", "deep", "out"}
    assert reads(helper.make_node("If", ["go", ""], ["y"], then_branch=inner, else_branch=inner)) == {"go", "a", "deep", "out"}
