"""What a training costs on a machine, what its mantissas look like, and what a linear model makes of its task."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import golden
from golden import BlockFormat
from hbfp.torch import HBFP, device
from hbfp.torch.formats import STAGES
from hbfp.torch.run import product_seed
from hbfp.train.machine import CONFIG
from hbfp.train.plots import plot_cycles, plot_mantissas
from hbfp.train.report import Record
from hbfp.train.run import Point, Training
from hbfp.train.tasks import FORMATS, TASKS
from sim.devices import CycleDevice

__all__ = ["costs", "cycles_of_training", "linear", "mantissas"]

KINDS = {
    ("forward", 0): "inputs", ("forward", 1): "weights", ("input gradient", 0): "gradients", ("weight gradient", 1): "gradients",
}  # fmt: skip
"""What the operands of the products are that have a name of their own."""


def cycles_of_training(task: str, format: str) -> int | None:
    """Cycles of all training steps on ``CONFIG`` with the format's blocks; None for what it cannot run.

    By the cycle model, from one step in each set of widths that the schedule has: cycles do not depend on values.
    """
    chosen, costs, total = FORMATS[format], dict[tuple[int, ...], int](), 0
    if chosen is None or not isinstance(chosen[1], HBFP) or chosen[1].block_size % CONFIG.dot:
        return None
    training = Training(Point(task, format, 1))
    run, epochs = training.run, training.recipe.epochs
    assert run is not None
    size = chosen[1].block_size
    config = replace(
        CONFIG, block_size=size, panel_columns=max(CONFIG.panel_columns, size), rounding_modes=("nearest", "stochastic")
    )
    for run.epoch in range(epochs):
        widths = tuple(run.widths().values())
        if not set(widths) <= set(config.mantissa_widths):
            return None
        if widths not in costs:
            machine: Any = CycleDevice(config)
            with device(machine):
                training.steps = 0
                training.one_epoch(1)
            costs[widths] = machine.counters["cycles"]
        total += costs[widths] * (training.all_steps // epochs)
    return total


class _Counting:
    """A machine of golden values that counts the magnitudes of the mantissas it is given, by kind of operand."""

    def __init__(self, training: Training, width: int):
        assert training.run
        assert isinstance(training.run.format, HBFP)
        self.format: BlockFormat = training.run.format.block(width)
        self.block_size = self.format.block_size
        largest = 2 ** (width - 1)
        self.counts: dict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(largest, np.int64))
        self.kinds = {
            product_seed(training.run.seed, training.run.step, slot.index, stage, 0): stage
            for slot in training.run.slots for stage in STAGES[:3]
        }  # fmt: skip

    def matmul(self, a: Any, b: Any, *, rounding: str, seed_a: int, seed_b: int, **_: Any) -> Any:
        blocks = [
            golden.quantize(x, self.format, axis, rounding, seed) for x, axis, seed in ((a, 1, seed_a), (b, 0, seed_b))
        ]
        stage = self.kinds.get(seed_a, "")
        for operand, one in enumerate(blocks):
            if (stage, operand) in KINDS:
                magnitudes = np.abs(one.mantissas.astype(np.int64))
                largest = 2 ** (self.format.mantissa_width - 1)
                self.counts[KINDS[stage, operand]] += np.bincount(magnitudes.ravel(), minlength=largest)
        return golden.matmul(blocks[0], blocks[1])


def mantissas(task: str, format: str, epochs: int | None = None) -> dict[str, list[int]]:
    """How often each magnitude of mantissa occurs in one step after training, for inputs, weights and gradients.

    The format has one width. The padding of ragged blocks counts as zeros.
    """
    training = Training(Point(task, format, 1, epochs=epochs))
    training.fit()
    assert training.run
    training.run.step += 1  # the test drew numbers of this one
    (width,) = set(training.run.widths().values())
    counting = _Counting(training, width)
    with device(counting):
        training.steps = 0
        training.one_epoch(1)
    return {kind: [int(n) for n in counts] for kind, counts in counting.counts.items()}


def linear(tasks: Sequence[str]) -> dict[str, float]:
    """Test accuracy of logistic regression on the pixels, for tasks of images."""
    from sklearn.linear_model import LogisticRegression

    accuracies = {}
    for task in tasks:
        if TASKS[task].metric == "accuracy":
            data = TASKS[task].data()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # where it has not converged, it is a linear model all the same
                model = LogisticRegression(max_iter=300).fit(data.x_train.flatten(1).numpy(), data.y_train.numpy())
            accuracies[task] = float(model.score(data.x_test.flatten(1).numpy(), data.y_test.numpy()))
    return accuracies


def costs(folder: Path, tasks: Sequence[str], summary: Sequence[Record]) -> Record:
    """Cycles by task and format of accuracy's tasks, mantissas of HBFP4 and HBFP6 of the first task; with pictures."""
    counts = {
        f"{TASKS[tasks[0]].title}: {name}": mantissas(tasks[0], name) for name in ("HBFP4", "HBFP6")
    }  # fmt: skip
    plot_mantissas(folder / "training-mantissas.png", counts)
    cycles: dict[str, dict[str, int]] = {}
    for task in tasks:
        formats = dict.fromkeys(row["format"] for row in summary if row["task"] == task)
        found = {name: cycles_of_training(task, name) for name in formats}
        cycles[task] = {name: number for name, number in found.items() if number is not None}
    cycles = {task: found for task, found in cycles.items() if "HBFP4" in found and TASKS[task].metric == "accuracy"}
    if cycles:
        plot_cycles(folder / "training-cycles.png", summary, cycles)
    return {"cycles": cycles, "mantissas": counts}
