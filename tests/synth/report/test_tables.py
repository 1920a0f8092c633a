"""Tables of the report, line by line."""

import pytest

from synth.report import tables as module
from synth.report.tables import accounting_table, aims_table, best_table, claims_table, other_table, tables
from tests.synth.density.rows import row

TILE = [
    row("hbfp4", 10, 5.0, changes={"parts": {"core": 8, "edge": 2}, "flip_flops": 1.25}),
    row("fp32", 240, 20.0, changes={"parts": {"core": 240}, "bits_per_element": 32.0, "includes": "less"}),
    row("hbfp4", 12, 2.0, effort="speed", cycles=3, tree_cycles=1), row("fp32", 400, 2.5, effort="speed", cycles=2),
]  # fmt: skip


def test_a_line_per_row_with_its_parts_and_ratios():
    table = accounting_table(TILE, "tile")
    assert table.title == "Accounting: tile"
    assert table.headings == ("format", "library", "products", "area/MAC", "core", "edge", "flip-flops", "bits/element", "vs FP32",
                              "× memory", "checked")  # fmt: skip
    assert table.lines == [
        ["hbfp4", "reference", "64", "10.0", "8.0", "2.0", "1.2", "4.125", "24.00", "186", "7"],
        ["fp32", "reference", "64", "240.0", "240.0", "–", "0.5", "32.000", "1.00", "1", "7"],
    ]
    assert table.note == "Area per MAC and its parts, in the library's unit. Counted: all of it (HBFP); less (FP32)."


def test_what_is_counted_alike_is_told_once():
    rows = [row(name, 1) for name in ("hbfp4", "mixed46", "int8")]
    assert accounting_table(rows, "tile").note.endswith("Counted: all of it.")


def test_units_without_an_array_are_counted_whole():
    unit = row("hbfp4-bf16", 3, None, accounting="dot unit", converter="own", changes={"macs": 64})
    base = row("fp32", 90, None, accounting="dot unit", dot=64, changes={"macs": 64})
    table = accounting_table([unit, base], "dot unit, own converter")
    assert [line[2] for line in table.lines] == ["64", "64"]
    assert [line[-3] for line in table.lines] == ["30.00", "1.00"]


def test_best_clocks():
    (ours, theirs) = best_table(TILE).lines
    assert ours == ["hbfp4", "reference", "10.0", "5.00", "12.0", "2.00", "3", "1", "41.667", "1.00"]
    assert theirs[-1] == f"{400 * 2.5 / (12 * 2):.2f}"
    assert "by by hand" in best_table(TILE).note


@pytest.mark.parametrize("left_out", [0, 2])
def test_no_best_clock_without_both_tiles(left_out):
    assert "hbfp4" not in [line[0] for line in best_table([r for i, r in enumerate(TILE) if i != left_out]).lines]


def test_other_shapes_are_those_mapped_by_area():
    rows = [*TILE, row("hbfp4", 9, None, rows=2, columns=8), row("int8", 5, dot=16, rows=1, columns=1)]
    assert other_table(rows).lines == [["hbfp4", "reference", "64", "2x8", "1", "0", "area", "9.0", "–"]]


def test_claims_and_aims_as_text():
    table = claims_table([*TILE, row("hbfp4", 10, library="other")])
    assert table.headings == ("source", "claim", "counted", "published", "reference", "other", "verdict")
    line = next(line for line in table.lines if line[1:3] == ["HBFP4 against FP32", "tile"])
    assert line == ["Accuracy Booster v3", "HBFP4 against FP32", "tile", "21.3", "24.00", "–", "holds"]
    aim = aims_table([row("hbfp4", 92.5, library="nangate45")]).lines
    assert aim == [["HBFP4, area per MAC", "tile", "nangate45", "at most 92", "92.50", "missed"]]


def test_only_tables_with_lines_are_shown():
    titles = [table.title for table in tables(TILE)]
    assert titles == ["Published claims", "At equal clock, reference", "Each format at its own best clock", "Accounting: tile"]
    assert tables([]) == []
    assert set(module.__all__) <= set(dir(module))
