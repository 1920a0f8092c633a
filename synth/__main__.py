"""Command line of the density flow: ``python -m synth density|report|libraries``."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from hw.baseline.formats import FORMATS, format_named
from synth.density import Design
from synth.flow import BUILD
from synth.liberty import LibraryError, find_library, known_libraries
from synth.report import claims_table, markdown, rows_table, write_html
from synth.sweep import load, save, sweep

QUICK = ("hbfp4", "hbfp4-aligned", "hbfp6", "mxfp4", "mxfp6-e2m3", "int8", "int4", "bf16", "fp32")
CELLS = ("hbfp4", "mxfp6-e2m3", "mxfp4", "int8", "bf16", "fp32")
BLOCKS = (16, 32, 128, 256, 576)
SHAPES = ((1, 4), (4, 4), (16, 4), (None, 1), (None, 2), (None, 8))


def _libraries(names: str) -> list[str]:
    if names == "all":
        return [name for name, path in known_libraries().items() if path]
    for name in names.split(","):
        find_library(name, BUILD)
    return names.split(",")


def _quick(libraries: list[str]) -> list[Design]:
    tiles = [Design(name, library) for library in libraries for name in QUICK]
    return tiles + [Design(name, library, dot=16, rows=1, columns=1) for library in libraries for name in CELLS]


def _full(libraries: list[str]) -> list[Design]:
    designs = [Design(name, library) for library in libraries for name in FORMATS]
    designs += [Design(name, library, dot=16, rows=1, columns=1) for library in libraries for name in CELLS]
    first = libraries[0]
    designs += [Design(f"hbfp{m}/{n}", first) for m in (4, 6) for n in BLOCKS]
    return designs + [Design("hbfp4", first, dot=dot, rows=size, columns=size) for dot, size in SHAPES]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m synth", description="Area, clock and density of number formats.")
    commands = parser.add_subparsers(dest="command", required=True)
    density = commands.add_parser("density", help="measure formats in a tile")
    density.add_argument("--formats", default=",".join(QUICK), help=f"of {', '.join(FORMATS)}; block formats take /N")
    density.add_argument("--dot", type=int, help="products per unit and cycle (default: a block, or 64)")
    density.add_argument("--rows", type=int, default=4, help="unit rows of a tile (default 4)")
    density.add_argument("--columns", type=int, default=4, help="unit columns of a tile (default 4)")
    density.add_argument("--accumulator-cycles", type=int, default=1, help="register stages of the accumulator")
    density.add_argument("--no-clock-gates", action="store_true", help="enabled registers get multiplexers instead")
    report = commands.add_parser("report", help="the report: tables, plots, HTML, JSON")
    report.add_argument("--full", action="store_true", help="every format, block size and shape")
    report.add_argument("--from", dest="source", type=Path, help="make it from a results file instead of measuring")
    commands.add_parser("libraries", help="which libraries are here")
    for command in (density, report):
        command.add_argument("--library", default="reference" if command is density else "all",
                             help="names or files, with commas between; all: every known one that is here")  # fmt: skip
        command.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
        command.add_argument("--dask", help="address of a Dask scheduler to use instead of processes")
        command.add_argument("--timeout", type=float, default=900, help="seconds a tool may run (default 900)")
        command.add_argument("--build", type=Path, default=BUILD, help="folder of caches and results")
    density.add_argument("--json", nargs="?", const="-", help="write results as JSON, to standard output or a file")
    return parser


def _density(options, console) -> int:
    for name in options.formats.split(","):
        format_named(name)
    designs = [
        Design(name, library, options.dot, options.rows, options.columns, options.accumulator_cycles,
               not options.no_clock_gates)
        for library in _libraries(options.library) for name in options.formats.split(",")
    ]  # fmt: skip
    rows, failures = sweep(designs, jobs=options.jobs, dask=options.dask, seconds=options.timeout, build=options.build)
    if options.json == "-":
        json.dump([row.to_dict() for row in rows], sys.stdout, indent=1)
        print()
    else:
        console.print(rows_table(rows))
        if options.json:
            save(Path(options.json), rows, failures, " ".join(["python -m synth", *sys.argv[1:]]))
    return _failed(failures)


def _failed(failures) -> int:
    for design, error in failures:
        print(f"{design.format} in {design.library}: {error}", file=sys.stderr)
    return 1 if failures else 0


def _report(options, console) -> int:
    command = " ".join(["python -m synth", *sys.argv[1:]])
    if options.source:
        rows, failures = load(options.source), []
    else:
        libraries = _libraries(options.library)
        designs = _full(libraries) if options.full else _quick(libraries)
        rows, failures = sweep(
            designs, jobs=options.jobs, dask=options.dask, seconds=options.timeout, build=options.build
        )
    folder = options.build / "report"
    save(folder / "density.json", rows, failures, command)
    if rows:
        console.print(rows_table(rows), claims_table(rows))
        (folder / "density.md").write_text(markdown(rows))
        console.print(f"report: {write_html(rows, failures, folder, command)}")
    return _failed(failures)


def main() -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    try:
        if options.command == "libraries":
            for name, path in known_libraries().items():
                console.print(f"{name:10} {path or 'not found'}")
            return 0
        return _density(options, console) if options.command == "density" else _report(options, console)
    except (LibraryError, ValueError) as error:
        print(f"python -m synth: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
