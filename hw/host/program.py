"""How a program ends: its exit status, and one line about what went wrong."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

__all__ = ["STATUSES", "CommandLineError", "Failure", "guarded", "one_line", "put", "run"]

STATUSES = {
    0: "what was asked for is done",
    1: "it was tried and did not succeed: a tool, a device, the system or a comparison of bits failed",
    2: "there is a mistake in what was typed or in a file that was given: nothing was written",
}
"""Every exit status of every program."""
LONGEST = 1000
"""Characters of a message; of a longer one the middle is left out."""


class CommandLineError(Exception):
    """A user's mistake: one line for the terminal, exit status 2."""


class Failure(Exception):
    """What was asked for did not succeed: one line for the terminal, exit status 1."""


def one_line(text: str) -> str:
    """A text of several lines, with control characters or without end as one line that a terminal can show."""
    shown = "".join(c if c.isprintable() else " " if c == "\n" else repr(c)[1:-1] for c in text.strip())
    half = (LONGEST - 3) // 2
    return shown if len(shown) <= LONGEST else f"{shown[:half]} … {shown[-half:]}"


def _tell(program: str, text: str) -> None:
    with suppress(OSError):
        print(f"{program}: {one_line(text)}", file=sys.stderr, flush=True)


def put(text: str) -> None:
    """Print what was asked for.

    Raises
    ------
    Failure
        where standard output does not take it: that is no mistake in what was typed.
    """
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(f"standard output could not be written: {error.strerror}") from None


def _flushed() -> OSError | None:
    """Nothing, or why standard output did not take what was printed; then the rest goes nowhere."""
    try:
        sys.stdout.flush()
    except OSError as error:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def guarded(program: str, work: Callable[[], int | None]) -> int:
    """The exit status of ``work``, one of ``STATUSES``; whatever a user can cause is one line on standard error.

    Nothing is said of a pipe that its reader has closed.
    """
    status, text = 0, ""
    try:
        status = work() or 0
    except CommandLineError as error:
        status, text = 2, str(error)
    except Failure as error:
        status, text = 1, str(error)
    except MemoryError:
        status, text = 1, "there is not enough memory for this"
    except BrokenPipeError:
        status = 1
    except OSError as error:
        status, text = 1, str(error)
    lost = _flushed()
    if text:
        _tell(program, text)
    elif lost and not status:
        status = 1
        if not isinstance(lost, BrokenPipeError):
            _tell(program, f"standard output could not be written: {lost.strerror}")
    return status


class _Parser(argparse.ArgumentParser):
    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **{"allow_abbrev": False} | options)

    def error(self, message: str) -> NoReturn:
        raise CommandLineError(message)

    def print_help(self, file: Any = None) -> None:
        """As argparse does, which however hides that it could not be written."""
        print(self.format_help(), end="", file=file or sys.stdout, flush=True)


def run(
    program: str, description: str, add_options: Callable[[argparse.ArgumentParser], None],
    main: Callable[[argparse.Namespace], int | None], arguments: Sequence[str] | None = None,
) -> int:  # fmt: skip
    """Parse and run ``main(options)``: its exit status, as of ``guarded``."""
    parser = _Parser(prog=program, description=description)
    add_options(parser)

    def work() -> int | None:
        try:
            options = parser.parse_args(arguments)
        except SystemExit:  # after its help, for a mistake is a CommandLineError
            return 0
        return main(options)

    return guarded(program, work)
