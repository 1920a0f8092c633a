"""Options that the commands of the density flow share."""

import argparse
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TypeAlias

from hw.baseline.formats import FORMATS
from hw.host.program import CommandLineError
from synth.mapping.flow import BUILD

__all__ = [
    "PROGRAM", "Commands", "add_clock_gating", "add_page_options", "add_run_options", "add_tile_options", "at_least",
    "positive", "size",
]  # fmt: skip

PROGRAM = "python -m synth"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a command of the program adds its parser."""


def at_least(name: str, least: int) -> Callable[[str], int]:
    """Reader of an integer option."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise CommandLineError(f"{name} must be an integer, not {text or 'nothing'}") from None
        if value < least:
            raise CommandLineError(f"{name} must be at least {least}, not {value}")
        return value

    return read


def positive(name: str, unit: str) -> Callable[[str], float]:
    """Reader of a finite number above zero."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (isfinite(value) and value > 0):
            raise CommandLineError(f"{name} must be a positive number of {unit}, not {text or 'nothing'}")
        return value

    return read


def size(name: str) -> Callable[[str], tuple[int, int]]:
    """Reader of rows and columns, such as 4x4."""

    def read(text: str) -> tuple[int, int]:
        rows, _, columns = text.lower().partition("x")
        if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
            raise CommandLineError(f"{name} must be ROWSxCOLUMNS, such as 4x4, not {text or 'nothing'}")
        return int(rows), int(columns)

    return read


def add_run_options(parser: argparse.ArgumentParser, seconds: float) -> None:
    """Where and how long designs are measured."""
    parser.add_argument("--jobs", type=at_least("jobs", 1), default=2, metavar="N", help="processes (default 2)")
    parser.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler to use instead of processes")
    parser.add_argument("--timeout", type=positive("timeout", "seconds"), default=seconds, metavar="SECONDS",
                        help=f"time limit of each run of a tool (default {seconds:g})")  # fmt: skip
    parser.add_argument("--build", type=Path, default=BUILD, metavar="DIR", help="folder of caches and results")


def add_tile_options(parser: argparse.ArgumentParser) -> None:
    """Formats and the size of their units, by default those that the documentation shows."""
    parser.add_argument("--formats", metavar="NAMES",
                        help=f"of {', '.join(FORMATS)}; block formats take /N (default: those of the documentation)")  # fmt: skip
    parser.add_argument("--dot", type=at_least("dot", 1), metavar="N",
                        help="products per unit and cycle (default: a block, or 64)")  # fmt: skip


def add_clock_gating(parser: argparse.ArgumentParser) -> None:
    """Whether registers of the tile load only what is valid."""
    parser.add_argument("--clock-gating", action="store_true", help="HBFP alone: registers of the tile load only what is valid")


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """A results file to read, and pages to rewrite."""
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="take a results file instead of measuring")
    parser.add_argument("--into", type=Path, action="append", default=[], metavar="PAGE", help="rewrite the tables of this page")
