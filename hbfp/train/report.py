"""Records of runs as tables with confidence intervals and paired tests, as files and as a plot."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy import stats

from hbfp.train.tasks import FORMATS, TASKS

__all__ = ["markdown", "plot", "summarize", "write"]

Record = dict[str, Any]


def summarize(records: Sequence[Record]) -> list[Record]:
    """A row for each task and format: mean accuracy, half its 95 % interval, difference from FP32 by seed and its p.

    The interval and the paired test are Student's; both need two seeds.
    """
    rows = []
    for task, format, factor in dict.fromkeys((r["task"], r["format"], r["factor"]) for r in records):
        runs = [r for r in records if (r["task"], r["format"], r["factor"]) == (task, format, factor)]
        ended = {r["seed"]: r["accuracy"][-1] for r in runs if not r["diverged"]}
        base = {
            r["seed"]: r["accuracy"][-1]
            for r in records if (r["task"], r["format"], r["factor"]) == (task, "FP32", factor) and not r["diverged"]
        }  # fmt: skip
        pairs = [(ended[seed], base[seed]) for seed in ended if seed in base]
        differences = [a - b for a, b in pairs]
        several = len(ended) > 1
        spread = stdev(ended.values()) if several else 0.0
        rows.append(
            {
                "task": task, "format": format, "factor": factor, "runs": len(runs),
                "diverged": len(runs) - len(ended), "accuracy": mean(ended.values()) if ended else None,
                "spread": spread,
                "interval": float(stats.t.ppf(0.975, len(ended) - 1)) * spread / len(ended) ** 0.5 if several else None,
                "test_loss": mean(r["test_loss"][-1] for r in runs if not r["diverged"]) if ended else None,
                "difference": mean(differences) if differences else None,
                "p": float(stats.ttest_1samp(differences, 0).pvalue)
                if len(differences) > 1 and stdev(differences) else None,
            }
        )  # fmt: skip
    return rows


def table(summary: Sequence[Record], task: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a task."""
    rows = []
    for row in summary:
        if row["task"] != task:
            continue
        name = row["format"] + ("" if row["factor"] == 1 else f", rate ×{row['factor']:g}")
        if row["accuracy"] is None:
            rows.append([name, str(row["runs"]), "diverged", "", "", ""])
            continue
        interval = "" if row["interval"] is None else f" ± {100 * row['interval']:.1f}"
        difference = "" if row["difference"] is None or row["format"] == "FP32" else f"{100 * row['difference']:+.1f}"
        p = "" if row["p"] is None or row["format"] == "FP32" else f"{row['p']:.3f}"
        rows.append(
            [name, f"{row['runs'] - row['diverged']}/{row['runs']}", f"{100 * row['accuracy']:.1f}{interval}",
             difference, p, f"{row['test_loss']:.3f}"]
        )  # fmt: skip
    return ["format", "runs", "accuracy, %", "against FP32", "p", "test loss"], rows


def markdown(summary: Sequence[Record]) -> str:
    """A table for each task."""
    text = []
    for task in dict.fromkeys(row["task"] for row in summary):
        header, rows = table(summary, task)
        lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
        text.append(f"{TASKS[task].title}:\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines))
    return "\n".join(text)


def write(path: Path, records: Sequence[Record], summary: Sequence[Record], facts: Record) -> None:
    """Everything as JSON, a run a line."""
    lines = ",\n".join(f"  {json.dumps(record, ensure_ascii=False)}" for record in records)
    head = json.dumps(facts | {"summary": summary}, indent=1, ensure_ascii=False)[:-2]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{head},\n "runs": [\n{lines}\n ]\n}}\n', encoding="utf-8")


def plot(path: Path, records: Sequence[Record]) -> None:
    """Mean accuracy over epochs as a PNG: a panel per task, a line per format."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    tasks = list(dict.fromkeys(record["task"] for record in records))
    figure, axes = plt.subplots(-(-len(tasks) // 2), 2, figsize=(13, 4.2 * -(-len(tasks) // 2)), squeeze=False)
    for panel in axes.flat[len(tasks) :]:
        panel.set_visible(False)
    for panel, task in zip(axes.flat, tasks, strict=False):
        for index, format in enumerate(FORMATS):
            runs = [r["accuracy"] for r in records if (r["task"], r["format"]) == (task, format) and not r["diverged"]]
            if runs:
                means = [100 * mean(values) for values in zip(*runs, strict=True)]
                panel.plot(range(1, len(means) + 1), means, label=format, color=plt.get_cmap("tab20")(index % 20))
        panel.set(title=TASKS[task].title, xlabel="epoch", ylabel="test accuracy, %")
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
