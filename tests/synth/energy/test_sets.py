"""Which energies the documentation shows."""

from hw.baseline.formats import format_named
from synth.density.sets import clocks_of
from synth.energy.circuit import DELAYS
from synth.energy.operands import STATISTICS
from synth.energy.sets import FLOAT_DOT, PIPELINES, RELAXED, equal_clock_designs, relaxed_designs


def test_every_format_has_its_floor_and_its_glitches():
    for designs, names in ((equal_clock_designs("nangate45"), PIPELINES), (relaxed_designs("nangate45"), RELAXED)):
        for name in names:
            ways = {(d.statistics, d.delays) for d in designs if d.format == name}
            assert {("digits", "none"), ("digits", "inertial")} <= ways
        assert len(set(designs)) == len(designs)
        assert all(d.statistics in STATISTICS and d.delays in DELAYS for d in designs)


def test_ceilings_and_uniform_operands_are_of_some():
    designs = equal_clock_designs("nangate45")
    assert {d.format for d in designs if d.delays == "transport"} == {"hbfp4", "int4"}
    assert {d.format for d in designs if d.statistics == "uniform"} == {"hbfp4", "mxfp4", "int4", "fp32"}


def test_units_of_floats_are_smaller():
    for design in (*equal_clock_designs("nangate45"), *relaxed_designs("nangate45")):
        assert design.dot == (FLOAT_DOT if format_named(design.format).kind == "float" else None)


def test_targets_follow_the_library_s_clock():
    for library in ("nangate45", "sky130"):
        designs = equal_clock_designs(library)
        assert {d.clock for d in designs} == {clocks_of(library)[4]}
        target = next(d.target for d in designs if d.format == "hbfp4")
        assert target == round(2.418 * clocks_of(library)[4] / 2.1, 3)
    assert all(d.clock is None and d.target is None and d.effort == "area" for d in relaxed_designs("sky130"))
