"""The experiment's records as tables, files and a plot."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from golden.train.tasks import FORMATS, TASKS

__all__ = ["markdown", "plot", "write"]

Record = dict[str, Any]


def cell(entry: Record) -> str:
    """Mean and spread in percent."""
    if entry["accuracy"] is None:
        return "diverged"
    text = f"{100 * entry['accuracy']:.1f} ± {100 * entry['spread']:.1f}"
    return text + (f" ({entry['diverged']} diverged)" if entry["diverged"] else "")


def table(summary: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a row per format, a column per task."""
    tasks = list(dict.fromkeys(entry["task"] for entry in summary))
    formats = sorted({entry["format"] for entry in summary}, key=list(FORMATS).index)
    cells = {(entry["task"], entry["format"]): cell(entry) for entry in summary}
    rows = [[format, *(cells.get((task, format), "") for task in tasks)] for format in formats]
    return ["format", *(TASKS[task].title for task in tasks)], rows


def markdown(summary: Sequence[Record]) -> str:
    """The table in Markdown."""
    header, rows = table(summary)
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(folder: Path, records: Sequence[Record], summary: Sequence[Record], facts: Record) -> list[Path]:
    """``training.json`` with everything and ``training.csv`` with a row per run and epoch; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "training.json", folder / "training.csv"]
    lines = ",\n".join(f"  {json.dumps(record, ensure_ascii=False)}" for record in records)
    head = json.dumps(facts | {"summary": summary}, indent=1, ensure_ascii=False)[:-2]
    paths[0].write_text(f'{head},\n "runs": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    with open(paths[1], "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["task", "format", "seed", "epoch", "loss", "accuracy"])
        for r in records:
            for epoch, (loss, accuracy) in enumerate(zip(r["loss"], r["accuracy"], strict=True), 1):
                rows.writerow([r["task"], r["format"], r["seed"], epoch, f"{loss:.6g}", f"{accuracy:.6g}"])
    return paths


def plot(path: Path, records: Sequence[Record]) -> None:
    """Accuracy over epochs as a PNG: a panel per task, a line per format, its band one standard deviation wide.

    Raises
    ------
    ImportError
        if matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    tasks = list(dict.fromkeys(record["task"] for record in records))
    formats = sorted({record["format"] for record in records}, key=list(FORMATS).index)
    columns = min(2, len(tasks))
    rows = -(-len(tasks) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(6.5 * columns, 4.2 * rows), squeeze=False)
    for panel in axes.flat[len(tasks) :]:
        panel.set_visible(False)
    for panel, task in zip(axes.flat, tasks, strict=False):
        lowest = 100.0
        for index, format in enumerate(formats):
            runs = [r["accuracy"] for r in records if (r["task"], r["format"]) == (task, format) and r["accuracy"]]
            if not runs:
                continue
            values = 100 * np.array(runs)
            mean, spread = values.mean(axis=0), values.std(axis=0)
            epochs = np.arange(1, len(mean) + 1)
            (line,) = panel.plot(epochs, mean, label=format, color=f"C{index}", linewidth=1.5)
            panel.fill_between(epochs, mean - spread, mean + spread, color=line.get_color(), alpha=0.12, linewidth=0)
            lowest = min(lowest, float(mean[len(mean) // 3 :].min()))
        panel.set(title=TASKS[task].title, xlabel="epoch", ylabel="test accuracy, %", ylim=(max(0, lowest - 8), 100.5))
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
