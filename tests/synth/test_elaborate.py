"""A user's Verilog made flat: right in each way to multiply and by each reader, with the parameters and ports asked for."""

import random
import re

import pytest

from hw.host.tools import program_name, yosys_command
from synth.elaborate import MULTIPLIERS, READERS, OutsideModule, elaborate
from synth.mapping.flow import synthesise
from synth.mapping.liberty import find_library
from synth.mapping.netlist import Netlist

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
PACKAGE = """package kinds; typedef enum logic [1:0] {NONE, SMALL, LARGE} kind; endpackage
module add #(parameter kinds::kind K = kinds::NONE, parameter type T = logic [3:0])
            (input T v [2], input logic carry, output T o, output logic wide);
  assign o = v[0] + v[1] + carry;
  assign wide = K == kinds::LARGE;
endmodule
"""
"""What Yosys' own reader does not take: an array as a port, and a type as a parameter."""


@pytest.fixture
def source(tmp_path):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "widths.vh").write_text("`define WIDTH 5\n")
    path = tmp_path / "multiply.v"
    path.write_text(VERILOG)
    return path


def flat(path, way="rows", **choices):
    source = OutsideModule((path,), choices.pop("top", "multiply"), (path.parent / "include",), **choices)
    return elaborate(source, way, 60, path.parent)


def mapped(text, top, folder, lanes):
    library = find_library("reference", folder)
    return Netlist(synthesise(text, top, [], library, build=folder), library, lanes, top)


@pytest.mark.parametrize("way", MULTIPLIERS)
def test_each_way_to_multiply_computes_the_same(source, way):
    text = flat(source, way)
    assert ("full_adder" in text) == (way != "rows")
    rng = random.Random(4)
    words = [(rng.getrandbits(5), rng.getrandbits(5), rng.getrandbits(10)) for _ in range(200)]
    words += [(16, 16, 0), (16, 15, 1023), (0, 0, 1)]
    netlist = mapped(text, "multiply", source.parent, len(words))
    netlist.evaluate({name: [word[i] for word in words] for i, name in enumerate("abc")})
    assert netlist.output("o") == [((a ^ 16) - 16) * ((b ^ 16) - 16) % 1024 for a, b, _ in words]
    assert netlist.output("p") == [(a * b - c) % 1024 for a, b, c in words]


needs_slang = pytest.mark.skipif(program_name(yosys_command()) != "pyosys", reason="this Yosys has no slang")


@pytest.mark.parametrize("reader", ["verilog", pytest.param("slang", marks=needs_slang)])
def test_parameters_ties_and_dropped_ports(source, reader):
    """Whichever reads it: three bits wide, b held at 5, without o."""
    text = flat(source, reader=reader, parameters={"W": 3}, ties={"b": 5}, dropped=("o",))
    netlist = mapped(text, "multiply", source.parent, 8)
    assert {name: (way, len(bits)) for name, (way, bits) in netlist.ports.items()} == {
        "a": ("input", 3), "c": ("input", 6), "p": ("output", 6),
    }  # fmt: skip
    netlist.evaluate({"a": list(range(8)), "c": [0, 9, 1, 8, 2, 7, 3, 6]})
    assert netlist.output("p") == [(a * 5 - c) % 64 for a, c in enumerate([0, 9, 1, 8, 2, 7, 3, 6])]


@needs_slang
def test_slang_reads_packages_types_and_arrays(tmp_path):
    path = tmp_path / "add.sv"
    path.write_text(PACKAGE)
    (tmp_path / "include").mkdir()
    text = flat(path, top="add", reader="slang", parameters={"K": 2}, ties={"carry": 1})
    netlist = mapped(text, "add", tmp_path, 2)
    netlist.evaluate({"v": [0x21, 0xF7]})
    assert (netlist.output("o"), netlist.output("wide")) == ([4, 7], [1, 1])


def test_names_that_are_none_are_refused(source):
    for choices, error in (
        ({"reader": "vhdl"}, f"reader must be one of {', '.join(READERS)}, not vhdl"),
        ({"parameters": {"1W": 3}}, "set must be a parameter's name, not 1W"),
        ({"ties": {"a b": 3}}, "tie must be a port's name, not a b"),
        ({"dropped": ("",)}, "drop must be a port's name, not nothing"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
            flat(source, **choices)


@pytest.mark.parametrize("choices", [{"ties": {"d": 0}}, {"dropped": ("d",)}])
def test_a_port_that_is_not_there_is_named(source, choices):
    """And nothing stays of the attempt."""
    with pytest.raises(ValueError, match=r"^multiply has no port d; it has a, b, c, o, p$"):
        flat(source, **choices)
    assert not list((source.parent / "outside").iterdir())
