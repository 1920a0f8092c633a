"""What pictures show is what the published files say."""

import json

import pytest

import synth.report.plots as plots
from synth.report.accuracy import DOCS, training_rows
from synth.sweep import load


@pytest.fixture
def figures(monkeypatch):
    """Pictures by name, instead of files."""
    drawn = {}
    monkeypatch.setattr(plots, "_save", lambda figure, folder, name: drawn.setdefault(name, figure) and name)
    yield drawn
    for figure in drawn.values():
        plots.pyplot.close(figure)


def published(path, **design):
    """The one row of a file with these members of its design."""
    rows = json.loads((DOCS / path).read_text())["rows"]
    (row,) = [row for row in rows if design.items() <= row["design"].items() and not row["design"].get("clock_gating")]
    return row


def test_accuracy_stands_against_area_and_energy(figures, tmp_path):
    names = plots.plot_all(load(DOCS / "density.json"), tmp_path)
    assert set(names) == set(figures)
    results, row = next(found for found in training_rows() if found[1]["format"] == "HBFP4")
    usual = {"format": "hbfp4", "library": "nangate45"}
    area = published("density.json", **usual, accounting="tile", effort="area", dot=None, rows=4, columns=4)["area"]
    energy = published("energy.json", **usual, statistics="digits", delays="inertial", effort="speed")["energy"]
    by_area, by_energy = figures["accuracy_per_area"].axes
    assert (by_area.get_xlabel(), by_energy.get_xlabel()) == ("area per MAC (nangate45)", "fJ per MAC (nangate45, 2.1 ns)")
    for panel, cost in ((by_area, area), (by_energy, energy)):
        (line,) = [line for line in panel.get_lines() if line.get_label() == results["titles"][row["task"]]]
        assert (cost, 100 * row["accuracy"]) in zip(*line.get_data(), strict=True)


def test_without_energies_there_is_one_panel(figures, tmp_path):
    (tmp_path / "training-torch-a.json").write_text((DOCS / "training-torch-wide-mlp.json").read_text())
    plots.plot_all(load(DOCS / "density.json"), tmp_path, tmp_path)
    assert len(figures["accuracy_per_area"].axes) == 1
