"""Transitions with and without delays, counted by hand."""

import pytest

from synth.energy.circuit import DELAYS, Circuit
from synth.mapping.liberty import find_library
from synth.mapping.timing import analyse
from tests.synth.energy.small import LIBRARY, netlist

HAZARD = [("INV", {"A": 2, "Y": 3}), ("INV", {"A": 3, "Y": 4}), ("XOR", {"A": 2, "B": 4, "Y": 5})]


@pytest.fixture
def circuit(tmp_path):
    path = tmp_path / "small.lib"
    path.write_text(LIBRARY)
    library = find_library(str(path), tmp_path)

    def build(cells, inputs, outputs, delays, lanes=2):
        timing = analyse(netlist(tmp_path, cells, inputs, outputs), library, "top")
        return Circuit(timing, library, lanes, delays)

    return build


def counts(made):
    """Transitions of the input and of each gate's output."""
    cells = made.timing.cells
    return tuple(made.toggles[net] for net in (cells[0].pins["A"], *(cell.pins["Y"] for cell in cells)))


def test_settled_values_change_once_a_cycle(circuit):
    made = circuit(HAZARD, {"a": 2}, {"y": 5}, "none")
    made.cycle({"a": [0, 0]})
    made.reset_counts()
    made.cycle({"a": [1, 0]})
    made.cycle({"a": [0, 0]})
    assert counts(made) == (2, 2, 2, 0)  # an exclusive or of equal inputs never changes


def test_a_delay_is_the_mean_of_rise_and_fall_in_picoseconds(circuit):
    made = circuit([*HAZARD, ("SKEW", {"A": 5, "Y": 6})], {"a": 2}, {"y": 6}, "inertial")
    assert [delay for *_, delay in made.gates] == [100, 100, 50, 200]


def test_unequal_delays_make_a_pulse_at_each_change(circuit):
    made = circuit(HAZARD, {"a": 2}, {"y": 5}, "inertial")
    made.cycle({"a": [0, 0]})
    made.reset_counts()
    made.cycle({"a": [1, 0]})
    made.cycle({"a": [0, 0]})
    assert counts(made) == (2, 2, 2, 4)
    assert made.values[made.timing.cells[2].pins["Y"]] == 0


def test_a_pulse_shorter_than_the_gate_is_swallowed(circuit):
    slow = [*HAZARD[:2], ("SLOWXOR", {"A": 2, "B": 4, "Y": 5})]
    made = circuit(slow, {"a": 2}, {"y": 5}, "inertial")
    made.cycle({"a": [0, 0]})
    made.reset_counts()
    made.cycle({"a": [1, 1]})
    assert counts(made) == (2, 2, 2, 0)


def test_in_transport_that_pulse_passes(circuit):
    slow = [*HAZARD[:2], ("SLOWXOR", {"A": 2, "B": 4, "Y": 5})]
    made = circuit(slow, {"a": 2}, {"y": 5}, "transport")
    made.cycle({"a": [0, 0]})
    made.reset_counts()
    made.cycle({"a": [1, 1]})
    assert counts(made) == (2, 2, 2, 4)


@pytest.mark.parametrize(("delays", "sums"), [("none", 0), ("inertial", 2), ("transport", 2)])
def test_a_carry_ripples_through_every_sum(circuit, delays, sums):
    """0 + 0, then 15 + 1: each sum but the first rises with its operand and falls with its carry, a gate later."""
    cells = [("FA", {"A": 10 + i, "B": 20 + i, "CI": 30 + i if i else "0", "S": 40 + i, "CO": 31 + i}) for i in range(4)]
    ports = {f"{side}{i}": place + i for side, place in (("a", 10), ("b", 20)) for i in range(4)}
    made = circuit(cells, ports, {"carry": 34}, delays, lanes=1)
    made.cycle({name: [0] for name in ports})
    made.reset_counts()
    made.cycle({name: [int(name.startswith("a") or name == "b0")] for name in ports})
    pins = [cell.pins for cell in made.timing.cells]
    assert [made.toggles[p["S"]] for p in pins] == [0, sums, sums, sums]
    assert [made.toggles[p["CO"]] for p in pins] == [1, 1, 1, 1]


def test_registers_take_what_is_settled_and_count_their_clock(circuit):
    cells = [("INV", {"A": 3, "Y": 2}), ("DFF", {"D": 2, "CK": 4, "Q": 3})]
    made = circuit(cells, {"clk": 4}, {"q": 3}, "inertial", lanes=3)
    made.cycle({})
    made.reset_counts()
    for _ in range(4):
        made.cycle({})
    assert made.toggles[made.timing.cells[1].pins["Q"]] == 4 * 3
    assert made.clocked == [0, 4 * 3]


def test_with_delays_all_settles_to_the_same(circuit):
    values = []
    for delays in DELAYS:
        made = circuit(HAZARD, {"a": 2}, {"y": 5}, delays, lanes=4)
        for word in ([0, 1, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0]):
            made.cycle({"a": word})
        values.append(made.values)
    assert values[0] == values[1] == values[2]
