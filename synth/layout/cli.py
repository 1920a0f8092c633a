"""``python -m synth layout``: tiles placed and timed with their wires, units routed."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from hw.baseline.formats import format_named
from hw.host.files import check_outputs, keep
from hw.host.tools import yosys_version
from synth.density.cli import failed, libraries_named
from synth.layout.files.lef import read_lef
from synth.layout.measure import PIECES, LayoutDesign, LayoutRow, layout_file, measure_layout
from synth.layout.picture import draw
from synth.layout.placement import FREE
from synth.layout.table import DESIGNS, layout_sections, layout_table, routing_table
from synth.mapping.liberty import find_library
from synth.options import Commands, add_page_options, add_run_options, add_tile_options, at_least, positive, size
from synth.report.pages import rewrite
from synth.sweep import Failure, load, sweep

__all__ = ["add_command"]


def add_command(commands: Commands) -> None:
    """Add ``layout`` to the commands."""
    parser: argparse.ArgumentParser = commands.add_parser("layout", help="place tiles, and time them with their wires")
    parser.set_defaults(run=run)
    add_tile_options(parser)
    parser.add_argument("--piece", default="tile", metavar="NAME", help=f"of {', '.join(PIECES)} (default tile)")
    parser.add_argument("--tile", type=size("tile"), default=(4, 4), metavar="RxC",
                        help="unit rows and columns of a tile (default 4x4)")  # fmt: skip
    parser.add_argument("--utilisation", type=positive("utilisation", "shares"), default=0.7, metavar="SHARE",
                        help="share of the rows that cells fill (default 0.7)")  # fmt: skip
    parser.add_argument(
        "--effort", type=at_least("effort", 1), default=1, metavar="N", help="of the placer, 1 to 9 (default 1)"
    )
    parser.add_argument(
        "--route", action="store_true", help="route the wires in detail, with qrouter; for small pieces"
    )
    parser.add_argument("--library", default="first", metavar="NAMES",
                        help="names or files, with commas between; first or all of those known by name that are here")  # fmt: skip
    parser.add_argument("--lef", default="", metavar="FILES",
                        help="LEF files of the library, process before cells (default: those beside a known library)")  # fmt: skip
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the tiles, as PNG or SVG")
    add_page_options(parser)
    add_run_options(parser, 1800)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results as JSON")


def _designs(options: argparse.Namespace) -> list[LayoutDesign]:
    if options.piece not in PIECES:
        raise ValueError(f"piece must be one of {', '.join(PIECES)}, not {options.piece}")
    if options.effort > 9:
        raise ValueError(f"effort must be at most 9, not {options.effort}")
    if options.utilisation > FREE:
        raise ValueError(f"utilisation must be at most {FREE}, not {options.utilisation:g}")
    libraries = libraries_named(options.library)
    for name in libraries:
        read_lef(find_library(name, options.build), [Path(file) for file in options.lef.split(",") if file])
    common: dict[str, Any] = {"utilisation": options.utilisation, "effort": options.effort, "lef": options.lef}
    if not options.formats:
        return [LayoutDesign(library=name, **(common | entry)) for name in libraries for entry in DESIGNS]
    names, (rows, columns) = options.formats.split(","), options.tile
    for name in names:
        format_named(name)
    return [
        LayoutDesign(name, library, options.piece, options.dot, rows, columns, options.utilisation, options.effort,
                     options.route, options.lef)
        for library in libraries for name in names
    ]  # fmt: skip


def run(options: argparse.Namespace, console: Console, command: str) -> int:
    """Lay out, or read, and show; the exit status."""
    check_outputs(*(path for path in (options.json, options.picture) if path))
    if options.source:
        rows, failures = load(options.source, LayoutRow), list[Failure[LayoutDesign]]()
    else:
        rows, failures = sweep(_designs(options), measure=measure_layout, jobs=options.jobs, dask=options.dask,
                               seconds=options.timeout, build=options.build)  # fmt: skip
    console.print(layout_table(rows).terminal())
    if any(row.routing for row in rows):
        console.print(routing_table(rows).terminal())
    if options.json:
        value = {"command": command, "yosys": yosys_version(), "rows": [row.to_dict() for row in rows],
                 "failures": [{"design": design.label, "error": error} for design, error in failures]}  # fmt: skip
        keep(options.json, json.dumps(value, indent=1, sort_keys=True) + "\n")
    if options.picture and not failures:
        draw(_kept(rows, options.build), options.picture)
    for page in options.into:
        console.print(f"{page}: {'rewritten' if rewrite(page, layout_sections(rows)) else 'up to date'}")
    sys.stdout.flush()
    return failed(failures)


def _kept(rows: list[LayoutRow], build: Path) -> dict[str, Path]:
    """Kept places of the tiles' cells, by title."""
    files = {}
    for row in rows:
        if row.design.piece == "tile":
            file = layout_file(row.design, build)
            if not file.exists():
                raise ValueError(
                    f"picture needs layouts made with --build {build}; that of {row.design.label} is not there"
                )
            files[f"{row.design.format}, {row.macs} MACs, {100 * row.design.utilisation:.0f} % filled"] = file
    if not files:
        raise ValueError("picture needs a tile that was laid out")
    return files
