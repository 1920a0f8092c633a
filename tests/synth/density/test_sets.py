"""Sets of designs: everything the tables and claims ask for, each once."""

from collections import Counter
from pathlib import Path

import pytest

from hw.baseline.formats import FORMATS, format_named
from synth.density.row import ACCOUNTINGS
from synth.density.sets import CLOCKS, CURVES, EQUAL_CLOCK, ONE_CLOCK, QUICK, SETS, SLOWER, STAGES, clocks_of, curve
from synth.mapping.recipes import EFFORTS
from synth.report.claims import CLAIMS, SELECTORS
from synth.report.clocks import at_clock
from synth.sweep import load
from tests.synth.density.rows import row_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", SETS)
def test_designs_are_of_known_formats_and_accountings(name):
    for design in SETS[name](["nangate45", "sky130"]):
        format_named(design.format)
        assert design.accounting in ACCOUNTINGS
        assert design.library in ("nangate45", "sky130")


@pytest.mark.parametrize("name", ["full", "clock", "clocks", "silicon"])
def test_nothing_is_measured_twice(name):
    twice = [design for design, count in Counter(SETS[name](["nangate45", "sky130"])).items() if count > 1]
    assert twice == []


def test_sets_contain_each_other():
    libraries = ["nangate45", "sky130"]
    quick, full, clock, clocks, silicon = (set(SETS[name](libraries)) for name in ("quick", "full", "clock", "clocks", "silicon"))
    assert quick < full
    assert full | clock | clocks == silicon
    assert not clock & clocks
    assert {design.format for design in quick if design.usual} == set(QUICK)
    assert {design.format for design in full if design.usual and "/" not in design.format} == set(FORMATS)


def test_every_claim_can_be_made_from_the_largest_set():
    rows = [row_of(design) for design in SETS["silicon"](["nangate45"])]
    for claim in CLAIMS:
        if claim.accounting in SELECTORS:
            for name in (claim.ours, claim.other):
                found = [row for row in rows if SELECTORS[claim.accounting](row) and name.split("/")[0] in row.design.format]
                assert found, (claim, name)


def test_one_pipeline_is_that_of_searched_formats_at_the_equal_clock():
    rows = load(ROOT / "docs" / "density.json")
    for name in set(CURVES) - {"bf16-bf16"}:  # sums in FP32 or integers, as of the formats that are not searched
        found = at_clock(rows, "nangate45", name, 2.1)
        form, d = format_named(name), found.design
        assert (d.cycles, d.tree_cycles) == ((3, 2) if form.kind == "float" else (3, 1) if form.block_size else (1, 1)), name
        assert set(found.scripts.values()) <= {*EFFORTS["clock"], "amap"}, name
    for design in SETS["clock"](["sky130"]):
        assert (design.cycles, design.tree_cycles) == ONE_CLOCK[design.format]
    assert {d.target for d in SETS["clock"](["sky130"])} == {round(0.93 * clocks_of("sky130")[i], 3) for i in (0, 3, 4)}


def test_clocks_are_scaled_to_the_library():
    assert clocks_of("nangate45") == list(CLOCKS)
    assert clocks_of("sky130") == [round(4.5 * clock, 2) for clock in CLOCKS]
    assert clocks_of("a library of someone's") == list(CLOCKS)
    assert CLOCKS[EQUAL_CLOCK] == 2.1
    assert sorted(CLOCKS, reverse=True) == list(CLOCKS)
    assert set(SLOWER) == {"nangate45", "sky130", "sg13g2", "osu018", "reference"}


@pytest.mark.parametrize(("name", "kind"), [("bf16", "float"), ("int8", "integer"), ("mxfp4", "block"), ("hbfp4", "block")])
def test_a_curve_has_each_pipeline_for_each_clock(name, kind):
    designs = curve(name, "reference")
    assert len(designs) == len(STAGES[kind]) * (1 + len(CLOCKS))
    assert {(design.cycles, design.tree_cycles) for design in designs} == set(STAGES[kind])
    assert all(design.effort == "speed" for design in designs)
    assert {design.target for design in designs} == {None, *(round(0.93 * clock, 3) for clock in CLOCKS)}
    assert name in CURVES
