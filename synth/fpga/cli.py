"""``python -m synth fpga``: lookup tables and clocks of tiles, or of a whole core."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hw.config import CoreConfig
from hw.host.files import keep
from hw.host.options import add_config_options, config_from_options
from hw.host.tools import yosys_version
from synth.fpga.families import EFFORTS, FAMILIES
from synth.fpga.implement import Resources, Target, check, implement, implement_core
from synth.fpga.sets import SETS, load, tables
from synth.options import Commands, add_page_options, add_run_options, at_least
from synth.report.pages import rewrite
from synth.sweep import sweep

__all__ = ["add_command", "main"]

MACHINE = ("mantissa", "block", "mesh", "accumulator", "rounding", "features", "exponent_width", "tile_rows", "tile_columns",
           "mesh_rows", "mesh_columns", "interleave", "lanes", "operand_depth", "panel_columns",
           "result_panels", "queue_depth")  # fmt: skip
"""Options that only a whole core has."""


def add_command(commands: Commands) -> None:
    """Add ``fpga`` to the commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "fpga", help="lookup tables and clock of tiles, or of a core, in FPGA families"
    )
    parser.set_defaults(run=main)
    parser.add_argument("--family", default="ecp5", metavar="NAME", help=f"of {', '.join(FAMILIES)} (default ecp5)")
    parser.add_argument("--formats", default="hbfp4", metavar="NAMES", help="of tiles, as of density (default hbfp4)")
    parser.add_argument("--core", action="store_true", help="a whole core of the machine below instead of tiles")
    parser.add_argument("--set", metavar="NAME", help=f"measure a set of tiles instead, of {', '.join(SETS)}")
    parser.add_argument("--seeds", type=at_least("seeds", 0), default=0, metavar="N",
                        help="seeds of placement, for a median of clocks (default 0)")  # fmt: skip
    parser.add_argument("--effort", metavar="NAME", help=f"of {', '.join(EFFORTS)} (default area; of a core speed)")
    add_page_options(parser)
    add_run_options(parser, 3600)
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE",
                        help="write results as JSON, to standard output or a file")  # fmt: skip
    add_config_options(parser)
    parser.set_defaults(tile=(2, 2), datapath=None, **{f"given_{name}": parser.get_default(name) for name in MACHINE})


def main(options: argparse.Namespace, console: Console, command: str) -> int:
    """Measure a core or tiles, or read results; a broken rule raises ``ValueError``."""
    if options.core:
        return _core(options, console, command)
    failures: list[dict[str, Any]] = []
    if options.source:
        rows = load(options.source)
    else:
        rows, broken = sweep(
            _targets(options), implement, jobs=options.jobs, dask=options.dask, seconds=options.timeout,
            build=options.build,
        )  # fmt: skip
        for target, error in broken:
            print(f"{target.label}: {error}", file=sys.stderr)
        failures = [{"target": asdict(target), "error": error} for target, error in broken]
    _write(rows, failures, options.json, console, command)
    for page in options.into:
        console.print(f"{page}: {'rewritten' if rewrite(page, tables(rows)) else 'up to date'}")
    return 1 if failures else 0


def _targets(options: argparse.Namespace) -> list[Target]:
    if options.set:
        if options.set not in SETS:
            raise ValueError(f"set must be one of {', '.join(SETS)}, not {options.set}")
        return SETS[options.set]()
    for name in MACHINE:
        if getattr(options, name) != getattr(options, f"given_{name}"):
            raise ValueError(f"{name} is a core's: it needs --core")
    rows, columns = options.tile
    if rows != columns:
        raise ValueError(f"tile must have as many rows as columns, not {rows}x{columns}")
    return [
        Target(name, options.family, options.dot, rows, options.tree_cycles, options.accumulator_cycles,
               options.datapath or "carry_chain", options.seeds, options.effort or "area")
        for name in options.formats.split(",")
    ]  # fmt: skip


def _core(options: argparse.Namespace, console: Console, command: str) -> int:
    options.datapath = options.datapath or CoreConfig().datapath
    config, effort = config_from_options(options), options.effort or "speed"
    check(options.family, options.seeds, effort)
    progress = Console(stderr=True)
    with progress.status(f"core in {options.family}"):
        if not progress.is_terminal:
            progress.print(f"core in {options.family}: synthesis and {options.seeds} placements")
        row = implement_core(config, options.family, options.seeds, effort, options.timeout, options.build)
    _write([row], [], options.json, console, command)
    return 0


def _write(rows: list[Resources], failures: list[dict[str, Any]], where: str | None, console: Console, command: str) -> None:
    if where:
        value = {"command": command, "yosys": yosys_version(), "rows": [row.to_dict() for row in rows],
                 "failures": failures}  # fmt: skip
        text = json.dumps(value, indent=1, sort_keys=True) + "\n"
        if where == "-":
            sys.stdout.write(text)
            return
        keep(Path(where), text)
    table = Table()
    counts = ("MACs", "tables", "per MAC", "blocks", "flip-flops", "MHz", "with each seed")
    for heading in ("what", "family", *counts):
        table.add_column(heading, justify="right" if heading in counts else "left")
    for row in rows:
        table.add_row(
            row.name, row.family, str(row.macs), str(row.tables), f"{row.tables_per_mac:.1f}", str(row.multipliers),
            str(row.flip_flops), f"{row.megahertz:.1f}" if row.clocks else "–", ", ".join(f"{mhz:.1f}" for mhz in row.clocks),
        )  # fmt: skip
    console.print(table)
