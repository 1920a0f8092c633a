"""Command line of the density flow: ``python -m synth density|report|energy|layout|fpga|outside|libraries``."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.console import Console

from hw.host.files import check_folder, check_outputs
from hw.host.program import CommandLineError
from hw.host.program import run as run_program
from hw.host.tools import ToolError
from synth import outside
from synth.density import cli as density
from synth.energy import cli as energy
from synth.fpga import cli as fpga
from synth.layout import cli as layout
from synth.mapping.liberty import LibraryError, known_libraries
from synth.options import PROGRAM
from synth.report import cli as report
from synth.report.pages import check_page

__all__ = ["main"]


def _libraries(options: Namespace, console: Console, command: str) -> int:
    for name, path in known_libraries().items():
        console.print(f"{name:10} {path or 'not found'}")
    return 0


def _add_options(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True, metavar="density|report|energy|layout|fpga|outside|libraries")
    for part in (density, report, energy, layout, fpga, outside):
        part.add_command(commands)
    commands.add_parser("libraries", help="which cell libraries are here").set_defaults(run=_libraries)


def _check_files(options: Namespace) -> None:
    """What can be known of the files named before anything is measured."""
    if getattr(options, "json", None) not in (None, "-"):
        check_outputs(Path(options.json))
    if "build" in options:
        check_folder("build", options.build)
    for page in getattr(options, "into", ()):
        check_page(page)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments

    def run(options: Namespace) -> int:
        console = Console(width=None if sys.stdout.isatty() else 200)
        try:
            _check_files(options)
            return int(options.run(options, console, " ".join([PROGRAM, *arguments])))
        except (LibraryError, ToolError, ValueError) as error:
            raise CommandLineError(str(error)) from None

    return run_program(PROGRAM, "Area, clock and energy of number formats.", _add_options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
