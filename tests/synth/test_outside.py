"""A user's Verilog, mapped by the same recipes: right in each of the three ways to multiply, and refused in one line."""

import random

import pytest

from synth.__main__ import main
from synth.mapping.flow import synthesise
from synth.mapping.liberty import find_library
from synth.mapping.netlist import Netlist
from synth.outside import MULTIPLIERS, elaborate, map_outside

VERILOG = """`include "widths.vh"
module multiply #(parameter W = `WIDTH) (input signed [W-1:0] a, b, input [2*W-1:0] c, output [2*W-1:0] o, p);
  inner #(W) place (.a(a), .b(b), .c(c), .o(o), .p(p));
endmodule
module inner #(parameter W = 1) (input signed [W-1:0] a, b, input [2*W-1:0] c, output [2*W-1:0] o, p);
  assign o = a * b;
  assign p = a * b - c;
endmodule
"""
"""The second product is one of numbers without signs, since c has none."""


@pytest.fixture
def source(tmp_path):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "widths.vh").write_text("`define WIDTH 5\n")
    path = tmp_path / "multiply.v"
    path.write_text(VERILOG)
    return path


@pytest.mark.parametrize("way", MULTIPLIERS)
def test_each_way_to_multiply_computes_the_same(source, way):
    folder = source.parent
    library = find_library("reference", folder)
    text = elaborate([source], "multiply", [folder / "include"], way, 60, folder)
    assert ("full_adder" in text) == (way != "rows")
    synthesis = synthesise(text, "multiply", [], library, build=folder)
    rng = random.Random(4)
    words = [(rng.getrandbits(5), rng.getrandbits(5), rng.getrandbits(10)) for _ in range(200)]
    words += [(16, 16, 0), (16, 15, 1023), (0, 0, 1)]
    netlist = Netlist(synthesis, library, len(words), "multiply")
    netlist.evaluate({name: [word[i] for word in words] for i, name in enumerate("abc")})
    assert netlist.output("o") == [((a ^ 16) - 16) * ((b ^ 16) - 16) % 1024 for a, b, _ in words]
    assert netlist.output("p") == [(a * b - c) % 1024 for a, b, c in words]


def test_the_smallest_way_is_kept(source):
    folder, found = source.parent, {}
    library = find_library("reference", folder)
    for way in MULTIPLIERS:
        text = elaborate([source], "multiply", [folder / "include"], way, 60, folder)
        found[way] = synthesise(text, "multiply", [], library, clock_gates=True, build=folder).area
    way, synthesis = map_outside([source], "multiply", library, include=[folder / "include"], build=folder)
    assert synthesis.area == min(found.values()) == found[way]


def test_bad_input_is_one_line(source, capsys):
    for line, error in (
        ("missing.v --top t", "missing.v does not exist"),
        (f"{source} --top 1x", "top must be a module's name, not 1x"),
        (f"{source} --top multiply --effort best", "effort must be one of area, speed, clock, not best"),
    ):
        assert main(["outside", *line.split(), "--library", "reference", "--build", str(source.parent)]) == 2
        assert capsys.readouterr().err == f"python -m synth: {error}\n"


def test_the_log_of_a_failure_is_there(source, capsys):
    """And nothing stays of what succeeded."""
    elaborate([source], "multiply", [source.parent / "include"], "rows", 60, source.parent)
    assert not list((source.parent / "outside").iterdir())
    wrong = source.parent / "wrong.v"
    wrong.write_text("module wrong (input a, output b) assign b = a; endmodule\n")
    line = ["outside", str(wrong), "--top", "wrong", "--library", "reference", "--build", str(source.parent)]
    assert main(line) == 2
    (log,) = (source.parent / "outside").glob("wrong-*/yosys.log")
    assert str(log) in capsys.readouterr().err
    assert "syntax error" in log.read_text()
