"""``python -m synth energy``: femtojoules per multiply-accumulate of formats."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from hw.baseline.formats import format_named
from hw.host.files import keep
from hw.host.tools import yosys_version
from synth.density.cli import failed, libraries_named
from synth.energy.circuit import DELAYS
from synth.energy.measure import EnergyDesign, EnergyRow, measure_energy
from synth.energy.operands import STATISTICS
from synth.energy.plot import plot_energy
from synth.energy.sets import equal_clock_designs, relaxed_designs
from synth.energy.table import energy_sections, energy_tables
from synth.mapping.recipes import EFFORTS
from synth.options import (
    Commands,
    add_clock_gating,
    add_page_options,
    add_run_options,
    add_tile_options,
    at_least,
    positive,
)
from synth.report.pages import rewrite
from synth.sweep import Failure, load, sweep

__all__ = ["add_command"]


def add_command(commands: Commands) -> None:
    """Add ``energy`` to the commands."""
    parser: argparse.ArgumentParser = commands.add_parser("energy", help="energy per multiply-accumulate of formats")
    parser.set_defaults(run=run)
    add_tile_options(parser)
    parser.add_argument("--accumulator-cycles", type=at_least("accumulator_cycles", 1), default=1, metavar="N",
                        help="register stages of the accumulator (default 1)")  # fmt: skip
    parser.add_argument("--tree-cycles", type=at_least("tree_cycles", 0), default=0, metavar="N",
                        help="register stages of the sum of products (default 0)")  # fmt: skip
    parser.add_argument("--effort", default="area", metavar="NAME", help=f"of {', '.join(EFFORTS)} (default area)")
    parser.add_argument("--target", type=positive("target", "ns"), metavar="NS",
                        help="with speed: what each part should need at most")  # fmt: skip
    parser.add_argument("--clock", type=positive("clock", "ns"), metavar="NS",
                        help="period in which leakage is counted (default: the least)")  # fmt: skip
    add_clock_gating(parser)
    parser.add_argument("--delays", default="none,inertial", metavar="NAMES",
                        help=f"of {', '.join(DELAYS)}: settled values, glitches of gates' delays, every pulse "
                        "(default none,inertial)")  # fmt: skip
    parser.add_argument("--operands", default=",".join(STATISTICS), metavar="NAMES", help=f"of {', '.join(STATISTICS)}")
    parser.add_argument("--library", default="first", metavar="NAMES",
                        help="names or files, with commas between; first or all of those known by name that are here")  # fmt: skip
    add_page_options(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture of them, PNG or SVG")
    add_run_options(parser, 900)
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE",
                        help="write results as JSON, to standard output or a file")  # fmt: skip


def _designs(options: argparse.Namespace) -> list[EnergyDesign]:
    libraries = libraries_named(options.library)
    if not options.formats:
        return [design for library in libraries for design in (*equal_clock_designs(library), *relaxed_designs(library))]
    names = options.formats.split(",")
    for name in names:
        format_named(name)
    return [
        EnergyDesign(name, library, statistics, delays, options.dot, options.accumulator_cycles, options.tree_cycles,
                     options.effort, options.target, options.clock, options.clock_gating)
        for library in libraries for name in names for statistics in options.operands.split(",")
        for delays in options.delays.split(",")
    ]  # fmt: skip


def run(options: argparse.Namespace, console: Console, command: str) -> int:
    """Measure, or read, and show; the exit status."""
    failures: list[Failure[EnergyDesign]] = []
    if options.source:
        rows = load(options.source, EnergyRow)
    else:
        rows, failures = sweep(_designs(options), measure_energy, jobs=options.jobs, dask=options.dask,
                               seconds=options.timeout, build=options.build)  # fmt: skip
    value = {"command": command, "yosys": yosys_version(), "rows": [row.to_dict() for row in rows],
             "failures": [{"design": design.label, "error": error} for design, error in failures]}  # fmt: skip
    text = json.dumps(value, indent=1, sort_keys=True) + "\n"
    if options.json == "-":
        sys.stdout.write(text)
        return failed(failures)
    console.print(*(table.terminal() for table in energy_tables(rows)))
    if options.json:
        keep(Path(options.json), text)
    if options.plot:
        plot_energy(rows, options.plot)
    for page in options.into:
        console.print(f"{page}: {'rewritten' if rewrite(page, energy_sections(rows)) else 'up to date'}")
    return failed(failures)
