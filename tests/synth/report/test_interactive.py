"""What the interactive page holds is what was measured, each figure with the command that measures it."""

import shlex
from argparse import ArgumentParser
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from synth.__main__ import _add_options
from synth.density.cli import _designs as density_designs
from synth.energy.cli import _designs as energy_designs
from synth.energy.measure import EnergyRow
from synth.report.clocks import at_clock
from synth.report.interactive import figures
from synth.report.remake import density_command, energy_command
from synth.sweep import load

PARSER = ArgumentParser()
_add_options(PARSER)
DOCS = Path(__file__).parents[3] / "docs"
ROWS = load(DOCS / "density.json")
ENERGIES = load(DOCS / "energy.json", EnergyRow)


def parsed(command):
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "synth"]
    return PARSER.parse_args(words[3:])


@pytest.fixture(autouse=True)
def _libraries(monkeypatch):
    """A command names its library; whether it is here does not matter."""
    for module in ("density", "energy"):
        monkeypatch.setattr(f"synth.{module}.cli.libraries_named", lambda names: names.split(","))


def test_a_density_command_measures_the_very_design():
    for row in ROWS:
        assert density_designs(parsed(density_command(row.design))) == [row.design]


def test_an_energy_command_measures_the_very_design():
    for row in ENERGIES:
        assert energy_designs(parsed(energy_command(row.design))) == [row.design]


def test_options_that_no_published_design_has():
    design = replace(ROWS[0].design, clock_gates=False, converter="own", accounting="dot unit", mesh=2, rows=2, clock_gating=True)
    assert density_designs(parsed(density_command(design))) == [design]
    gated = replace(ENERGIES[0].design, clock_gating=True)
    assert energy_designs(parsed(energy_command(gated))) == [gated]


def test_figures_are_those_of_the_rows():
    shown = figures(ROWS, ENERGIES, DOCS)
    tile = {row.design.format: row.area for row in ROWS if row.design.usual and row.design.library == "nangate45"}
    found = [area for area in shown["areas"] if (area["accounting"], area["library"]) == ("tile", "nangate45")]
    assert {area["format"]: area["area"] for area in found} == tile
    assert len(found) == len(tile)
    assert len(shown["energies"]) == len(ENERGIES)
    points = [point for point in shown["curves"] if point["format"] == "hbfp4" and point["library"] == "nangate45"]
    assert len(points) > 5
    assert all(one["period"] < other["period"] and one["area"] > other["area"]
               for one, other in pairwise(points))  # fmt: skip
    clocked = {row["format"]: row["area"] for row in shown["clocked"] if (row["library"], row["clock"]) == ("nangate45", 2.1)}
    assert clocked == {name: row.area for name in tile if (row := at_clock(ROWS, "nangate45", name, 2.1))}
    assert {entry["name"] for entry in shown["accuracies"]} >= {"FP32", "HBFP4", "HBFP6", "Booster", "MXFP4", "INT4"}
