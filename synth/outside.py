"""``python -m synth outside``: somebody else's Verilog by the recipes that this project's units are mapped with."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from hw.host.files import keep
from hw.host.program import CommandLineError
from synth.density.cli import libraries_named
from synth.elaborate import MULTIPLIERS, READERS, OutsideModule, elaborate
from synth.mapping.flow import Synthesis, synthesise
from synth.mapping.liberty import Library, find_library
from synth.mapping.recipes import EFFORTS
from synth.mapping.timing import least_period
from synth.options import Commands, add_run_options, positive
from synth.table import Table

__all__ = ["add_command", "map_outside"]


def _assignment(option: str) -> Callable[[str], tuple[str, int]]:
    """Reader of NAME=VALUE."""

    def read(text: str) -> tuple[str, int]:
        name, sign, value = text.partition("=")
        if not sign or not value.isdecimal():
            raise CommandLineError(f"{option} must be NAME=VALUE with a value of decimal digits, not {text or 'nothing'}")
        return name, int(value)

    return read


def add_command(commands: Commands) -> None:
    """Add ``outside`` to the commands."""
    parser: argparse.ArgumentParser = commands.add_parser("outside", help="area of a Verilog module by the same recipes")
    parser.set_defaults(run=run)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="Verilog, packages first")
    parser.add_argument("--top", required=True, metavar="MODULE", help="what to map; all under it dissolves into it")
    parser.add_argument("--include", type=Path, action="append", default=[], metavar="DIR", help="folder of included files")
    parser.add_argument("--reader", default="verilog", metavar="NAME",
                        help=f"of {', '.join(READERS)} (default verilog); slang, with pyosys: all of SystemVerilog")  # fmt: skip
    parser.add_argument("--set", type=_assignment("set"), action="append", default=[], metavar="NAME=VALUE",
                        help="a parameter of the top")  # fmt: skip
    parser.add_argument("--tie", type=_assignment("tie"), action="append", default=[], metavar="PORT=VALUE",
                        help="hold an input at a constant; what depends on nothing else goes")  # fmt: skip
    parser.add_argument("--drop", action="append", default=[], metavar="PORT",
                        help="leave an output out, and what makes nothing else")  # fmt: skip
    parser.add_argument("--effort", default="area", metavar="NAME", help=f"of {', '.join(EFFORTS)} (default area)")
    parser.add_argument("--target", type=positive("target", "ns"), metavar="NS",
                        help="with speed: what it should need at most (default: least area times delay)")  # fmt: skip
    parser.add_argument("--library", default="first", metavar="NAMES", help="names or files, with commas between; first or all")
    add_run_options(parser, 900)
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="results as JSON, to standard output or a file")


def map_outside(
    source: OutsideModule, library: Library, *, effort: str = "area", target: float | None = None, seconds: float = 900, build: Path
) -> tuple[str, Synthesis]:
    """Map a module with each way to multiply; the smallest (where a target is met by any, of those) and its way.

    Raises
    ------
    ValueError, ToolError, LibraryError
        as of ``elaborate`` and ``synthesise``.
    """
    found = []
    for way in MULTIPLIERS:
        text = elaborate(source, way, seconds, build)
        synthesis = synthesise(text, source.top, [], library, effort=effort, target=target, clock_gates=True,
                               seconds=seconds, build=build)  # fmt: skip
        late = target is not None and least_period(synthesis.netlists, library, source.top) > target
        found.append((late, synthesis.area, way, synthesis))
    _, _, way, synthesis = min(found, key=lambda entry: entry[:3])
    return way, synthesis


def run(options: argparse.Namespace, console: Console, command: str) -> int:
    """Map and show; the exit status."""
    if options.effort not in EFFORTS:
        raise ValueError(f"effort must be one of {', '.join(EFFORTS)}, not {options.effort}")
    source = OutsideModule(tuple(options.files), options.top, tuple(options.include), options.reader, dict(options.set),
                    dict(options.tie), tuple(options.drop))  # fmt: skip
    rows = []
    for name in libraries_named(options.library):
        library = find_library(name, options.build)
        way, synthesis = map_outside(source, library, effort=options.effort, target=options.target,
                                     seconds=options.timeout, build=options.build)  # fmt: skip
        part = synthesis.parts[options.top]
        rows.append({
            "top": options.top, "library": library.name, "area": synthesis.area, "flip_flops": synthesis.total("flip_flops"),
            "period": least_period(synthesis.netlists, library, options.top), "multiplier": way, "script": part.variant,
        })  # fmt: skip
    text = json.dumps({"command": command, "rows": rows}, indent=1) + "\n"
    if options.json == "-":
        sys.stdout.write(text)
        return 0
    lines = [[row["top"], row["library"], row["script"], row["multiplier"], f"{row['area']:.1f}", f"{row['flip_flops']:.1f}",
              f"{row['period']:.2f}"] for row in rows]  # fmt: skip
    headings = ("module", "library", "script", "multiplication", "area", "flip-flops", "ns")
    console.print(Table("Mapped by the same recipes", "", headings, lines, 4).terminal())
    if options.json:
        keep(Path(options.json), text)
    return 0
