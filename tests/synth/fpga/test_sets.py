"""Sets of tiles, and the tables of a page that are made of their rows."""

from dataclasses import asdict

import pytest

from synth.fpga.families import FAMILIES
from synth.fpga.implement import Resources, Target
from synth.fpga.sets import SETS, load, tables


def row(target, tables, macs=256, multipliers=0, clocks=()):
    return Resources(target.format, target.family, macs, tables, multipliers, 9, {}, clocks, asdict(target))


@pytest.mark.parametrize("name", SETS)
def test_targets_stand_once_and_can_be_measured(name):
    targets = SETS[name]()
    assert len(set(targets)) == len(targets)
    assert all(FAMILIES[target.family].placement for target in targets if target.seeds)
    assert all(FAMILIES[target.family].multiplier for target in targets if target.datapath == "dsp")


def test_goals_are_among_all():
    assert set(SETS["goals"]()) < set(SETS["full"]())


def test_the_smaller_body_without_blocks_is_shown():
    rows = [row(Target("hbfp4", "xc7", 16, 1), 480, 16), row(Target("hbfp4", "xc7", 16, 1, datapath="structural"), 400, 16)]
    rows.append(row(Target("hbfp4", "ecp5", 16, 1, datapath="dsp"), 320, 16, multipliers=8))
    line = tables(rows)["cells"].splitlines()[2]
    assert line == "| hbfp4 | 25.0 | – | – | 20.0 + 0.50 | – | – | – | – |"


def test_lines_without_any_figure_are_left_out():
    (headings, rule, *lines) = tables([row(Target("int8", "ecp5"), 2560)])["tiles"].splitlines()
    assert headings == "| tables per MAC | xc7 | xc7, with blocks | ecp5 | ecp5, with blocks |"
    assert rule == "| --- | ---: | ---: | ---: | ---: |"
    assert lines == ["| int8 | – | – | 10.0 | – |"]


def test_clocks_are_medians_with_each_seed_beside():
    target = Target("hbfp4/16", "ecp5", 16, 1, 2, 5, "carry_chain", seeds=5, effort="speed")
    text = tables([row(target, 700, 16, clocks=(120.0, 100.04, 140.0))])["clocks"]
    assert text.splitlines()[2:] == ["| hbfp4/16 | ecp5 | 16 | 2, 5 | 700 | 9 | 120.0 | 120.0, 100.0, 140.0 |"]


def test_rows_survive_a_file(tmp_path):
    import json

    rows = [row(Target("hbfp4", "ecp5"), 5, clocks=(1.5, 2.5))]
    (tmp_path / "a.json").write_text(json.dumps({"rows": [r.to_dict() for r in rows]}))
    assert load(tmp_path / "a.json") == rows
    assert rows[0].megahertz == 2.0
    assert row(Target("hbfp4", "ecp5"), 512).megahertz is None
    assert row(Target("hbfp4", "ecp5"), 512).tables_per_mac == 2.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"family": "mars"}, "family must be one of xc7, ecp5, ice40, nexus, gowin, gatemate, not mars"),
        ({"seeds": -1}, "seeds must be at least 0, not -1"),
        ({"family": "xc7", "seeds": 1}, "seeds must be 0 for xc7: clocks are measured for ecp5, ice40, gowin, gatemate"),
        ({"effort": "most"}, "effort must be one of area, speed, not most"),
        ({"dot": 5}, "dot must divide block_size 64, not be 5"),
        ({"datapath": "magic"}, "datapath must be one of structural, carry_chain, dsp, behavioral, not magic"),
    ],
)
def test_what_cannot_be_measured_is_refused(fields, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Target(**{"format": "hbfp4"} | fields)


def test_integers_are_multiplied_by_pairs_in_the_body_for_chips_alone():
    assert Target("int8", datapath="structural").number_format().kind == "paired"
    assert Target("int8").number_format().kind == "integer"
    assert Target("mxint8").number_format().kind != "integer"
    assert Target("int8").label == "int8 in ecp5 (carry_chain)"
