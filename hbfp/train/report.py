"""Records of runs as tables with confidence intervals and paired tests, and as a file."""

import json
from collections.abc import Sequence
from math import exp
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy import stats

from hbfp.train.tasks import TASKS
from hw.host.files import keep

__all__ = ["layout", "markdown", "summarize", "write"]

Record = dict[str, Any]
TINY = 1e-9
"""Differences that vary by less are equal but for their rounding in float64: no test says anything of them."""


def value_of(record: Record) -> float:
    """What a run is compared by: its last accuracy in percent, or minus its last test loss, perplexity's logarithm."""
    last: float = -record["test_loss"][-1] if _perplexity(record["task"]) else 100 * record["accuracy"][-1]
    return last


def _perplexity(task: str) -> bool:
    return TASKS[task].metric == "perplexity"


def half_interval(values: Sequence[float]) -> float | None:
    """Half of Student's 95 % interval of a mean; None for a single value."""
    if len(values) < 2:
        return None
    return float(stats.t.ppf(0.975, len(values) - 1) * stdev(values) / len(values) ** 0.5)


def summarize(records: Sequence[Record]) -> list[Record]:
    """A row for each task, format and rate: means, and what the runs of a seed differ by from that seed's in FP32.

    ``value`` is in percent, or a negative logarithm of perplexity; ``interval`` half its 95 % interval, ``difference``
    and ``difference_interval`` of the pairs, ``p`` Student's, paired. All of them but the means need two seeds.
    """
    rows = []
    for task, format, factor in dict.fromkeys((r["task"], r["format"], r["factor"]) for r in records):
        same = [r for r in records if (r["task"], r["factor"]) == (task, factor)]
        runs = [r for r in same if r["format"] == format]
        ended = [r for r in runs if not r["diverged"]]
        base = {r["seed"]: value_of(r) for r in same if r["format"] == "FP32" and not r["diverged"]}
        values = [value_of(r) for r in ended]
        differences = [value_of(r) - base[r["seed"]] for r in ended if r["seed"] in base] if format != "FP32" else []
        rows.append(
            {
                "task": task, "format": format, "factor": factor, "runs": len(runs), "diverged": len(runs) - len(ended),
                "accuracy": mean(r["accuracy"][-1] for r in ended) if ended else None,
                "perplexity": exp(-mean(values)) if ended and _perplexity(task) else None,
                "value": mean(values) if ended else None, "interval": half_interval(values),
                "test_loss": mean(r["test_loss"][-1] for r in ended) if ended else None,
                "difference": mean(differences) if differences else None,
                "difference_interval": half_interval(differences),
                "p": float(stats.ttest_1samp(differences, 0).pvalue)
                if len(differences) > 1 and stdev(differences) > TINY else None,
            }
        )  # fmt: skip
    return rows


def cell(row: Record) -> str:
    """Mean and half interval: accuracy in percent, or perplexity."""
    if row["value"] is None:
        return "diverged"
    half = row["interval"]
    if row["perplexity"] is not None:
        text = f"{row['perplexity']:.2f}" + ("" if half is None else f" ± {row['perplexity'] * (exp(half) - 1):.2f}")
    else:
        text = f"{row['value']:.1f}" + ("" if half is None else f" ± {half:.1f}")
    return text + (f" ({row['diverged']} diverged)" if row["diverged"] else "")


def _difference(row: Record) -> str:
    if row["difference"] is None:
        return ""
    half = row["difference_interval"]
    if row["perplexity"] is not None:  # a quotient of perplexities
        text, rest = f"{100 * (exp(-row['difference']) - 1):+.1f} %", f" ± {100 * (exp(half or 0) - 1):.1f}"
    else:
        text, rest = f"{row['difference']:+.1f}", f" ± {half or 0:.1f}"
    return text + ("" if half is None else rest)


def table(summary: Sequence[Record], task: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a task."""
    rows = [
        [row["format"] + ("" if row["factor"] == 1 else f", rate ×{row['factor']:g}"),
         f"{row['runs'] - row['diverged']}/{row['runs']}", cell(row), _difference(row),
         "" if row["p"] is None else f"{row['p']:.3f}", "" if row["value"] is None else f"{row['test_loss']:.3f}"]
        for row in summary if row["task"] == task
    ]  # fmt: skip
    what = "perplexity" if _perplexity(task) else "accuracy, %"
    return ["format", "runs", what, "against FP32", "p", "test loss"], rows


def _lines(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def markdown(summary: Sequence[Record], task: str) -> str:
    """A task's table."""
    return _lines(*table(summary, task))


def layout(summary: Sequence[Record]) -> str:
    """The published table's layout: a row for each format, a column for each task, at the tasks' own rates."""
    tasks = list(dict.fromkeys(row["task"] for row in summary))
    cells = {(row["format"], row["task"]): cell(row) for row in summary if row["factor"] == 1}
    formats = [name for name in dict.fromkeys(row["format"] for row in summary) if any((name, t) in cells for t in tasks)]
    rows = [[name, *(cells.get((name, task), "") for task in tasks)] for name in formats]
    return _lines(["format", *(TASKS[task].title for task in tasks)], rows)


def write(path: Path, records: Sequence[Record], summary: Sequence[Record], facts: Record) -> None:
    """Everything as JSON, a run a line."""
    lines = ",\n".join(f"  {json.dumps(record, ensure_ascii=False)}" for record in records)
    head = json.dumps(facts | {"summary": summary}, indent=1, ensure_ascii=False)[:-2]
    keep(path, f'{head},\n "runs": [\n{lines}\n ]\n}}\n')
