"""``python -m hbfp.train``: accuracy of formats in training, several seeds each; goes on where it was killed."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from hbfp.train.journal import Journal
from hbfp.train.report import markdown, plot, summarize, write
from hbfp.train.run import Point, run_point
from hbfp.train.tasks import FORMATS, FULL, QUICK, TASKS

__all__ = ["main"]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="hbfp train", description=(__doc__ or "").split(": ", 1)[1])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), help=f"default: {', '.join(QUICK)}")
    parser.add_argument("--full", action="store_true", help=f"hours: {', '.join(FULL)}")
    parser.add_argument(
        "--formats", nargs="+", choices=list(FORMATS), metavar="FORMAT",
        help=f"of {'; '.join(FORMATS)} (default: each task's own)",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, help="runs of each, from seeds 1, 2, … (default: each task's own)")
    parser.add_argument("--epochs", type=int, help="instead of each task's own")
    parser.add_argument("--factors", nargs="+", type=float, default=[1.0], help="on the learning rate (default: 1)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("build/training"), help="folder (default: build/training)")
    options = parser.parse_args(arguments)
    for name, high in (("seeds", 1000), ("epochs", 10000), ("workers", 256)):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= high:
            parser.error(f"{name} must be between 1 and {high}, not {value}")
    for factor in options.factors:
        if not 0 < factor < 1e6:
            parser.error(f"factors must be greater than 0 and less than 1000000, not {factor:g}")
    if options.full and options.tasks:
        parser.error("full must be given without tasks")
    return options


def points(options: argparse.Namespace) -> list[Point]:
    """The runs, seeds outermost, so that an interrupted experiment has all formats."""
    tasks = options.tasks or (FULL if options.full else QUICK)
    most = options.seeds or max(TASKS[task].seeds for task in tasks)
    return [
        Point(task, format, seed, factor, options.epochs)
        for seed in range(1, most + 1) for task in tasks if options.seeds or seed <= TASKS[task].seeds
        for format in options.formats or TASKS[task].formats for factor in options.factors
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment, print its tables, write its files."""
    options = parse(arguments)
    wanted = points(options)
    journal = Journal(options.output / "runs.jsonl")
    known = journal.known(wanted)
    left = [point for point in wanted if point not in known]
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("training", total=len(wanted), completed=len(known))
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(run_point, point): point for point in left}
            for future in as_completed(futures):
                known[futures[future]] = future.result()
                journal.add(future.result(), futures[future])
                progress.advance(bar)
    records = [known[point] for point in wanted]
    summary = summarize(records)
    command = "hbfp train " + " ".join(sys.argv[1:] if arguments is None else arguments)
    write(options.output / "training.json", records, summary, {"command": command.strip()})
    plot(options.output / "training.png", records)
    print(markdown(summary))
    for record in records:
        if record["diverged"]:
            print(f"{record['task']}, {record['format']}, seed {record['seed']}: {record['diverged']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
