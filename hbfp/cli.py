"""The command ``hbfp``: one door to every program of the project."""

import sys
from importlib import import_module

from hw.host.program import CommandLineError, guarded

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "generate": ("hw.generate", "Verilog of a core, or of any component of it"),
    "run": ("hbfp.run.cli", "a network of yours with its products on a device"),
    "compile": ("hbfp.program.cli", "a network as a file of commands for one machine"),
    "disassemble": ("hbfp.program.disassemble", "such a file for people to read"),
    "train": ("hbfp.train.__main__", "accuracy of formats in training, with PyTorch"),
    "train-on": ("hbfp.train.machine", "a training run through a machine, bit for bit"),
    "sim": ("sim.cli", "cycles, traffic and bounds of a network on a machine"),
    "synth": ("synth.__main__", "area, clock and density of number formats"),
    "bus": ("hw.bus.cli", "the core on AXI, its registers and documents"),
    "board": ("hw.board.cli", "a bitstream of a board"),
    "completion": ("hbfp.completion", "completion of commands and options for a shell"),
}
"""Programs by their command: the module with ``main``, and what it is for."""


def usage() -> str:
    """What ``hbfp --help`` prints."""
    lines = [f"  {name:11} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: hbfp COMMAND ...", "", *lines, "", "hbfp COMMAND --help says more; hbfp --version"])


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status, as of ``hw.host.program.STATUSES``."""
    return guarded("hbfp", lambda: _main(arguments))


def _main(arguments: list[str] | None) -> int:
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("--help", "-h"):
        print(usage())
        return 0
    if name == "--version":
        from hw.generate import project_version

        print(f"hbfp {project_version()}")
        return 0
    if name not in COMMANDS:
        raise CommandLineError(f"command must be one of {', '.join(COMMANDS)}, not {name or 'nothing'}")
    return import_module(COMMANDS[name][0]).main(rest) or 0
