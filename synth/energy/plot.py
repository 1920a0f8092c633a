"""A picture of energies: every format between its floor and its energy with glitches, and what the latter is made of."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from synth.energy.measure import EnergyRow
from synth.energy.table import PARTS, WAYS, find

__all__ = ["plot_energy"]

COLOURS = ("#355070", "#6d597a", "#8d99ae", "#b56576", "#eaac8b", "#ddd5c0")


def plot_energy(rows: list[EnergyRow], path: Path) -> None:
    """Energies and shares of the formats on the first machine of the rows, of a trained network's operands; PNG or SVG.

    Raises
    ------
    ValueError
        where no energy with glitches is among the rows.
    """
    first = next((row.design for row in rows), None)
    machine = (first.library, first.clock) if first else ("", None)
    names = dict.fromkeys(row.design.format for row in rows)
    found = [row for name in names if (row := find(rows, machine, name, *WAYS[1]))]
    if not found:
        raise ValueError("a plot needs energies with glitches of a trained network's operands")
    found.sort(key=lambda row: row.energy)
    places = range(len(found))
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    left.bar(places, [row.energy for row in found], color=COLOURS[0], label="with glitches")
    floors = [(place, floor.energy) for place, row in zip(places, found, strict=True)
              if (floor := find(rows, machine, row.design.format, *WAYS[0]))]  # fmt: skip
    if floors:
        left.scatter(*zip(*floors, strict=True), marker="_", s=250, color="#eaac8b", zorder=3, label="without")
    left.set_yscale("log")
    left.set_ylabel(f"fJ per multiply-accumulate ({machine[0]}{f', {machine[1]:g} ns' if machine[1] else ''})")
    bottom = [0.0] * len(found)
    for part, colour in zip(PARTS, COLOURS, strict=True):
        shares = [row.parts.get(part, 0.0) / row.energy for row in found]
        right.bar(places, shares, bottom=bottom, label=part, color=colour)
        bottom = [b + share for b, share in zip(bottom, shares, strict=True)]
    right.set_ylabel("share of it")
    for axes in (left, right):
        axes.set_xticks(places, [row.design.format for row in found], rotation=60, ha="right")
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
