"""Netlists with clock gates against their Verilog, and the table of those that areas are quoted from."""

import re
from itertools import product
from random import Random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out

from hw.emit import emit_verilog
from synth.mapping.flow import synthesise
from synth.mapping.liberty import REFERENCE, find_library
from synth.mapping.recipes import EFFORTS
from tests.prove import quoted, table
from tests.prove.__main__ import main
from tests.prove.kinds.netlists import equivalent
from tests.prove.solvers import Refuted
from tests.prove.test_prove import replaced

TABLE = "L L : - : L , L H : - : H , H - : - : N"
"""Clock, enable : state : next state, as NanGate 45 has it."""
GATE = f"""
  cell (GATE) {{
    area : 3;
    clock_gating_integrated_cell : latch_posedge;
    statetable ("CK E", "IQ") {{ table : "{TABLE}"; }}
    pin (IQ) {{ direction : internal; internal_node : IQ; }}
    pin (CK) {{ direction : input; clock : true; clock_gate_clock_pin : true; }}
    pin (E) {{ direction : input; clock_gate_enable_pin : true; }}
    pin (GCK) {{ direction : output; clock_gate_out_pin : true; state_function : "CK * IQ"; }}
  }}
}}
"""


class Held(Component):
    """Eight registers that are written when ``enable`` says so."""

    module_name = "held"

    def __init__(self) -> None:
        super().__init__({"enable": In(1), "other": In(1), "i": In(8), "o": Out(8)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        kept = Signal(8, reset_less=True)
        with m.If(self.enable ^ self.other):
            m.d.sync += kept.eq(self.i)
        m.d.comb += self.o.eq(kept)
        return m


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Their netlist, with a gate, and the library."""
    folder = tmp_path_factory.mktemp("held")
    path = folder / "gated.lib"
    path.write_text(REFERENCE.read_text().rstrip().removesuffix("}") + GATE)
    library = find_library(str(path), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "only direct", {"direct": EFFORTS["area"]["direct"]})
        made = synthesise(emit_verilog(Held()), "held", [], library, effort="only direct", clock_gates=True, build=folder)
    assert made.parts["held"].cells["GATE"] == 1
    return made.parts["held"], library


def test_registers_behind_a_gate_are_registers_with_an_enable(held, tmp_path):
    equivalent(held[0], {"held"}, held[1], tmp_path, 20)


@pytest.mark.parametrize("what", ["another enable", "another clock gate"])
def test_a_gate_that_opens_at_other_times_is_refuted(held, tmp_path, what):
    enable, gate = replaced(r"\bXN?OR2 ", "NAND2 "), replaced(r"(GATE .*?\.E\()[^)]*", r"\1other")
    with pytest.raises(Refuted, match=r"^held differs$"):
        equivalent(held[0], {"held"}, held[1], tmp_path, 20, enable if what == "another enable" else gate)


def test_a_gate_as_the_table_has_it_is_an_enable():
    """Two phases a cycle: whatever enable and data do, a register on the gate's output holds what one with an enable holds."""
    rows = [re.split(r"\s*:\s*", row.strip()) for row in TABLE.split(",")]
    rng, level = Random(1), {"L": 0, "H": 1}

    def latch(clock: int, enable: int, state: int) -> int:
        for (clocks, enables), _, following in ((row[0].split(), *row[1:]) for row in rows):
            if level[clocks] == clock and level.get(enables, enable) == enable:
                return level.get(following, state)
        raise AssertionError("the table has no such row")

    for start in product((0, 1), repeat=3):
        state, gated, enabled = start[0], start[1], start[1]
        for _ in range(200):
            enable, data = rng.getrandbits(1), rng.getrandbits(1)
            state = latch(0, enable, state)  # the clock is low, and the gate's output too
            if 1 & state:  # it rises: so does the gate's output, if the latch is open
                gated = data
            enabled = data if enable else enabled
            for _ in range(2):  # while it is high the enable may do what it likes
                state = latch(1, rng.getrandbits(1), state)
            assert gated == enabled


def test_the_page_has_the_quoted_netlists():
    assert quoted.table(quoted.read()) in table.PAGE.read_text()


def test_rejects_libraries_that_nothing_is_quoted_from(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--library", "reference"])
    assert stop.value.code == 2
    assert "library must be one that areas are quoted from, and only formats quoted, not reference" in capsys.readouterr().err
