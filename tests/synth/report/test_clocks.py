"""Formats are compared at one clock, each in the smallest tile that runs at it."""

import pytest

from synth.density.row import Design, Row
from synth.report.claims import ratio
from synth.report.clocks import at_clock, best, curve, equal_clock, without_dominated
from synth.report.tables import clock_table


def row(name, area, period, effort="speed", **design):
    return Row(Design(name, effort=effort, **design), area, {"core": area}, 0, period, "by hand", 4, 1, 1024, "all of it")


RELAXED = row("hbfp4", 10, 6.0, "area")
MIDDLE = row("hbfp4", 12, 2.0, cycles=3)
FAST = row("hbfp4", 20, 1.0, cycles=5)
WORSE = row("hbfp4", 13, 2.5, cycles=3, target=3.0)
OTHER_SHAPE = row("hbfp4", 1, 0.1, "area", rows=2)
SLOW = row("fp32", 240, 9.0, "area")
QUICK = row("fp32", 500, 1.9)
SINGLE = row("nvfp4", 30, 2.0, cycles=3, tree_cycles=1)
ONLY = row("int4", 8, 2.0, "area")
ROWS = [RELAXED, WORSE, FAST, MIDDLE, OTHER_SHAPE, SLOW, QUICK, ONLY, SINGLE, row("nvfp4", 24, 6.0, "area")]


def test_a_curve_holds_what_nothing_is_better_than():
    assert curve(ROWS, "reference", "hbfp4") == [FAST, MIDDLE, RELAXED]
    assert without_dominated(ROWS) == [r for r in ROWS if r is not WORSE]


def test_at_a_clock_the_smallest_that_meets_it_counts():
    assert at_clock(ROWS, "reference", "hbfp4", 2.4) is MIDDLE
    assert at_clock(ROWS, "reference", "hbfp4", 1.0) is FAST
    assert at_clock(ROWS, "reference", "hbfp4", 0.9) is None


def test_a_format_whose_pipelines_were_not_searched_is_compared_where_its_smallest_tile_runs():
    assert at_clock(ROWS, "reference", "int4", 6.7) is at_clock(ROWS, "reference", "int4", 2.0) is ONLY
    assert at_clock(ROWS, "reference", "int4", 1.9) is None
    assert best(ROWS, "reference", "int4") is None


def test_what_was_mapped_for_the_equal_clock_is_compared_at_the_equal_clock_alone():
    assert at_clock(ROWS, "reference", "nvfp4", 2.1) is SINGLE
    assert at_clock(ROWS, "reference", "nvfp4", 4.3) is None
    assert at_clock(ROWS, "reference", "nvfp4", 6.7).area == 24
    assert best(ROWS, "reference", "nvfp4") is None


def test_ratios_at_equal_clock_are_not_those_of_the_smallest_tiles():
    assert equal_clock("reference") == 2.1
    assert ratio(ROWS, "reference", "hbfp4", "fp32", "tile") == 24
    assert ratio(ROWS, "reference", "hbfp4", "fp32", "equal clock") == pytest.approx(500 / 12)
    assert ratio(ROWS, "reference", "hbfp4", "fp32", "best clock") == pytest.approx(500 * 1.9 / 20)


def test_the_table_has_every_clock_and_a_dash_where_none_is_fast_enough():
    lines = clock_table(ROWS, "reference").lines
    assert lines[0][:2] == ["hbfp4", "10.0 (1.00)"]
    assert [line[0] for line in lines] == ["hbfp4", "fp32", "int4", "nvfp4"]
    assert lines[2] == ["int4", "8.0 (0.80)", *["8.0 (0.67)"] * 4, *["–"] * 3]
    assert lines[3] == ["nvfp4", "24.0 (2.40)", *["–"] * 3, "30.0 (2.50)", *["–"] * 3]
    assert lines[1][-4:] == ["500.0 (41.67)", "–", "–", "–"]
