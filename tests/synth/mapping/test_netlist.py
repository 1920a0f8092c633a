"""Netlists of a few cells, simulated in lanes; the heavier truth is in the formats' own tests."""

import pytest

from synth.mapping.liberty import LibraryError, find_library
from synth.mapping.netlist import Netlist
from tests.synth.mapping.small import synthesised

TOGGLE = (
    {"clk": ("input", [2]), "enable": ("input", [3]), "o": ("output", [4, 5])},
    [("XOR2", {"A": [4], "B": [3], "Y": [6]}), ("DFF", {"CK": [2], "D": [6], "Q": [4]}), ("INV", {"A": [4], "Y": [5]})],
)


@pytest.fixture
def library(tmp_path):
    return find_library("reference", tmp_path)


def test_outputs_are_those_before_the_edge(tmp_path, library):
    netlist = Netlist(synthesised(tmp_path, "toggle", toggle=TOGGLE), library, 3)
    seen = [netlist.step({"enable": [0, 1, cycle % 2]}, "o")["o"] for cycle in range(4)]
    assert seen == [[2, 2, 2], [2, 1, 2], [2, 2, 1], [2, 1, 1]]


def test_ports_pass_through_modules(tmp_path, library):
    inner = ({"a": ("input", [2, 3]), "same": ("output", [2]), "no": ("output", ["0"]), "y": ("output", [4])},
             [("NAND2", {"A": [2], "B": [3], "Y": [4]})])  # fmt: skip
    outer = ({"i": ("input", [2, 3]), "o": ("output", [4, 5, 6])},
             [("inner", {"a": [2, 3], "same": [4], "no": [5], "y": [6]})])  # fmt: skip
    netlist = Netlist(synthesised(tmp_path, "outer", outer=outer, inner=inner), library, 4)
    netlist.evaluate({"i": [0, 1, 2, 3]})
    assert netlist.output("o") == [4, 5, 4, 1]
    part = Netlist(synthesised(tmp_path / "..", "outer", inner2=inner), library, 1, "inner2")
    part.evaluate({"a": [3]})
    assert part.output("y") == [0]


def test_a_fault_can_be_put_in(tmp_path, library):
    made, paths = synthesised(tmp_path, "toggle", toggle=TOGGLE), []

    def change(path, kind):
        paths.append(path)
        return "XNOR2" if kind == "XOR2" else None

    netlist = Netlist(made, library, 1, change=change)
    assert paths == ["toggle.g0", "toggle.g1", "toggle.g2"]
    assert [netlist.step({"enable": [0]}, "o")["o"] for _ in range(3)] == [[2], [1], [2]]


def test_a_loop_is_refused(tmp_path, library):
    ring = ({"o": ("output", [2])}, [("INV", {"A": [2], "Y": [3]}), ("INV", {"A": [3], "Y": [2]})])
    with pytest.raises(LibraryError, match=r"^the netlist has a combinational loop$"):
        Netlist(synthesised(tmp_path, "ring", ring=ring), library, 1)


def test_a_function_that_is_none_is_told_with_its_cell(tmp_path):
    text = find_library("reference", tmp_path).path.read_text().replace('function : "!A"', 'function : "!A &"')
    (tmp_path / "odd.lib").write_text(text)
    one = ({"i": ("input", [2]), "o": ("output", [3])}, [("INV", {"A": [2], "Y": [3]})])
    with pytest.raises(LibraryError, match=r"^cell INV: function '!A &' ends early$"):
        Netlist(synthesised(tmp_path, "one", one=one), find_library(str(tmp_path / "odd.lib"), tmp_path), 1)
