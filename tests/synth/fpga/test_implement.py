"""FPGA measurements: what is refused, what is kept, and that the page holds what the results file gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hw.host.tools import ToolError
from synth.density.components import Adder
from synth.fpga import implement as fpga
from synth.fpga.implement import Resources, Target, implement
from synth.fpga.sets import load, tables
from synth.mapping.tools import nextpnr_version
from synth.report.pages import rewrite

ROOT = Path(__file__).parents[3]
SMALL = Target("int4", "xc7", dot=2, size=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family", "mars"], "family must be one of xc7, ecp5, ice40, nexus, gowin, gatemate, not mars"),
        (["--family", "xc7", "--seeds", "2"], "seeds must be 0 for xc7: clocks are measured for ecp5, ice40, gowin, gatemate"),
        (["--seeds", "-1"], "seeds must be at least 0, not -1"),
        (["--effort", "none"], "effort must be one of area, speed, not none"),
        (["--set", "all"], "set must be one of goals, full, not all"),
        (["--datapath", "magic"], "datapath must be one of structural, carry_chain, dsp, behavioral, not magic"),
        (["--mantissa", "6"], "mantissa is a core's: it needs --core"),
        (["--tile", "2x4"], "tile must have as many rows as columns, not 2x4"),
        (["--timeout", "inf"], "timeout must be a positive number of seconds, not inf"),
        (["--from", "missing.json"], "missing.json cannot be read: No such file or directory"),
        (["--core", "--family", "nexus", "--seeds", "1"], "seeds must be 0 for nexus: "),
        (["--core", "--dot", "5"], "dot must divide block_size 64, not be 5"),
    ],
)
def test_bad_arguments_exit_with_2(arguments, message):
    result = subprocess.run([sys.executable, "-m", "synth", "fpga", *arguments], capture_output=True, text=True)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_tile_is_measured_once_and_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    ran = []

    def interrupted(script, folder, seconds):
        ran.append(folder)
        raise ToolError("interrupted")

    original = fpga.yosys
    monkeypatch.setattr(fpga, "yosys", interrupted)
    with pytest.raises(ToolError, match=r"^interrupted$"):
        implement(SMALL, build=tmp_path)
    monkeypatch.setattr(fpga, "yosys", lambda *arguments: ran.append(arguments[1]) or original(*arguments))
    first = implement(SMALL, build=tmp_path)
    assert first.macs == 2
    assert first.tables == sum(n for kind, n in first.cells.items() if kind.startswith("LUT")) > 40
    assert len(ran) == 2
    assert implement(SMALL, build=tmp_path) == first
    assert len(ran) == 2


def test_another_version_of_a_tool_measures_again(tmp_path, monkeypatch):
    """Of Yosys netlist and clock; of nextpnr the clock."""
    ran = []
    monkeypatch.setattr(fpga, "yosys", lambda *arguments: ran.append("yosys"))
    monkeypatch.setattr(
        fpga, "nextpnr", lambda *arguments: ran.append("nextpnr") or "Max frequency for clock 'clk': 50.00 MHz"
    )

    def measured(yosys, nextpnr):
        ran.clear()
        monkeypatch.setattr(fpga, "yosys_version", lambda: yosys)
        monkeypatch.setattr(fpga, "nextpnr_version", lambda family: nextpnr)
        assert fpga._Flow("adder", "ecp5", "area", False, 60, tmp_path).clocks(Adder(4), 1) == (50.0,)
        return ran.copy()

    assert measured("Yosys 1", "nextpnr 1") == ["yosys", "nextpnr"]
    assert measured("Yosys 1", "nextpnr 1") == []
    assert measured("Yosys 1", "nextpnr 2") == ["nextpnr"]
    assert measured("Yosys 2", "nextpnr 2") == ["yosys", "nextpnr"]


def test_nextpnr_says_which_it_is(tmp_path, monkeypatch):
    (tmp_path / "nextpnr-mars").write_text("#!/bin/sh\necho '\"nextpnr-mars\" (Version nextpnr-0.7)' >&2\n")
    (tmp_path / "nextpnr-mars").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert nextpnr_version("mars") == 'nextpnr-mars: "nextpnr-mars" (Version nextpnr-0.7)'
    with pytest.raises(ToolError, match=r"^nextpnr for venus was not found; run: pip install yowasp-nextpnr-venus$"):
        nextpnr_version("venus")


def test_rows_survive_a_results_file(tmp_path):
    row = Resources("int4", "ecp5", 2, 60, 1, 40, {"LUT4": 60}, (90.0, 110.0, 100.0), {"format": "int4"})
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"rows": [row.to_dict()]}))
    assert load(path) == [row]
    assert row.megahertz == 100


def test_the_page_holds_what_the_results_file_gives(tmp_path):
    copy = tmp_path / "page.md"
    copy.write_text((ROOT / "docs" / "fpga.md").read_text())
    assert not rewrite(copy, tables(load(ROOT / "docs" / "fpga.json"))), (
        "python -m synth fpga --from docs/fpga.json --into docs/fpga.md"
    )


def test_a_page_without_markers_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(ValueError, match=r"page\.md has no markers <!-- filled --> "):
        rewrite(page, tables([]))
