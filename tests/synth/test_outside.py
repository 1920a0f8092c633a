"""``python -m synth outside``: the smallest of the ways to multiply is kept, and bad input is refused in one line."""

import json

import pytest

from synth.__main__ import main
from synth.elaborate import MULTIPLIERS, OutsideModule, elaborate
from synth.mapping.flow import synthesise
from synth.mapping.liberty import find_library
from synth.outside import map_outside

VERILOG = """module multiply #(parameter W = 3) (input signed [W-1:0] a, b, output [2*W-1:0] o, output both);
  assign o = a * b;
  assign both = &a & &b;
endmodule
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "multiply.v"
    path.write_text(VERILOG)
    return path


def test_the_smallest_way_is_kept(source):
    folder, found = source.parent, {}
    library, chosen = find_library("reference", folder), OutsideModule((source,), "multiply")
    for way in MULTIPLIERS:
        text = elaborate(chosen, way, 60, folder)
        found[way] = synthesise(text, "multiply", [], library, clock_gates=True, build=folder).area
    way, synthesis = map_outside(chosen, library, build=folder)
    assert synthesis.area == min(found.values()) == found[way]


def test_what_is_asked_of_the_ports_reaches_the_area(source, capsys):
    """A product by a constant power of two takes no cells, and the rest is dropped."""
    line = f"{source} --top multiply --set W=4 --tie b=2 --drop both --library reference --build {source.parent} --json"
    assert main(["outside", *line.split()]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["area"] == 0


def test_bad_input_is_one_line(source, capsys):
    for line, error in (
        ("missing.v --top t", "missing.v does not exist"),
        (f"{source} --top 1x", "top must be a module's name, not 1x"),
        (f"{source} --top multiply --effort best", "effort must be one of area, speed, clock, not best"),
        (f"{source} --top multiply --set W", "set must be NAME=VALUE with a value of decimal digits, not W"),
        (f"{source} --top multiply --tie a=-1", "tie must be NAME=VALUE with a value of decimal digits, not a=-1"),
        (f"{source} --top multiply --drop c", "multiply has no port c; it has a, b, both, o"),
        (f"{source} --top multiply --reader vhdl", "reader must be one of verilog, slang, not vhdl"),
    ):
        assert main(["outside", *line.split(), "--library", "reference", "--build", str(source.parent)]) == 2
        assert capsys.readouterr().err == f"python -m synth: {error}\n"


def test_the_log_of_a_failure_is_there(source, capsys):
    """And nothing stays of what succeeded."""
    elaborate(OutsideModule((source,), "multiply"), "rows", 60, source.parent)
    assert not list((source.parent / "outside").iterdir())
    wrong = source.parent / "wrong.v"
    wrong.write_text("module wrong (input a, output b) assign b = a; endmodule\n")
    line = ["outside", str(wrong), "--top", "wrong", "--library", "reference", "--build", str(source.parent)]
    assert main(line) == 2
    (log,) = (source.parent / "outside").glob("wrong-*/yosys.log")
    assert str(log) in capsys.readouterr().err
    assert "syntax error" in log.read_text()
