"""Designs and rows: what tells them apart, and that nothing is lost on the way through a file."""

import json
from dataclasses import replace

from synth.density.row import Design, Row

ROW = Row(Design("mxfp4/16", "sky130", 8, 2, 3, 4, False, "array", "own", 2, "speed", 2, 1.5), 12.5, {"core": 10.0, "edge": 2.5},
          3.0, 2.5, "by hand", 4.125, 96, 48, "all of it", 7.5, {"a": "b"}, {"yosys": "1"})  # fmt: skip


def test_a_row_is_the_same_after_a_file():
    assert Row.from_dict(json.loads(json.dumps(ROW.to_dict()))) == ROW


def test_density_is_operations_for_time_and_area():
    assert ROW.density == 2 / (2.5 * 12.5)
    assert replace(ROW, period=None).density == 0.0


def test_the_tile_that_formats_are_compared_in():
    assert Design("hbfp4").usual
    assert Design("hbfp4", "sky130", target=2.0, mesh=3).usual, "what does not change its tile"
    for change in ({"dot": 64}, {"rows": 2}, {"columns": 2}, {"cycles": 2}, {"tree_cycles": 1}, {"effort": "speed"},
                   {"clock_gates": False}, {"clock_gating": True}, {"accounting": "array"}):  # fmt: skip
        assert not Design("hbfp4", **change).usual


def test_a_cell_is_one_unit_of_sixteen():
    assert Design("int8", dot=16, rows=1, columns=1).cell
    for change in ({"dot": 8}, {"rows": 2}, {"columns": 2}, {"effort": "speed"}, {"accounting": "dot unit"}):
        assert not replace(Design("int8", dot=16, rows=1, columns=1), **change).cell


def test_what_a_progress_bar_says():
    assert Design("fp32").label == "fp32 in reference (tile)"
    assert ROW.design.label == "mxfp4/16 in sky130 (array)"
