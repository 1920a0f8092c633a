"""``python -m synth report``: tables, plots, one HTML page, and the pages of the documentation that hold them."""

import argparse
from pathlib import Path

from rich.console import Console

from hw.baseline.formats import format_named
from hw.host.files import keep
from synth.density.cli import failed, found_libraries, libraries_named
from synth.density.measure import measure
from synth.density.row import Design
from synth.density.sets import SETS, clocks
from synth.options import Commands, add_run_options
from synth.report.clocks import without_dominated
from synth.report.document import markdown, sections, write_html
from synth.report.pages import rewrite
from synth.report.tables import claims_table, tables
from synth.sweep import Failure, load, save, sweep

__all__ = ["add_command"]


def add_command(commands: Commands) -> None:
    """Add ``report`` to the commands."""
    parser: argparse.ArgumentParser = commands.add_parser("report", help="the report: tables, plots, HTML, JSON")
    parser.set_defaults(run=run)
    parser.add_argument("--set", default="quick", metavar="NAME",
                        help="what to measure: quick (minutes), full (formats, accountings, block sizes, shapes), clocks (area "
                        "against clock), clock (more formats at the one clock of the claims) or silicon (all of them: hours, "
                        "resumes)")  # fmt: skip
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE",
                        help="make it from a results file instead of measuring")  # fmt: skip
    parser.add_argument("--formats", metavar="NAMES",
                        help="only these of the set; of clocks, also formats that the set leaves out")  # fmt: skip
    parser.add_argument("--again", type=Path, metavar="FILE", help="measure the designs of a results file, not a set")
    parser.add_argument("--into", type=Path, action="append", default=[], metavar="PAGE",
                        help="also rewrite the tables between <!-- claims --> markers of this page")  # fmt: skip
    parser.add_argument("--library", metavar="NAMES",
                        help="names or files, with commas between; first: the first of those known by name that is here "
                        "(default of the quick set); all: each of them (default of the others)")  # fmt: skip
    add_run_options(parser, 900)


def _designs(options: argparse.Namespace, console: Console) -> list[Design]:
    if options.again:
        return [row.design for row in load(options.again)]
    if options.set not in SETS:
        raise ValueError(f"set must be one of {', '.join(SETS)}, not {options.set}")
    libraries = libraries_named(options.library or ("first" if options.set == "quick" else "all"))
    others = [name for name in found_libraries() if name not in libraries]
    if others and not options.library:
        console.print(f"Measuring in {', '.join(libraries)}; also here: {', '.join(others)} (--library).")
    if not options.formats:
        return SETS[options.set](libraries)
    names = tuple(options.formats.split(","))
    for name in names:
        format_named(name)
    designs = clocks(libraries, names) if options.set == "clocks" else SETS[options.set](libraries)
    return [design for design in designs if design.format in names]


def run(options: argparse.Namespace, console: Console, command: str) -> int:
    """Measure, or read, and report; the exit status."""
    failures: list[Failure[Design]] = []
    if options.source:
        rows = load(options.source)
    else:
        rows, failures = sweep(
            _designs(options, console),
            measure,
            jobs=options.jobs,
            dask=options.dask,
            seconds=options.timeout,
            build=options.build,
        )
    rows, folder = without_dominated(rows), options.build / "report"
    if rows:
        console.print(*(table.terminal() for table in [*tables(rows)[2:], claims_table(rows)]))
        keep(folder / "density.md", markdown(rows))
        console.print(f"report: {write_html(rows, failures, folder, command)}")
    if not options.source:
        save(folder / "density.json", rows, failures, command)
    for page in options.into:
        console.print(f"{page}: {'rewritten' if rewrite(page, sections(rows)) else 'up to date'}")
    return failed(failures)
