"""One run of one task in one format from one seed."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from hbfp.torch import Diverged, Run, convert
from hbfp.train.data import Data
from hbfp.train.tasks import FORMATS, TASKS, Recipe

__all__ = ["Point", "run_point"]

MILESTONES = (0.5, 0.75)
Record = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A run.

    Parameters
    ----------
    task, format
        names of ``TASKS`` and ``FORMATS``.
    seed
        of initial weights, order of samples and rounding.
    factor
        on the task's learning rate.
    epochs
        instead of the task's.
    """

    task: str
    format: str
    seed: int
    factor: float = 1.0
    epochs: int | None = None

    @property
    def recipe(self) -> Recipe:
        """The task's recipe with the point's changes."""
        recipe = TASKS[self.task].recipe
        changes = {"rate": recipe.rate * self.factor, "epochs": self.epochs or recipe.epochs}
        return Recipe(**asdict(recipe) | changes)


def run_point(point: Point, progress: Callable[[int, float], None] | None = None) -> Record:
    """Train and test; the record has loss, accuracy and health of every epoch, and why it ended early if it did."""
    task, recipe = TASKS[point.task], point.recipe
    torch.set_num_threads(1)
    torch.manual_seed(point.seed)
    model, data, start = task.network(), task.data(), time.monotonic()
    chosen = FORMATS[point.format]
    run = convert(model, *chosen, epochs=recipe.epochs, seed=point.seed) if chosen else None
    record: Record = asdict(point) | {
        "parameters": sum(p.numel() for p in model.parameters()), "loss": [], "test_loss": [], "accuracy": [],
        "health": [], "diverged": None,
    }  # fmt: skip
    optimizer = _optimizer(model, recipe)
    if run:
        run.attach(optimizer)
    generator = torch.Generator().manual_seed(point.seed)
    try:
        for epoch in range(recipe.epochs):
            if run:
                run.epoch = epoch
            if epoch in [int(recipe.epochs * part) for part in MILESTONES]:
                for group in optimizer.param_groups:
                    group["lr"] /= 10
            record["loss"].append(_epoch(model, data, recipe, optimizer, generator, progress))
            accuracy, loss = _test(model, data)
            record["accuracy"].append(accuracy)
            record["test_loss"].append(loss)
            record["health"].append(_health(run))
    except Diverged as error:
        record["diverged"] = str(error)
        record["health"].append(_health(run))
    record["seconds"] = round(time.monotonic() - start, 2)
    return record


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), recipe.rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
    return torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=0.01)


def _epoch(
    model: nn.Module, data: Data, recipe: Recipe, optimizer: torch.optim.Optimizer, generator: torch.Generator,
    progress: Callable[[int, float], None] | None,
) -> float:  # fmt: skip
    """Mean loss over an epoch of training."""
    model.train()
    losses = []
    order = torch.randperm(len(data.x_train), generator=generator)[: recipe.samples]
    for batch in order.split(recipe.batch):
        optimizer.zero_grad()
        loss = _loss(model(data.x_train[batch]), data.y_train[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if progress:
            progress(len(losses), losses[-1])
    return sum(losses) / len(losses)


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(logits.flatten(0, -2), labels.flatten())


@torch.no_grad()
def _test(model: nn.Module, data: Data) -> tuple[float, float]:
    """Accuracy and mean loss on the test data."""
    model.eval()
    right = total = 0.0
    for x, y in zip(data.x_test.split(256), data.y_test.split(256), strict=True):
        logits = model(x)
        right += float((logits.argmax(-1) == y).sum())
        total += float(_loss(logits, y)) * y.numel()
    return right / data.y_test.numel(), total / data.y_test.numel()


def _health(run: Run | None) -> dict[str, int] | None:
    return asdict(run.health) if run else None
