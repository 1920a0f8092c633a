"""``python -m golden.train``: the accuracy of HBFP formats in training, on handwritten digits."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices; the cores are for the pool

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from golden.train.experiment import Point, run_points, summarize
from golden.train.journal import Journal
from golden.train.report import plot, table, write
from golden.train.tasks import FORMATS, TASKS


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m golden.train", description=__doc__)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="default: all")
    parser.add_argument(
        "--formats", nargs="+", choices=list(FORMATS), metavar="FORMAT",
        help=f"of {'; '.join(FORMATS)} (default: each task's own)",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, default=5, help="runs of each, from seeds 1, 2, … (default: 5)")
    parser.add_argument("--epochs", type=int, help="instead of each task's own")
    parser.add_argument("--block", type=int, default=64, help="block size (default: 64)")
    parser.add_argument("--rounding", choices=["stochastic", "nearest", "truncate"], default="stochastic")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes (default: 2)")
    parser.add_argument("--fresh", action="store_true", help="run again what the output folder has already")
    parser.add_argument("--output", type=Path, default=Path("build/training"), help="folder (default: build/training)")
    options = parser.parse_args(arguments)
    for name, high in (("seeds", 1000), ("epochs", 10000), ("block", 1024), ("workers", 256)):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= high:
            parser.error(f"{name} must be between 1 and {high}, not {value}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment, print its table, write its files."""
    options = parse(arguments)
    console = Console(stderr=True)
    points = [
        Point(task, format, seed, options.block, options.rounding, options.epochs)
        for seed in range(1, options.seeds + 1) for task in options.tasks
        for format in options.formats or TASKS[task].formats
    ]  # fmt: skip
    start = time.monotonic()
    journal = Journal(options.output / "runs.jsonl")
    known = {} if options.fresh else journal.known(points)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("training", total=len(points), completed=len(known))

        def done(record: dict[str, Any], point: Point) -> None:
            journal.add(record, point)
            progress.update(bar, advance=1, description=f"{record['task']}, {record['format']}")

        left = [point for point in points if point not in known]
        known |= dict(zip(left, run_points(left, options.workers, done), strict=True))
    records = [known[point] for point in points]
    summary = summarize(records)
    header, rows = table(summary)
    title = f"Test accuracy in %, mean ± standard deviation of {options.seeds} seeds, blocks of {options.block}"
    shown = Table(title=title)
    for column in header:
        shown.add_column(column, justify="left" if column == "format" else "right")
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
    command = "python -m golden.train " + " ".join(sys.argv[1:] if arguments is None else arguments)
    facts = {"command": command.strip(), "seconds": round(time.monotonic() - start), "workers": options.workers}
    paths = write(options.output, records, summary, facts)
    try:
        plot(options.output / "training.png", records)
        paths.append(options.output / "training.png")
    except ImportError:
        console.print("no plot: matplotlib is not installed")
    console.print("wrote " + ", ".join(map(str, paths)))
    for record in records:
        if record["diverged"]:
            console.print(f"{record['task']}, {record['format']}, seed {record['seed']}: {record['diverged']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
