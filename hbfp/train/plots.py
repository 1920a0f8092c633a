"""Pictures of training: accuracy and loss over epochs, accuracy over cycles, mantissas."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from hbfp.train.report import Record
from hbfp.train.tasks import TASKS

__all__ = ["main", "plot_cycles", "plot_epochs", "plot_mantissas"]

SHOWN = ("FP32", "HBFP8", "HBFP6", "HBFP5", "HBFP4", "HBFP4, last epoch 6", "HBFP4, ends 6", "Booster", "MXFP4", "INT4")
"""Formats in the picture of epochs."""


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _broken(title: str) -> str:
    """In two lines, the data in the second."""
    return ",\n".join(title.rsplit(", ", 1))


def plot_epochs(path: Path, records: Sequence[Record]) -> None:
    """Training loss above, test accuracy below: a column for each task, a line for each format, means of its seeds."""
    records = [r for r in records if r["factor"] == 1 and not r["diverged"]]
    tasks = list(dict.fromkeys(record["task"] for record in records))
    figure, axes = pyplot.subplots(2, len(tasks), figsize=(5 * len(tasks), 7.5), squeeze=False)
    for column, task in enumerate(tasks):
        for panel, name, scale in ((axes[0, column], "loss", 1), (axes[1, column], "accuracy", 100)):
            for index, format in enumerate(SHOWN):
                runs = [r[name] for r in records if (r["task"], r["format"]) == (task, format)]
                if runs:
                    means = [scale * mean(values) for values in zip(*runs, strict=True)]
                    panel.plot(range(1, len(means) + 1), means, label=format, color=f"C{index}", linewidth=1.4)
            panel.set(xlabel="epoch", ylabel="training loss" if name == "loss" else "test accuracy, %")
            panel.grid(alpha=0.3)
        axes[0, column].set(yscale="log", title=_broken(TASKS[task].title))
        axes[1, column].legend(fontsize=7, loc="lower right")
    _save(figure, path)


def plot_cycles(path: Path, summary: Sequence[Record], cycles: dict[str, dict[str, int]]) -> None:
    """Accuracy after training against the cycles it takes, by task and format."""
    figure, axes = pyplot.subplots(1, len(cycles), figsize=(6 * len(cycles), 4.4), squeeze=False)
    for panel, (task, costs) in zip(axes.flat, cycles.items(), strict=True):
        for row in summary:
            if row["task"] == task and row["factor"] == 1 and row["format"] in costs and row["value"] is not None:
                x = costs[row["format"]] / costs["HBFP4"]
                panel.errorbar(x, row["value"], yerr=row["interval"] or 0, marker="o", capsize=3)
                panel.annotate(row["format"], (x, row["value"]), xytext=(5, 4), textcoords="offset points", fontsize=7)
        panel.set(title=_broken(TASKS[task].title), xlabel="cycles of the training, HBFP4 = 1",
                  ylabel="test accuracy, %")  # fmt: skip
        panel.grid(alpha=0.3)
    _save(figure, path)


def plot_mantissas(path: Path, counts: dict[str, dict[str, list[int]]]) -> None:
    """Share of each magnitude, a panel for each width, a line for each kind of operand."""
    figure, axes = pyplot.subplots(1, len(counts), figsize=(5.5 * len(counts), 4), squeeze=False)
    for panel, (name, kinds) in zip(axes.flat, counts.items(), strict=True):
        for kind, numbers in kinds.items():
            panel.plot([100 * n / sum(numbers) for n in numbers], marker="o", markersize=3, label=kind)
        panel.set(title=name, xlabel="magnitude of the mantissa", ylabel="% of the elements", yscale="log")
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    _save(figure, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m hbfp.train.plots RESULTS.json ... -o FILE.png``: the epochs of several results in one picture."""
    parser = argparse.ArgumentParser(prog="python -m hbfp.train.plots", description="Loss and accuracy over epochs.")
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS.json", help="training.json of hbfp train")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png", help="the picture")
    options = parser.parse_args(arguments)
    plot_epochs(options.output, [run for path in options.results for run in json.loads(path.read_text())["runs"]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
