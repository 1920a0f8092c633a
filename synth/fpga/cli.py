"""``python -m synth fpga``: lookup tables and clocks of tiles, or of a whole core."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hw.config import DATAPATHS
from hw.files import keep
from hw.options import CommandLineError, add_config_options, config_from_options, run
from synth.fpga.families import EFFORTS, FAMILIES
from synth.fpga.implement import Resources, Target, check, implement, implement_core
from synth.fpga.sets import SETS, load, tables
from synth.mapping.flow import BUILD
from synth.mapping.tools import ToolError, yosys_version
from synth.report.pages import rewrite
from synth.sweep import add_sweep_options, sweep

__all__ = ["add_command", "main"]

PROGRAM = "python -m synth"


def add_command(commands) -> None:
    """Add ``fpga`` to the commands."""
    fpga = commands.add_parser("fpga", help="lookup tables and clock of tiles, or of a core, in FPGA families")
    _add_common(fpga)
    add_sweep_options(fpga)
    fpga.add_argument("--core", action="store_true",
                      help="a whole core; then the machine's options follow, see: python -m synth fpga --core --help")  # fmt: skip
    fpga.add_argument("--formats", default="hbfp4", help="as of density (default hbfp4)")
    fpga.add_argument("--dot", type=int, help="products per unit and cycle (default: a block)")
    fpga.add_argument("--size", type=int, default=2, help="unit rows and columns (default 2)")
    fpga.add_argument("--accumulator-cycles", type=int, default=1, help="register stages of the accumulator")
    fpga.add_argument("--tree-cycles", type=int, default=0, help="register stages of the sum of products")
    fpga.add_argument("--datapath", default="carry_chain", help=f"of {', '.join(DATAPATHS)} (default carry_chain)")
    fpga.add_argument("--set", help=f"measure a set instead, of {', '.join(SETS)}")
    fpga.add_argument("--from", dest="source", type=Path, help="take a results file instead of measuring")
    fpga.add_argument("--into", type=Path, action="append", default=[], help="rewrite the tables of this page")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--family", default="ecp5", help=f"of {', '.join(FAMILIES)} (default ecp5)")
    parser.add_argument("--seeds", type=int, default=0, help="seeds of placement, for a median of clocks (default 0)")
    parser.add_argument("--effort", help=f"of {', '.join(EFFORTS)} (default area; of a core speed)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds a tool may run (default 3600)")
    parser.add_argument("--build", type=Path, default=BUILD, help="folder of caches and results")
    parser.add_argument("--json", nargs="?", const="-", help="write results as JSON, to standard output or a file")


def main(options, console: Console) -> int:
    """Measure tiles; a broken rule raises ``ValueError``."""
    failures = []
    if options.source:
        rows = load(options.source)
    else:
        rows, broken = sweep(
            _targets(options), measure=implement, jobs=options.jobs, dask=options.dask, seconds=options.timeout,
            build=options.build,
        )  # fmt: skip
        for target, error in broken:
            print(f"{target.label}: {error}", file=sys.stderr)
        failures = [{"target": asdict(target), "error": error} for target, error in broken]
    _write(rows, failures, options.json, console)
    for page in options.into:
        console.print(f"{page}: {'rewritten' if rewrite(page, tables(rows)) else 'up to date'}")
    return 1 if failures else 0


def _targets(options) -> list[Target]:
    if options.set:
        if options.set not in SETS:
            raise ValueError(f"set must be one of {', '.join(SETS)}, not {options.set}")
        return SETS[options.set]()
    return [
        Target(name, options.family, options.dot, options.size, options.tree_cycles, options.accumulator_cycles,
               options.datapath, options.seeds, options.effort or "area")
        for name in options.formats.split(",")
    ]  # fmt: skip


def _write(rows: list[Resources], failures: list, where: str | None, console: Console) -> None:
    if where:
        command = " ".join([PROGRAM, *sys.argv[1:]])
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


def core(arguments: list[str]) -> int:
    """The same with ``--core``: a machine's own options; returns the exit status."""

    def options_of(parser):
        parser.add_argument("--core", action="store_true", help="a whole core")
        _add_common(parser)
        add_config_options(parser)

    def measure(options):
        try:
            config, effort = config_from_options(options), options.effort or "speed"
            check(options.family, options.seeds, effort)
            console = Console(stderr=True)
            with console.status(f"core in {options.family}"):
                if not console.is_terminal:
                    console.print(f"core in {options.family}: synthesis and {options.seeds} placements")
                row = implement_core(config, options.family, options.seeds, effort, options.timeout, options.build)
        except (ValueError, ToolError) as error:
            raise CommandLineError(str(error)) from None
        _write([row], [], options.json, Console(width=None if sys.stdout.isatty() else 200))
        return 0

    return run(f"{PROGRAM} fpga", "Tables and clock of a whole core.", options_of, measure, arguments)
