"""The page of all commands, made from their parsers: ``python -m hbfp.reference docs/commands.md``."""

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

from hbfp.cli import COMMANDS
from hw.host.files import check_outputs, write_files
from hw.host.program import STATUSES, CommandLineError, run

__all__ = ["commands_page", "main", "parser_of"]


class _Seen(Exception):
    """Carries a parser out of a program that was about to use it."""

    def __init__(self, parser: argparse.ArgumentParser):
        self.parser = parser


def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser of a program, complete, before it parses anything."""

    def show(parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise _Seen(parser)

    with patch.object(argparse.ArgumentParser, "parse_args", show):
        try:
            import_module(module).main([])
        except _Seen as seen:
            return seen.parser
    raise LookupError(f"{module} has no parser")


def _commands(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A command, or its subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from _commands(f"{name} {word}", inner)
            return
    yield name, parser


def _row(action: argparse.Action) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if isinstance(value, tuple):
        value = " ".join(value)
    shown = f" `{value}`" if value and action.option_strings and action.nargs != 0 else ""
    text = (action.help or "") % (vars(action) | {"prog": ""}) if action.help else ""
    for sign, written in (("|", r"\|"), ("<", r"\<"), ("*", r"\*")):
        text = text.replace(sign, written)
    return f"| {names}{shown} | {text} |"


def _section(name: str, parser: argparse.ArgumentParser) -> list[str]:
    lines = [f"## hbfp {name}", "", parser.description or "", ""]
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if not isinstance(a, argparse._HelpAction)]
        if actions:
            title = group.title if group.title not in ("positional arguments", "options") else "option"
            lines += [f"| {title} | meaning |", "| --- | --- |", *map(_row, actions), ""]
    return lines


def commands_page() -> str:
    """All commands and options as a Markdown page."""
    lines = [
        "# Commands", "", "Made by `python -m hbfp.reference docs/commands.md` from the parsers; do not edit.", "",
        "Each command is also a module: `hbfp sim …` is `python -m sim …`. What went wrong is told in one line on standard "
        "error, which names the parameter or the file.", "",
        "| exit status | meaning |", "| ---: | --- |", *(f"| {status} | {text} |" for status, text in STATUSES.items()), "",
    ]  # fmt: skip
    for name, (module, _) in COMMANDS.items():
        for full, parser in _commands(name, parser_of(module)):
            lines += _section(full, parser)
    return "\n".join(lines).rstrip() + "\n"


def _main(options: argparse.Namespace) -> int:
    try:
        check_outputs(options.page)
        write_files({options.page: commands_page()})
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Write the page to the file named; the exit status."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("page", type=Path, help="a Markdown file")

    return run("python -m hbfp.reference", "Write the page of all commands.", options, _main, arguments)


if __name__ == "__main__":
    sys.exit(main())
