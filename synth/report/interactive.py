"""The part of the report with choices: formats, accounting, library and clock; every figure with its command.

The page holds the figures and the plotting library (Plotly), so that a browser shows it without a network.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from synth.density.row import Row
from synth.density.sets import clocks_of
from synth.energy.measure import EnergyRow
from synth.report.accuracy import DOCS, TRAINED, energy_rows, training_rows
from synth.report.claims import SELECTORS, libraries_of
from synth.report.clocks import at_clock, best, curve
from synth.report.remake import density_command, energy_command

__all__ = ["figures", "interactive"]

TEMPLATE = Path(__file__).with_name("interactive.html")
SHOWN = ("tile", "array", "array of 2x2 tiles", "cell", "dot unit, own converter", "formula")


def _area(row: Row, accounting: str) -> dict[str, Any]:
    d = row.design
    return {
        "format": d.format, "library": d.library, "accounting": accounting, "area": row.area, "period": row.period,
        "parts": row.parts, "registers": f"{d.cycles}/{d.tree_cycles}", "command": density_command(d),
    }  # fmt: skip


def _areas(rows: list[Row]) -> list[dict[str, Any]]:
    """Each accounting's figure of each format, the first where there are several."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for accounting in SHOWN:
        for row in filter(SELECTORS[accounting], rows):
            found.setdefault((accounting, row.design.library, row.design.format), _area(row, accounting))
    return list(found.values())


def _energies(rows: Iterable[EnergyRow]) -> list[dict[str, Any]]:
    return [
        {
            "format": row.design.format, "library": row.design.library, "statistics": row.design.statistics,
            "delays": row.design.delays, "clock": row.design.clock, "energy": row.energy, "parts": row.parts,
            "idle": row.idle, "command": energy_command(row.design),
        }
        for row in rows
    ]  # fmt: skip


def _accuracies(folder: Path) -> list[dict[str, Any]]:
    """Accuracies of the committed training results, where a format's hardware is measured here."""
    return [
        {
            "task": results["titles"][row["task"]], "name": row["format"], "format": TRAINED[row["format"]],
            "accuracy": 100 * row["accuracy"], "command": results["command"],
        }
        for results, row in training_rows(folder) if row["format"] in TRAINED
    ]  # fmt: skip


def figures(rows: list[Row], energies: Iterable[EnergyRow], folder: Path = DOCS) -> dict[str, Any]:
    """Everything that the page can show, as JSON-ready values.

    Parameters
    ----------
    rows
        of ``python -m synth density``.
    energies
        of ``python -m synth energy``.
    folder
        with training results.
    """
    libraries = libraries_of(rows)
    formats = list(dict.fromkeys(row.design.format for row in rows))
    searched = [(name, form) for name in libraries for form in formats if best(rows, name, form)]
    curves = [_area(row, "tile") for name, form in searched for row in curve(rows, name, form)]
    clocked = [
        _area(row, "tile") | {"clock": clock} for name in libraries for clock in clocks_of(name) for form in formats
        if (row := at_clock(rows, name, form, clock))
    ]  # fmt: skip
    return {
        "areas": _areas(rows), "curves": curves, "clocked": clocked, "energies": _energies(energies),
        "accuracies": _accuracies(folder),
        "clocks": {name: clocks_of(name) for name in libraries}, "libraries": libraries, "accountings": SHOWN,
    }  # fmt: skip


def interactive(rows: list[Row], folder: Path = DOCS) -> str:
    """That part of the page; energies and accuracies are the committed ones."""
    data = json.dumps(figures(rows, energy_rows(folder), folder)).replace("</", "<\\/")
    text = TEMPLATE.read_text(encoding="utf-8").replace("/*figures*/", data)
    return text.replace("/*plotly*/", get_plotlyjs())
