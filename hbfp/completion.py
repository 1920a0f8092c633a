"""``hbfp completion``: a script that makes a shell complete commands and options."""

import argparse

from hbfp.cli import COMMANDS
from hw.host.program import run

__all__ = ["main"]

SHELLS = ("bash", "zsh", "tcsh")


def _everything() -> argparse.ArgumentParser:
    """One parser with every command below it."""
    from hbfp.reference import parser_of

    parser = argparse.ArgumentParser(prog="hbfp")
    commands = parser.add_subparsers()
    for name, (module, text) in COMMANDS.items():
        commands.add_parser(name, help=text)
        if module != __name__:
            commands.choices[name] = parser_of(module)
    return parser


def _options(parser: argparse.ArgumentParser) -> None:
    text = f"of {', '.join(SHELLS)}; then for instance: hbfp completion bash > ~/.local/share/bash-completion/completions/hbfp"
    parser.add_argument("shell", choices=SHELLS, help=text)


def _main(options: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(_everything(), options.shell))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hbfp completion", "Write a shell's completion script.", _options, _main, arguments)
