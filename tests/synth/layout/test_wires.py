"""Loads and delays of wires, and timing with them, against sums by hand."""

import pytest

from synth.layout.files.lef import Wiring
from synth.layout.steiner import Tree
from synth.layout.wires import clock_nets, elmore, estimate_wires
from synth.mapping.liberty import find_library
from synth.mapping.timing import Wires, analyse_flat
from tests.synth.layout.small import design, placed


def test_elmore_of_a_branch():
    # 2 µm across to a point, from there 3 µm up to a pin of 5 fF and 1 µm across to one of 7 fF.
    tree = Tree([(0, 0), (2000, 3000), (3000, 0), (2000, 0)], [-1, 3, 3, 0])
    across, up = Wiring(2.0, 0.1, 1.0), Wiring(4.0, 0.3, 1.0)
    total, delays = elmore(tree, [0.0, 5.0, 7.0], [across, up], 1000)
    assert total == pytest.approx(0.2 + 0.9 + 0.1)
    trunk = 2 * 2 * (0.1 + 0.9 + 5 + 0.1 + 7)
    assert delays == pytest.approx([
        0, (trunk + 3 * 4 * (0.45 + 5)) * 1e-3, (trunk + 1 * 2 * (0.05 + 7)) * 1e-3, trunk * 1e-3,
    ])  # fmt: skip


def test_every_net_but_the_clock_has_a_tree_from_its_driver(tmp_path):
    library, placement = find_library("reference", tmp_path), placed()
    clocks = clock_nets(placement, library)
    assert clocks == {2}
    wires = estimate_wires(placement, library, clocks, top=4)
    assert set(wires.trees) == {3, 4, 5, 6, 7, 8, 9, 10}
    assert [(pins[0].cell, pins[0].pin) for pins in wires.pins.values()] == [
        (-1, "i"), (0, "Q"), (1, "Y"), (2, "Y"), (3, "Y"), (4, "Y"), (5, "Y"), (6, "Y"),
    ]  # fmt: skip
    # A cell on its head: INV at (200, 2000), its A 600 from below, so 1400 from above.
    assert placement.at(2, "A") == (300, 3400)
    # Net 5 from NAND2 at 2600: Y at (3500, 600), to D of the flip-flop at (300, 600).
    assert wires.length[5] == pytest.approx(3.2)
    assert wires.capacitance[5] == pytest.approx(3.2 * 0.11)
    delay = 3.2 * 2.0 * (3.2 * 0.11 / 2 + 1.0) * 1e-3  # the pin takes 1 fF
    assert wires.delay[0, "D"] == pytest.approx(delay)


def test_timing_adds_loads_and_delays(tmp_path):
    library = find_library("reference", tmp_path)
    bare = analyse_flat(design(), library)
    # 4 ps for each 0.001 pF, of an inverter on the way out; delays in ns.
    loaded = analyse_flat(design(), library, Wires({8: 0.002}))
    assert loaded.period * loaded.unit == pytest.approx(bare.period * bare.unit + 0.008)
    late = analyse_flat(design(), library, Wires({}, {(5, "A"): 0.05, (-1, "o"): 0.02}))
    assert late.period == pytest.approx(bare.period + 0.07)
    held = analyse_flat(design(), library, Wires({}, {(0, "D"): 10.0}))
    assert held.period > 10.0


def test_estimates_come_in_the_librarys_units(tmp_path):
    library = find_library("reference", tmp_path)  # of pF and ns
    wires = estimate_wires(placed(), library, {2}, top=4)
    units = wires.for_timing(library)
    assert units.load[5] == pytest.approx(wires.capacitance[5] / 1e3)
    assert units.delay[0, "D"] == pytest.approx(wires.delay[0, "D"] / 1e3)
