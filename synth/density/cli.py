"""``python -m synth density``: formats in one accounting."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from hw.baseline.formats import FORMATS, format_named
from synth.density.measure import measure
from synth.density.row import ACCOUNTINGS, CONVERTERS, Design
from synth.density.sets import QUICK
from synth.mapping.flow import BUILD
from synth.mapping.liberty import find_library, known_libraries
from synth.mapping.recipes import EFFORTS
from synth.options import Commands, add_clock_gating, add_run_options, at_least, positive, size
from synth.sweep import Labelled, save, sweep
from synth.table import Table

__all__ = ["add_command", "failed", "found_libraries", "libraries_named"]


def add_command(commands: Commands) -> None:
    """Add ``density`` to the commands."""
    parser: argparse.ArgumentParser = commands.add_parser("density", help="measure formats in one accounting")
    parser.set_defaults(run=run)
    parser.add_argument("--formats", default=",".join(QUICK), metavar="NAMES",
                        help=f"of {', '.join(FORMATS)}; block formats take /N")  # fmt: skip
    parser.add_argument("--accounting", default="tile", metavar="NAME",
                        help=f"what is counted, of {', '.join(ACCOUNTINGS)} (default tile)")  # fmt: skip
    parser.add_argument("--converter", default="none", metavar="NAME",
                        help=f"of a dot unit, of {', '.join(CONVERTERS)} (default none)")  # fmt: skip
    parser.add_argument("--dot", type=at_least("dot", 1), metavar="N",
                        help="products per unit and cycle (default: a block, or 64)")  # fmt: skip
    parser.add_argument("--tile", type=size("tile"), default=(4, 4), metavar="RxC",
                        help="unit rows and columns of a tile (default 4x4)")  # fmt: skip
    parser.add_argument("--mesh", type=size("mesh"), default=(1, 1), metavar="RxC",
                        help="tile rows and columns of an array, as many of both (default 1x1)")  # fmt: skip
    parser.add_argument("--accumulator-cycles", type=at_least("accumulator_cycles", 1), default=1, metavar="N",
                        help="register stages of the accumulator (default 1)")  # fmt: skip
    parser.add_argument("--tree-cycles", type=at_least("tree_cycles", 0), default=0, metavar="N",
                        help="of the sum of products; of floats 0 to 3, more in each operation (default 0)")  # fmt: skip
    parser.add_argument("--effort", default="area", metavar="NAME",
                        help=f"what mapping aims at, of {', '.join(EFFORTS)} (default area)")  # fmt: skip
    parser.add_argument("--target", type=positive("target", "ns"), metavar="NS",
                        help="with speed: what each part should need at most (default: least area times delay)")  # fmt: skip
    parser.add_argument("--no-clock-gates", action="store_true", help="enabled registers get multiplexers instead")
    add_clock_gating(parser)
    parser.add_argument("--library", default="reference", metavar="NAMES",
                        help="names or files, with commas between; first or all of those known by name that are here")  # fmt: skip
    add_run_options(parser, 900)
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE",
                        help="write results as JSON, to standard output or a file")  # fmt: skip


def found_libraries() -> list[str]:
    """Libraries that are here, the built-in one only if there is no other."""
    found = [name for name, path in known_libraries().items() if path and name != "reference"]
    return found or ["reference"]


def libraries_named(names: str) -> list[str]:
    """Libraries by name or file; "first" and "all" of those that are here."""
    if names in ("all", "first"):
        return found_libraries() if names == "all" else found_libraries()[:1]
    for name in names.split(","):
        find_library(name, BUILD)
    return names.split(",")


def failed(failures: Iterable[tuple[Labelled, str]]) -> int:
    """Say what was not measured; the exit status."""
    for design, error in failures:
        print(f"{design.label}: {error}", file=sys.stderr)
    return 1 if failures else 0


def _designs(options: argparse.Namespace) -> list[Design]:
    names = options.formats.split(",")
    for name in names:
        format_named(name)
    if options.mesh[0] != options.mesh[1]:
        raise ValueError(f"mesh must have as many rows as columns, not {options.mesh[0]}x{options.mesh[1]}")
    rows, columns = options.tile
    return [
        Design(name, library, options.dot, rows, columns, options.accumulator_cycles, not options.no_clock_gates,
               options.accounting, options.converter, options.tree_cycles, options.effort, options.mesh[0], options.target,
               options.clock_gating)
        for library in libraries_named(options.library) for name in names
    ]  # fmt: skip


def run(options: argparse.Namespace, console: Console, command: str) -> int:
    """Measure and show; the exit status."""
    rows, failures = sweep(
        _designs(options), measure, jobs=options.jobs, dask=options.dask, seconds=options.timeout, build=options.build
    )
    if options.json == "-":
        json.dump([row.to_dict() for row in rows], sys.stdout, indent=1)
        print()
        return failed(failures)
    parts = list(dict.fromkeys(part for row in rows for part in row.parts))
    lines = [
        [row.design.format, row.design.library, f"{row.area:.1f}", *(f"{row.parts.get(part, 0):.1f}" for part in parts),
         f"{row.period:.2f}" if row.period else "–", row.timing]
        for row in rows
    ]  # fmt: skip
    title = f"Area per MAC, {options.accounting}"
    console.print(Table(title, "", ("format", "library", "area", *parts, "ns", "timing"), lines, 2).terminal())
    if options.json:
        save(Path(options.json), rows, failures, command)
    return failed(failures)
