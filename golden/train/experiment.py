"""Every task in every format from several seeds, on a pool of processes."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev
from typing import Any

from golden.train.arithmetic import Diverged
from golden.train.run import Recipe, train
from golden.train.tasks import FORMATS, TASKS, arithmetic_for, digits

__all__ = ["Point", "run_point", "run_points", "summarize"]


@dataclass(frozen=True)
class Point:
    """One run.

    Parameters
    ----------
    task, format
        names out of ``TASKS`` and ``FORMATS``.
    seed
        of weights, order and rounding.
    block_size, rounding
        see ``Arithmetic``.
    epochs
        instead of the recipe's.

    Raises
    ------
    ValueError
        for a name that is not known.
    """

    task: str
    format: str
    seed: int
    block_size: int = 64
    rounding: str = "stochastic"
    epochs: int | None = None

    def __post_init__(self) -> None:
        for name, known in (("task", TASKS), ("format", FORMATS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {'; '.join(known)}, not {getattr(self, name)}")

    @property
    def recipe(self) -> Recipe:
        """The task's, with this run's epochs."""
        recipe = TASKS[self.task].recipe
        return recipe if self.epochs is None else replace(recipe, epochs=self.epochs)


def run_point(point: Point, progress: Callable[[int, float], Any] | None = None) -> dict[str, Any]:
    """Train; the record has the point's members, loss and accuracy by epoch, steps, health, seconds of CPU time.

    A run that diverges has what ``Diverged`` says under "diverged", and no accuracy.
    """
    recipe = point.recipe
    arithmetic = arithmetic_for(point.format, recipe.epochs, point.seed, point.block_size, point.rounding)
    network = TASKS[point.task].network(point.seed)
    start = time.process_time()
    record: dict[str, Any] = asdict(point) | {"epochs": recipe.epochs, "diverged": None, "accuracy": [], "loss": []}
    try:
        history = train(network, digits(), arithmetic, recipe, progress=progress)
    except Diverged as error:
        record["diverged"] = str(error)
    else:
        record |= {"accuracy": history.accuracy, "loss": history.loss, "steps": history.steps}
    return record | {"health": asdict(arithmetic.health), "cpu_seconds": round(time.process_time() - start, 2)}


def run_points(
    points: Sequence[Point], workers: int = 2, done: Callable[[dict[str, Any], Point], Any] | None = None
) -> list[dict[str, Any]]:
    """Records of all points, in their order; ``done`` hears of each with its point as it ends."""
    records: dict[Point, dict[str, Any]] = {}
    if workers == 1:
        for point in points:
            records[point] = run_point(point)
            if done:
                done(records[point], point)
        return [records[point] for point in points]
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(run_point, point): point for point in points}
        for future in as_completed(futures):
            records[futures[future]] = future.result()
            if done:
                done(future.result(), futures[future])
    return [records[point] for point in points]


def summarize(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation of the last accuracy per task and format, and the accuracy before the last epoch."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["task"], record["format"]), []).append(record)
    summary = []
    for (task, format), group in groups.items():
        runs = [record["accuracy"] for record in group if not record["diverged"]]
        last = [accuracy[-1] for accuracy in runs]
        summary.append(
            {
                "task": task,
                "format": format,
                "runs": len(group),
                "diverged": len(group) - len(runs),
                "accuracy": mean(last) if last else None,
                "spread": stdev(last) if len(last) > 1 else 0.0,
                "before_last_epoch": mean(accuracy[-2] for accuracy in runs) if last and len(runs[0]) > 1 else None,
            }
        )
    return summary
