"""A hierarchy as one list of cells: nets that are one net, constants, ports of several bits."""

from synth.mapping.flat import FlatCell, flat_verilog, flatten
from tests.synth.mapping.small import netlists

INNER = (
    {"a": ("input", [2]), "y": ("output", [3]), "z": ("output", [2]), "one": ("output", ["1"])},
    [("INV", {"A": [2], "Y": [3]})],
)
OUTER = (
    {"i": ("input", [2, 3]), "o": ("output", [4, 5, 6])},
    [("inner", {"a": [2], "y": [4], "z": [7], "one": [5]}), ("NAND2", {"A": [7], "B": [3], "Y": [6]}),
     ("BUF", {"A": ["x"], "Y": []})],
)  # fmt: skip


def test_cells_know_their_module_and_their_nets(tmp_path):
    flat = flatten(netlists(tmp_path, outer=OUTER, inner=INNER), "outer")
    assert [name for name, _ in flat.inputs] == ["i_0", "i_1"]
    assert [name for name, _ in flat.outputs] == ["o_0", "o_1", "o_2"]
    (_, a), (_, b) = flat.inputs
    outputs = [net for _, net in flat.outputs]
    assert outputs[1] == 1, "a port that is a constant"
    assert flat.cells == [
        FlatCell("INV", {"A": a, "Y": outputs[0]}, "inner"),
        FlatCell("NAND2", {"A": a, "B": b, "Y": outputs[2]}, "outer"),  # z is a: the port passes it through
        FlatCell("BUF", {"A": 0}, "outer"),  # unknown is 0, an open pin is none
    ]


def test_two_instances_have_nets_of_their_own(tmp_path):
    leaf = ({"a": ("input", [2]), "y": ("output", [3])}, [("INV", {"A": [2], "Y": [9]}), ("INV", {"A": [9], "Y": [3]})])
    pair = ({"i": ("input", [2]), "o": ("output", [4])}, [("leaf", {"a": [2], "y": [3]}), ("leaf", {"a": [3], "y": [4]})])
    flat = flatten(netlists(tmp_path, pair=pair, leaf=leaf), "pair")
    driven = [cell.pins["Y"] for cell in flat.cells]
    assert len(set(driven)) == 4
    assert [cell.pins["A"] for cell in flat.cells] == [flat.inputs[0][1], *driven[:3]]
    assert flat.outputs == [("o", driven[3])]


def test_as_verilog(tmp_path):
    text = flat_verilog(netlists(tmp_path, outer=OUTER, inner=INNER), "outer")
    lines = text.splitlines()
    assert lines[0] == "module outer(i_0, i_1, o_0, o_1, o_2);"
    assert lines[1:6] == ["input i_0;", "input i_1;", "output o_0;", "output o_1;", "output o_2;"]
    assert "BUF g2(.A(1'b0));" in lines
    assert "assign o_1 = 1'b1;" in lines
    assert sum(line.startswith("wire ") for line in lines) == 2
    assert text.endswith("endmodule\n")
