"""From a board to its bitstream."""

import json
import os
import re
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from hw.board.boards import PLACEMENT, RESOURCES, Board
from hw.board.top import BoardTop
from hw.config import CoreConfig
from hw.host.tools import ToolError, program_name, run_tool, yosys_command

__all__ = ["BuildError", "BuildPlan", "least_tables", "plan_build", "too_large"]

TOOLS = {
    "YOSYS": "yosys", "NEXTPNR_ECP5": "nextpnr-ecp5", "ECPPACK": "ecppack", "NEXTPNR_ICE40": "nextpnr-ice40",
    "ICEPACK": "icepack",
}  # fmt: skip
"""Variables that name the programs; by default the Yosys of ``hw.host.tools`` and the packages yowasp-*, else the programs."""
BITSTREAMS = {"ecp5": "top.bit", "ice40": "top.bin"}


class BuildError(ToolError):
    """A tool that is missing, or a machine too large for the part."""


def _find(program: str) -> str | None:
    """The program on the path or beside this Python."""
    return which(program) or which(program, path=str(Path(sys.executable).parent))


def _environment() -> dict[str, str]:
    """The process's environment with a program for each tool."""
    chosen = {}
    for variable, program in TOOLS.items():
        default = _find(f"yowasp-{program}") or program
        chosen[variable] = os.environ.get(variable, default)
    return os.environ | chosen


@dataclass
class BuildPlan:
    """Files and commands that make a bitstream.

    Attributes
    ----------
    board, top
        what is built.
    folder
        where.
    files
        text by name.
    steps
        commands, in order.
    """

    board: Board
    top: BoardTop
    folder: Path
    files: dict[str, str]
    steps: list[list[str]]

    def prepare(self) -> None:
        """Write the files.

        Raises
        ------
        BuildError
            if a tool is missing or the folder cannot be written.
        """
        for program, *_ in self.steps:
            if _find(program) is None:
                package = f"yowasp-{program.removeprefix('yowasp-')}"
                raise BuildError(
                    f"{program} was not found; install {package} or set one of {', '.join(TOOLS)} to a program"
                )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, text in self.files.items():
                (self.folder / name).write_text(text)
        except OSError as error:
            raise BuildError(f"{self.folder} must be a writable folder: {error.strerror}") from None

    def name(self, number: int) -> str:
        """The program of a step."""
        return program_name(self.steps[number])

    def run(self, number: int) -> float:
        """Run a step; returns its seconds.

        Raises
        ------
        ToolError
            with the tool's own words, and the name of its log.
        BuildError
            for a machine that the placer finds too large.
        """
        name = self.name(number)
        log = self.folder / f"{name}.log"
        start = time.monotonic()
        try:
            run_tool(self.steps[number], self.folder, log, name)
        except ToolError:
            if cells := re.search(r"\bof (\d+) ICESTORM_LCs", log.read_text(errors="replace")):
                missing = too_large({"logic cells": int(cells[1])}, {"logic cells": self.board.capacity["LUT4"]})
                raise BuildError(f"the machine is too large for {self.board.part}: {missing}; log: {log}") from None
            raise
        return time.monotonic() - start

    def resources(self) -> dict[str, int]:
        """What the synthesised netlist takes."""
        text = (self.folder / "stat.json").read_text()
        cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
        return {name: _sum(cells, rule) for name, rule in RESOURCES[self.board.family].items()}

    def clock_hz(self) -> float:
        """The fastest clock of the routed core, by nextpnr."""
        clocks = json.loads((self.folder / "report.json").read_text())["fmax"]
        if not clocks:
            raise BuildError(f"nextpnr names no clock in {self.folder / 'report.json'}")
        return float(min(clock["achieved"] for clock in clocks.values())) * 1e6

    def utilisation(self) -> dict[str, tuple[int, int]]:
        """(used, available) by the placer's names."""
        report = json.loads((self.folder / "report.json").read_text())["utilization"]
        return {name: (entry["used"], entry["available"]) for name, entry in report.items() if entry["used"]}

    @property
    def bitstream(self) -> Path:
        """The result."""
        return self.folder / BITSTREAMS[self.board.family]

    def operations_per_second(self, clock_hz: float) -> float:
        """Peak, a multiply-accumulate being two operations."""
        return 2 * self.top.config.macs_per_cycle * clock_hz


def _sum(cells: dict[str, int], rule: dict[str, int]) -> int:
    total = 0
    for kind, weight in rule.items():
        name = kind.removeprefix("prefix:")
        fits = str.startswith if name != kind else str.__eq__
        total += weight * sum(count for cell, count in cells.items() if fits(cell, name))
    return total


def too_large(used: dict[str, int], capacity: dict[str, int]) -> str:
    """What is missing on the part, empty if all fits."""
    return ", ".join(
        f"{used[name]} {name} of {room}, {used[name] - room} too many ({100 * used[name] / room - 100:.0f} %)"
        for name, room in capacity.items() if used[name] > room
    )  # fmt: skip


def least_tables(config: CoreConfig) -> int:
    """LUT4 that the array takes at the very least.

    A full adder takes a bit from a unit's heap of partial products and has two outputs, each of at least one table; bits
    of no more than the dot product's width may remain. Multiplier blocks have no such heap.
    """
    if config.datapath == "dsp":
        return 0
    bits = config.dot * config.slice_width**2 - config.dot_sum_width
    return config.rows * config.columns * 2 * max(0, bits)


def plan_build(
    board: Board, folder: Path, config: CoreConfig | None = None, clock_hz: float | None = None, seed: int | None = None
) -> BuildPlan:
    """Elaborate the board's top and say what is to be done.

    Raises
    ------
    ValueError
        for a machine or clock that the board cannot have.
    ToolError
        where there is no Yosys.
    """
    top = BoardTop(board, config, clock_hz)
    placed = board.seed if seed is None else seed
    plan = board.make_platform().prepare(
        top, "top", script_after_synth="tee -q -o stat.json stat -json",
        nextpnr_opts=" ".join(["--report report.json --timing-allow-fail --seed", str(placed), *PLACEMENT[board.family]]),
        debug_verilog=False,
    )  # fmt: skip
    environment = _environment()
    steps = []
    for line in plan.files["build_top.sh"].splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0].removeprefix("$") in TOOLS:
            variable = words[0].removeprefix("$")
            usual = variable == "YOSYS" and variable not in os.environ
            steps.append([*(yosys_command() if usual else [environment[variable]]), *words[1:]])
    files = {name: text for name, text in plan.files.items() if not name.startswith("build_top")}
    return BuildPlan(board, top, folder, files, steps)
