"""Command line of the density flow: ``python -m synth density|report|fpga|libraries``."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from hw.baseline.formats import FORMATS, format_named
from synth.density.row import ACCOUNTINGS, CONVERTERS, Design
from synth.density.sets import QUICK, full, quick
from synth.fpga import cli as fpga_cli
from synth.mapping.flow import BUILD
from synth.mapping.liberty import LibraryError, find_library, known_libraries
from synth.mapping.recipes import EFFORTS
from synth.mapping.tools import ToolError
from synth.report.document import markdown, sections, write_html
from synth.report.pages import rewrite
from synth.report.tables import Table as Results
from synth.report.tables import claims_table, tables
from synth.sweep import add_sweep_options, load, save, sweep


def _found() -> list[str]:
    """Libraries that are here, the built-in one only if there is no other."""
    found = [name for name, path in known_libraries().items() if path and name != "reference"]
    return found or ["reference"]


def _libraries(names: str) -> list[str]:
    if names in ("all", "first"):
        return _found() if names == "all" else _found()[:1]
    for name in names.split(","):
        find_library(name, BUILD)
    return names.split(",")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m synth", description="Area, clock and density of number formats.")
    commands = parser.add_subparsers(dest="command", required=True)
    density = commands.add_parser("density", help="measure formats in one accounting")
    density.add_argument("--formats", default=",".join(QUICK), help=f"of {', '.join(FORMATS)}; block formats take /N")
    density.add_argument("--accounting", default="tile", choices=ACCOUNTINGS, help="what is counted (default tile)")
    density.add_argument("--converter", default="none", choices=CONVERTERS, help="of a dot unit (default none)")
    density.add_argument("--dot", type=int, help="products per unit and cycle (default: a block, or 64)")
    density.add_argument("--rows", type=int, default=4, help="unit rows of a tile (default 4)")
    density.add_argument("--columns", type=int, default=4, help="unit columns of a tile (default 4)")
    density.add_argument("--mesh", type=int, default=1, help="tiles in a row of an array (default 1)")
    density.add_argument("--accumulator-cycles", type=int, default=1, help="register stages of the accumulator")
    density.add_argument("--tree-cycles", type=int, default=0, help="of the sum of products; of floats, per operation")
    density.add_argument("--effort", default="area", choices=EFFORTS, help="what mapping aims at (default area)")
    density.add_argument("--no-clock-gates", action="store_true", help="enabled registers get multiplexers instead")
    report = commands.add_parser("report", help="the report: tables, plots, HTML, JSON")
    report.add_argument("--full", action="store_true", help="every format, accounting, block size, shape and library")
    report.add_argument("--from", dest="source", type=Path, help="make it from a results file instead of measuring")
    report.add_argument("--again", type=Path, help="measure the designs of a results file, instead of a set")
    report.add_argument("--into", type=Path, action="append", default=[],
                        help="also rewrite the tables between <!-- claims --> markers of this page")  # fmt: skip
    commands.add_parser("libraries", help="which libraries are here")
    for command in (density, report):
        command.add_argument("--library", default="reference" if command is density else None,
                             help="names or files, with commas between; first: the first of those known by name that is "
                             "here (a quick report); all: each of them (a full one)")  # fmt: skip
        add_sweep_options(command)
        command.add_argument("--timeout", type=float, default=900, help="seconds a tool may run (default 900)")
    fpga_cli.add_command(commands)
    for command in (density, report):
        command.add_argument("--build", type=Path, default=BUILD, help="folder of caches and results")
    density.add_argument("--json", nargs="?", const="-", help="write results as JSON, to standard output or a file")
    return parser


LEAST = {"dot": 1, "rows": 1, "columns": 1, "mesh": 1, "accumulator_cycles": 1, "tree_cycles": 0, "jobs": 1}


def _check(options) -> None:
    """Refuse numbers that stand for nothing, before anything is measured or written."""
    for name, least in LEAST.items():
        value = getattr(options, name, None)
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    seconds = getattr(options, "timeout", 1)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"timeout must be a positive number of seconds, not {seconds:g}")


def _failed(failures) -> int:
    for design, error in failures:
        print(f"{design.label}: {error}", file=sys.stderr)
    return 1 if failures else 0


def _density(options, console) -> int:
    names = options.formats.split(",")
    for name in names:
        format_named(name)
    designs = [
        Design(name, library, options.dot, options.rows, options.columns, options.accumulator_cycles,
               not options.no_clock_gates, options.accounting, options.converter, options.tree_cycles, options.effort,
               options.mesh)
        for library in _libraries(options.library) for name in names
    ]  # fmt: skip
    rows, failures = sweep(designs, jobs=options.jobs, dask=options.dask, seconds=options.timeout, build=options.build)
    if options.json == "-":
        json.dump([row.to_dict() for row in rows], sys.stdout, indent=1)
        print()
    else:
        parts = list(dict.fromkeys(part for row in rows for part in row.parts))
        lines = [
            [row.design.format, row.design.library, f"{row.area:.1f}", *(f"{row.parts.get(part, 0):.1f}" for part in parts),
             f"{row.period:.2f}" if row.period else "–", row.timing]
            for row in rows
        ]  # fmt: skip
        title = f"Area per MAC, {options.accounting}"
        console.print(Results(title, "", ("format", "library", "area", *parts, "ns", "timing"), lines, 2).terminal())
        if options.json:
            save(Path(options.json), rows, failures, " ".join(["python -m synth", *sys.argv[1:]]))
    return _failed(failures)


def _set(options, console) -> list[Design]:
    """The designs of a full or a quick report."""
    libraries = _libraries(options.library or ("all" if options.full else "first"))
    if options.full:
        return full(libraries)
    others = [name for name in _found() if name not in libraries]
    if others and not options.library:
        console.print(f"Measuring in {', '.join(libraries)}; also here: {', '.join(others)} (--library, or --full).")
    return [design for library in libraries for design in quick(library)]


def _report(options, console) -> int:
    command = " ".join(["python -m synth", *sys.argv[1:]])
    if options.source:
        rows, failures = load(options.source), []
    else:
        designs = [row.design for row in load(options.again)] if options.again else _set(options, console)
        rows, failures = sweep(
            designs, jobs=options.jobs, dask=options.dask, seconds=options.timeout, build=options.build
        )
    folder = options.build / "report"
    if rows:
        console.print(*(table.terminal() for table in [*tables(rows)[2:], claims_table(rows)]))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "density.md").write_text(markdown(rows))
        console.print(f"report: {write_html(rows, failures, folder, command)}")
    if not options.source:
        save(folder / "density.json", rows, failures, command)
    for page in options.into:
        console.print(f"{page}: {'rewritten' if rewrite(page, sections(rows)) else 'up to date'}")
    return _failed(failures)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["fpga"] and "--core" in arguments:
        return fpga_cli.core(arguments[1:])
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 200)
    try:
        _check(options)
        if options.command == "libraries":
            for name, path in known_libraries().items():
                console.print(f"{name:10} {path or 'not found'}")
            return 0
        return {"density": _density, "report": _report, "fpga": fpga_cli.main}[options.command](options, console)
    except (LibraryError, ToolError, ValueError) as error:
        print(f"python -m synth: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
