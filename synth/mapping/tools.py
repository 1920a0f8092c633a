"""The programs of static timing, and of placement and routing: the one place that knows them. Yosys is in ``hw.host.tools``."""

import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from hw.host.tools import ToolError, run_tool

__all__ = ["nextpnr", "nextpnr_version", "qrouter", "sta_version", "static_timing"]


@cache
def sta_version() -> str | None:
    """Version of OpenSTA, or ``None`` where it is not installed."""
    if shutil.which("sta") is None:
        return None
    return "OpenSTA " + subprocess.run(["sta", "-version"], capture_output=True, text=True).stdout.strip()


def static_timing(liberty: Path, netlists: list[Path], top: str, folder: Path, seconds: float = 300) -> float:
    """Least clock period in ns by OpenSTA: ideal clock, no wires, inputs and outputs at the clock's edge."""
    # It would add the wires of the library's default model otherwise.
    text = re.sub(r"^\s*default_wire_load.*$", "", liberty.read_text(errors="replace"), flags=re.MULTILINE)
    cells = folder / "cells.lib"
    cells.write_text(text)
    script = "\n".join([
        f"read_liberty {cells}",
        *(f"read_verilog {path}" for path in netlists),
        f"link_design {top}",
        "create_clock -name clock -period 1000 [get_ports clk]",
        "set_input_delay 0 -clock clock [all_inputs]",
        "set_output_delay 0 -clock clock [all_outputs]",
        "report_checks -digits 4",
        "exit",
    ])  # fmt: skip
    (folder / "timing.tcl").write_text(script)
    unit = re.search(r'^\s*time_unit\s*:\s*"?1([fpn])s', text[:100_000], re.MULTILINE)
    log = run_tool(["sta", "-no_splash", "-exit", "timing.tcl"], folder, folder / "sta.log", "OpenSTA", seconds)
    cells.unlink()
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", log, re.MULTILINE)
    if slack is None or re.search(r"^Error", log, re.MULTILINE):
        raise ToolError(f"OpenSTA reported no path; log: {folder / 'sta.log'}")
    return (1000 - float(slack[1])) * {"f": 1e-6, "p": 1e-3, "n": 1.0}[unit[1] if unit else "n"]


def qrouter(script: str, folder: Path, seconds: float = 900) -> str:
    """Run a script of qrouter in ``folder``; returns its log."""
    if shutil.which("qrouter") is None:
        raise ToolError("qrouter was not found; run: apt-get install qrouter")
    (folder / "route.tcl").write_text(script)
    return run_tool(["qrouter", "-nog", "-s", "route.tcl"], folder, folder / "qrouter.log", "qrouter", seconds)


def _nextpnr(family: str) -> tuple[list[str], str]:
    """The command of a family's nextpnr, and the package it is from; empty for a program."""
    package, word = f"yowasp-nextpnr-{family}", family.replace("-", "_")
    module = f"yowasp_nextpnr_{word}"
    if find_spec(module):
        return [sys.executable, "-c", f"import sys, {module} as n; sys.exit(n.run_nextpnr_{word}(sys.argv[1:]))"], package
    if shutil.which(f"nextpnr-{family}"):
        return [f"nextpnr-{family}"], ""
    raise ToolError(f"nextpnr for {family} was not found; run: pip install {package}")


@cache
def nextpnr_version(family: str) -> str:
    """Program or package, and version.

    Raises
    ------
    ToolError
        where there is none.
    """
    command, package = _nextpnr(family)
    if package:
        return f"{package} {version(package)}"
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return f"{command[0]}: {(done.stdout + done.stderr).strip()}"


def nextpnr(family: str, arguments: list[str], folder: Path, seconds: float = 1800) -> str:
    """Run nextpnr of a family (its wheel, or a native program); returns its log."""
    return run_tool([*_nextpnr(family)[0], *arguments], folder, folder / "nextpnr.log", "nextpnr", seconds)
