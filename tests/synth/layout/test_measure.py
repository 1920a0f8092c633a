"""From a format to a layout's row, tables and picture, in an abstract LEF of the built-in library."""

import json
from pathlib import Path

import pytest

from synth.__main__ import main
from synth.layout.congestion import Congestion, congestion
from synth.layout.measure import LayoutDesign, LayoutRow
from synth.layout.table import layout_sections
from synth.layout.wires import WireEstimate, estimate_wires
from synth.mapping.liberty import find_library
from synth.sweep import load
from tests.synth.layout.small import LEF, placed

ROOT = Path(__file__).parents[3]


def abstract_lef(path, build) -> None:
    """Every cell of the built-in library as wide as its area, its pins one beside the other."""
    process = LEF.read_text().partition("MACRO INV")[0]
    macros = []
    for cell in find_library("reference", build).cells.values():
        sites = max(len(cell.directions), round(3 * cell.area))
        pins = "".join(
            f"  PIN {pin}\n    DIRECTION {way.upper()} ;\n    PORT\n      LAYER metal1 ;\n        RECT {0.2 * i + 0.05:.2f} 0.8 "
            f"{0.2 * i + 0.15:.2f} 1.2 ;\n    END\n  END {pin}\n" for i, (pin, way) in enumerate(cell.directions.items())
        )  # fmt: skip
        macros.append(f"MACRO {cell.name}\n  CLASS CORE ;\n  SIZE {0.2 * sites:.1f} BY 2 ;\n{pins}END {cell.name}\n")
    path.write_text(process + "".join(macros))


def test_a_unit_is_laid_out_and_found_again(tmp_path, capsys):
    pytest.importorskip("coloquinte")
    abstract_lef(tmp_path / "all.lef", tmp_path)
    (tmp_path / "page.md").write_text("<!-- layout -->\n<!-- /layout -->\n")
    command = ["layout", "--formats", "int4", "--dot", "1", "--tile", "1x1", "--library", "reference", "--lef",
               str(tmp_path / "all.lef"), "--build", str(tmp_path / "build"), "--jobs", "1", "--json", str(tmp_path / "a.json"),
               "--into", str(tmp_path / "page.md"), "--picture", str(tmp_path / "a.png")]  # fmt: skip
    assert main(command) == 0
    first = capsys.readouterr().out
    (value,) = json.loads((tmp_path / "a.json").read_text())["rows"]
    row = LayoutRow.from_dict(value)
    assert row.to_dict() == {**value, "demand": tuple(value["demand"])}
    assert row.macs == 1
    assert row.block_area == pytest.approx(row.buffered_area / 0.7, rel=0.05)
    assert row.wired_period > row.period > 0
    assert 0 < row.demand[0] <= row.demand[1]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "| int4 | reference | 1×1 tile, 1 MACs |" in (tmp_path / "page.md").read_text()
    known = next((tmp_path / "build" / "layouts").glob("*/row.json"))
    known.write_text(known.read_text().replace('"changed": ', '"changed": 7'))  # what is found again
    assert main(command) == 0
    assert capsys.readouterr().out != first


def test_a_picture_needs_the_layout(tmp_path, capsys):
    row = LayoutRow(LayoutDesign("int4", "reference", lef=str(LEF)), 1, 1, 1.0, 1.0, 1.0, 0, 1.0, 1.0, 1.0, 1.0, 1.0,
                    Congestion(0.1, 0.2, 0.0), "cell by cell")  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"rows": [row.to_dict()]}))
    command = [
        "layout",
        "--from",
        str(tmp_path / "a.json"),
        "--build",
        str(tmp_path),
        "--picture",
        str(tmp_path / "a.png"),
    ]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"python -m synth: picture needs layouts made with --build {tmp_path}; that of int4 in reference (tile laid out) "
        "is not there\n"
    )
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--piece", "core"], "piece must be one of tile, unit, not core"),
        (["--effort", "10"], "effort must be at most 9, not 10"),
        (["--utilisation", "0.98"], "utilisation must be at most 0.97, not 0.98"),
        (["--lef", "none.lef"], "LEF file none.lef cannot be read: No such file or directory"),
        ([], "library reference has no LEF file known by name; give its files"),
    ],
)
def test_refuses_in_one_line(options, text, capsys):
    assert main(["layout", "--formats", "int4", "--library", "reference", *options]) == 2
    assert capsys.readouterr().err == f"python -m synth: {text}\n"


def test_tracks_that_wires_need(tmp_path):
    placement = placed()  # 4 by 6 µm: one square of 10 µm
    wires = estimate_wires(placement, find_library("reference", tmp_path), {2}, top=4)
    total = sum(wires.length.values())
    found = congestion(placement, wires, top=4)
    across, up = (placement.lef.wiring(horizontal, 4).tracks for horizontal in (True, False))
    spans = [sum(abs(tree.points[i][axis] - tree.points[p][axis]) for tree in wires.trees.values()
                 for i, p in enumerate(tree.parents) if p >= 0) / 1000 for axis in (0, 1)]  # fmt: skip
    assert sum(spans) == pytest.approx(total)
    assert found.mean == pytest.approx((spans[0] / across + spans[1] / up) / 2 / 100)
    assert found.over == 0
    assert congestion(placement, WireEstimate(), top=4) == (0, 0, 0)


def test_the_page_shows_the_results_file():
    page, rows = (ROOT / "docs/layout.md").read_text(), load(ROOT / "docs/layout.json", LayoutRow)
    for name, text in layout_sections(rows).items():
        assert f"<!-- {name} -->\n{text}<!-- /{name} -->" in page
