"""Energy of small units, in a library made for the test."""

import numpy as np
import pytest

from hw.baseline.elements import element_for
from hw.baseline.formats import format_named
from synth.density.designs import config_for
from synth.energy.circuit import Circuit
from synth.energy.measure import EnergyDesign, map_unit, measure_energy
from synth.energy.stimulus import Stimulus
from synth.mapping.liberty import find_library
from tests.synth.energy.test_operands import value

CLOCK_GATE = """  cell (GATE) { area : 4; clock_gating_integrated_cell : "latch_posedge";
    pin (CK) { direction : input; clock : true; clock_gate_clock_pin : true; capacitance : 0.001; }
    pin (E) { direction : input; clock_gate_enable_pin : true; capacitance : 0.001; }
    pin (GCK) { direction : output; clock_gate_out_pin : true; max_capacitance : 10; } } }
"""
"""The built-in library has none."""


def test_a_stimulus_brings_the_blocks_of_one_output_after_the_other():
    form = format_named("hbfp4/32")
    config = config_for(form, cycles=3)
    stimulus = Stimulus(form, config, element_for(form)(config), "uniform", 4)
    places = [stimulus._place(0, cycle) for cycle in range(6)]
    assert [(row, column, block) for _, row, column, block, _ in places] == [
        (0, 0, 0), (4, 0, 0), (0, 0, 1), (4, 0, 1), (0, 4, 0), (4, 4, 0)]  # fmt: skip
    first = next(iter(stimulus))
    assert len(first["a"]) == 4
    assert first["a"][0] != first["a"][2]


def test_unknown_statistics_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^statistics must be one of digits, uniform, hidden, not cats$"):
        measure_energy(EnergyDesign("int4", statistics="cats"), build=tmp_path)


def test_unknown_delays_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^delays must be one of none, inertial, transport, not wires$"):
        measure_energy(EnergyDesign("int4", delays="wires"), build=tmp_path)


@pytest.mark.parametrize(("name", "gated"), [("mxfp4/8", False), ("hbfp6/8", True)])
def test_what_is_counted_computes_the_products(tmp_path, name, gated):
    """Each block's exact sum joins its output in FP32, in the cycle that follows from the unit's stages.

    Afterwards, without work, no register of a gated unit sees the clock.
    """
    path = tmp_path / "gates.lib"
    path.write_text(find_library("reference", tmp_path).path.read_text().rstrip().removesuffix("}") + CLOCK_GATE)
    library, lanes = find_library(str(path), tmp_path), 4
    mapped = map_unit(EnergyDesign(name, str(path), clock_gating=gated), library, 300, tmp_path)
    form, unit = mapped.form, mapped.unit
    circuit = Circuit(mapped.timing, library, lanes, "inertial")
    stimulus = Stimulus(form, mapped.config, unit, "uniform", lanes)
    delay = unit.sum_cycles + 1 + unit.accumulator.write_cycle
    nets = sorted((int(port.removeprefix("value_")), net) for port, net in mapped.timing.flat.outputs)
    totals = {}
    for cycle, ports in zip(range(20), stimulus, strict=False):
        circuit.cycle(ports)
        for lane in range(lanes if cycle >= delay else 0):
            layer, row, column, block, slot = stimulus._place(lane, cycle - delay)
            terms = []
            for side, line in zip(stimulus.pairs[layer], (row, column), strict=True):
                words = side.words[line, 8 * block : 8 * block + 8]
                terms.append([value(form, int(word), int(side.scales[line, block]), 1) for word in words])
            total = np.float32(0 if block == 0 else totals[lane, slot])
            totals[lane, slot] = total + np.float32(sum(a * b for a, b in zip(*terms, strict=True)))
            got = sum((circuit.values[net] >> lane & 1) << place for place, net in nets)
            assert np.array(got, np.uint32).view(np.float32) == totals[lane, slot], (lane, cycle)
    assert len(set(totals.values())) > 3
    for _ in range(delay + 1):
        circuit.reset_counts()
        circuit.cycle(stimulus.quiet(ports))
    kinds = [library.cells[cell.kind] for cell in mapped.timing.cells]
    clocked = sum(count for kind, count in zip(kinds, circuit.clocked, strict=True) if kind.flip_flop)
    assert (clocked == 0) == gated
