"""An inverter in front of a register, by hand."""

import pytest

from synth.energy.bill import Bill
from synth.energy.circuit import Circuit
from synth.mapping.liberty import find_library
from synth.mapping.timing import analyse
from tests.synth.energy.small import LIBRARY, netlist


def test_what_a_cycle_takes(tmp_path):
    """At 2 V half the charge of 1 fF is 2 fJ; the operand changes in each of four cycles of 10 ns."""
    path = tmp_path / "small.lib"
    path.write_text(LIBRARY)
    library = find_library(str(path), tmp_path)
    cells = [("INV", {"A": 2, "Y": 3}), ("DFF", {"D": 3, "CK": 5, "Q": 4})]
    timing = analyse(netlist(tmp_path, cells, {"a_0": 2, "clk": 5}, {"q": 4}), library, "top")
    circuit = Circuit(timing, library, 1)
    for value in (0, 0):
        circuit.cycle({"a": [value]})
    circuit.reset_counts()
    for value in (1, 0, 1, 0):
        circuit.cycle({"a": [value]})
    bill = Bill(timing, circuit, library, [], macs=1, period=10.0)
    assert bill.parts == pytest.approx({
        "control": 2 * 2 + 3,  # the register's input, the inverter itself; the register's own output drives nothing
        "edge": 2 * 3,  # the operand's register drives four such inverters and is one of four units' share
        "clock": 2 * (2 + 2 * 1) * (1 + 1 / 4),  # two edges at the register's clock pin, and at a quarter of the operand's
        "leakage": (3 + 8 * (1 + 1 / 4)) * 10 * 1e-3,
    }, rel=1e-12)  # fmt: skip
    held = Bill(timing, circuit, library, [], macs=1, period=10.0, enters=False).parts
    assert held == pytest.approx(bill.parts | {"clock": 2 * (2 + 2 * 1)}), "operand registers that do not see the clock"
    assert bill.switching == pytest.approx(2 * 2 + 2 * 3)
    assert bill.toggles == pytest.approx(1 + 3 / 4 + 1 / 4)  # the register begins with what it takes first


def test_twice_the_lanes_take_the_same_for_each(tmp_path):
    path = tmp_path / "small.lib"
    path.write_text(LIBRARY)
    library, parts = find_library(str(path), tmp_path), []
    cells = [("INV", {"A": 2, "Y": 3}), ("DFF", {"D": 3, "CK": 5, "Q": 4})]
    for lanes in (1, 2):
        timing = analyse(netlist(tmp_path, cells, {"a_0": 2, "clk": 5}, {"q": 4}), library, "top")
        circuit = Circuit(timing, library, lanes)
        for value in (0, 1, 0, 1):
            circuit.cycle({"a": [value] * lanes})
        parts.append(Bill(timing, circuit, library, [], macs=4, period=10.0).parts)
    assert parts[0] == pytest.approx(parts[1])
