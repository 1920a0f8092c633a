# Ref: S. B. Harma et al., "Accuracy Booster", arXiv 2211.10737 v2, 2022, table 2 (ResNet-20 on CIFAR-10, blocks of 64; Booster: 49)
"""Published accuracies beside those of the training results in ``docs``, and what else is read there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synth.energy.measure import EnergyRow
from synth.sweep import load
from synth.table import Table

__all__ = ["TRAINED", "accuracy_table", "energy_rows", "training_rows"]

Results = dict[str, Any]
DOCS = Path(__file__).parents[2] / "docs"
TRAINED = {
    "FP32": "fp32", "BF16": "bf16", "HBFP8": "hbfp8", "HBFP6": "hbfp6", "HBFP5": "hbfp5", "HBFP4": "hbfp4", "Booster": "mixed46",
    "MXFP6": "mxfp6-e2m3", "MXFP4": "mxfp4", "NVFP4": "nvfp4", "INT8": "int8", "INT4": "int4",
}  # fmt: skip
"""Formats of the training results, as formats of a tile; a machine for Booster has both widths."""
PUBLISHED = {"HBFP6": -0.60, "HBFP4": -11.54, "Booster": -0.27}
"""Points of accuracy against FP32's 91.72 %."""
CLOSE = -0.5
"""Points below FP32 that count as none."""


def verdict(format: str, difference: float, half: float | None) -> str:
    """Whether the 95 % interval of a difference says what the publication does: a loss for HBFP4, none for the others."""
    if half is None:
        return "one seed: not decided"
    low, high = difference - half, difference + half
    if low < CLOSE <= high:
        return "not decided"
    lost = high < CLOSE
    return "holds" if lost == (format == "HBFP4") else "does not hold"


def training_rows(folder: Path = DOCS) -> Iterator[tuple[Results, Results]]:
    """Results ``training-torch-*.json`` of a folder, and a row of their summaries: one for each task and format.

    Rows of accuracies at the tasks' own rates; of a task and format that stand in two files, the first.
    """
    seen = set()
    for path in sorted(folder.glob("training-torch-*.json")):
        results: Results = json.loads(path.read_text(encoding="utf-8"))
        for row in results["summary"]:
            place = row["task"], row["format"]
            if row["factor"] == 1 and not row["perplexity"] and place not in seen:
                seen.add(place)
                yield results, row


def energy_rows(folder: Path = DOCS) -> list[EnergyRow]:
    """Energies ``energy.json`` of a folder, if there are any, of units as they are by default."""
    path = folder / "energy.json"
    return [row for row in load(path, EnergyRow) if not row.design.clock_gating] if path.exists() else []


def accuracy_table(folder: Path = DOCS) -> Table:
    """A line for each published format and each network of the training results in a folder."""
    lines = []
    for results, row in training_rows(folder):
        if row["format"] not in PUBLISHED or row["difference"] is None:
            continue
        run = next(run for run in results["runs"] if run["task"] == row["task"])
        half = row["difference_interval"]
        lines.append([
            "Accuracy Booster v2", f"{row['format']} on ResNet-20, CIFAR-10, 160 epochs",
            f"{results['titles'][row['task']]}; {run['parameters']:,} parameters, {len(run['accuracy'])} epochs",
            f"{PUBLISHED[row['format']]:+.2f}", f"{row['difference']:+.1f}" + (f" ± {half:.1f}" if half else ""),
            str(row["runs"] - row["diverged"]), verdict(row["format"], row["difference"], half),
        ])  # fmt: skip
    note = (
        'Points of test accuracy against FP32 from the same seed, with Student\'s 95 % interval. "Holds": the interval lies '
        f"below {CLOSE} points for HBFP4, above it for HBFP6 and Booster. Networks, data and lengths differ from the published "
        "ones as the third column says ([docs/training.md](docs/training.md))."
    )
    headings = ("source", "claim", "measured on", "published", "measured", "seeds", "verdict")
    return Table("Published accuracy", note, headings, lines, 3)
