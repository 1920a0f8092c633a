"""``hbfp train``: accuracy of formats in training, several seeds each; goes on where it was killed."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hw.host.files import check_outputs
from hw.host.program import CommandLineError, run

if TYPE_CHECKING:
    from hbfp.train.run import Point

__all__ = ["main", "points"]

FILES = ("runs.jsonl", "training.json", "training.png")
"""What the folder gets."""
TEXT = "Train networks with PyTorch in several formats from several seeds; an experiment that was killed goes on."


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="default: those that take minutes")
    parser.add_argument("--full", action="store_true", help="the tasks that take hours too")
    parser.add_argument("--formats", nargs="+", metavar="FORMAT", help="default: each task's own")
    parser.add_argument("--seeds", type=int, help="runs of each, from seeds 1, 2, … (default: each task's own)")
    parser.add_argument("--epochs", type=int, help="instead of each task's own")
    parser.add_argument("--factors", nargs="+", type=float, default=[1.0], help="on the learning rate (default: 1)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--costs", action="store_true",
                        help="also cycles of the cycle model and mantissas after training, with pictures (minutes)")  # fmt: skip
    parser.add_argument("--into", type=Path, action="append", default=[], metavar="PAGE",
                        help="rewrite the tables between <!-- training --> markers of this page")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", default=Path("build/training"),
                        help="folder (default: build/training)")  # fmt: skip


def _check(options: argparse.Namespace) -> None:
    """Raise for values that cannot be."""
    from hbfp.train.tasks import FORMATS, TASKS
    from synth.report.pages import check_page

    for name, known in (("tasks", TASKS), ("formats", FORMATS)):
        for value in getattr(options, name) or []:
            if value not in known:
                raise CommandLineError(f"{name} must be of {'; '.join(known)}, not {value}")
    for name, high in (("seeds", 1000), ("epochs", 10000), ("workers", 256)):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= high:
            raise CommandLineError(f"{name} must be between 1 and {high}, not {value}")
    for factor in options.factors:
        if not 0 < factor < 1e6:
            raise CommandLineError(f"factors must be greater than 0 and less than 1000000, not {factor:g}")
    if options.full and options.tasks:
        raise CommandLineError("full must be given without tasks")
    try:
        check_outputs(*(options.output / name for name in FILES))
        for page in options.into:
            check_page(page)
    except ValueError as error:
        raise CommandLineError(str(error)) from None


def points(options: argparse.Namespace) -> "list[Point]":
    """The runs, seeds outermost, so that an interrupted experiment has all formats."""
    from hbfp.train.run import Point
    from hbfp.train.tasks import FULL, QUICK, TASKS

    tasks = options.tasks or (FULL if options.full else QUICK)
    most = options.seeds or max(TASKS[task].seeds for task in tasks)
    return [
        Point(task, format, seed, factor, options.epochs)
        for seed in range(1, most + 1) for task in tasks if options.seeds or seed <= TASKS[task].seeds
        for format in options.formats or TASKS[task].formats for factor in options.factors
    ]  # fmt: skip


def _main(options: argparse.Namespace) -> int:
    """Run the experiment, print its tables, write its files."""
    _check(options)
    from rich.console import Console
    from rich.progress import Progress

    from hbfp.train.cost import costs, linear
    from hbfp.train.journal import Journal
    from hbfp.train.plots import plot_epochs
    from hbfp.train.report import layout, markdown, summarize, write
    from hbfp.train.run import run_point
    from hbfp.train.tasks import TASKS
    from synth.report.pages import rewrite

    wanted = points(options)
    journal = Journal(options.output / FILES[0])
    known = journal.known(wanted)
    left = [point for point in wanted if point not in known]
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("training", total=len(wanted), completed=len(known))
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(run_point, point): point for point in left}
            for future in as_completed(futures):
                known[futures[future]] = future.result()
                journal.add(future.result(), futures[future])
                progress.advance(bar)
    records = [known[point] for point in wanted]
    summary, tasks = summarize(records), list(dict.fromkeys(point.task for point in wanted))
    typed = sys.argv[2:] if sys.argv[1:2] == ["train"] else sys.argv[1:]  # as hbfp train, or as this module
    facts: dict[str, Any] = {"command": shlex.join(["hbfp", "train", *typed]), "linear": linear(tasks)}
    facts["titles"] = {task: TASKS[task].title for task in tasks}
    facts |= costs(options.output, tasks, summary) if options.costs else {}
    write(options.output / FILES[1], records, summary, facts)
    plot_epochs(options.output / FILES[2], records)
    texts = {"training": layout(summary)} | {f"training {task}": markdown(summary, task) for task in tasks}
    for task in tasks:
        print(f"{TASKS[task].title}:\n\n{texts[f'training {task}']}")
        if task in facts["linear"]:
            print(f"A linear model: {100 * facts['linear'][task]:.1f} %\n")
    for record in records:
        if record["diverged"]:
            print(f"{record['task']}, {record['format']}, seed {record['seed']}: {record['diverged']}")
    for page in options.into:
        print(f"{page}: {'rewritten' if rewrite(page, texts) else 'up to date'}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hbfp train", TEXT, _options, _main, arguments)


if __name__ == "__main__":
    sys.exit(main())
