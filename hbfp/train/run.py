"""One run of one task in one format from one seed."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from golden import Health
from hbfp.torch import HBFP, Diverged, Format, Run, Schedule, convert, keep_wide
from hbfp.train.data import Data
from hbfp.train.tasks import FORMATS, TASKS, TrainingRecipe

__all__ = ["Point", "Training", "run_point"]

MILESTONES = (0.5, 0.75)
Record = dict[str, Any]
Progress = Callable[[int, float], None]


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
    def recipe(self) -> TrainingRecipe:
        """The task's recipe with the point's changes."""
        recipe = TASKS[self.task].recipe
        changes = {"rate": recipe.rate * self.factor, "epochs": self.epochs or recipe.epochs}
        return TrainingRecipe(**asdict(recipe) | changes)


def rate_at(recipe: TrainingRecipe, step: int, steps: int) -> float:
    """Factor on the rate in a step of so many: a linear warm-up; then a tenth at each milestone, or half a cosine."""
    warm = min(1.0, (step + 1) / recipe.warm_up) if recipe.warm_up else 1.0
    if recipe.cosine:
        return warm * 0.5 * (1 + math.cos(math.pi * step / steps))
    per_epoch = steps // recipe.epochs
    return warm * 0.1 ** sum(step // per_epoch >= int(part * recipe.epochs) for part in MILESTONES)


class Training:
    """A model in its format, before its first step; the same point always gives the same bits.

    Parameters
    ----------
    point
        what is trained.
    chosen
        schedule and format instead of the point's.

    Attributes
    ----------
    model, data, recipe, run
        what it consists of; ``run`` is None in FP32.
    steps
        taken so far.
    record
        the point's members, and by epoch loss, test loss, accuracy, health; "diverged" says why it ended early.
    """

    def __init__(self, point: Point, chosen: tuple[Schedule, Format] | None = None):
        task, self.recipe = TASKS[point.task], point.recipe
        torch.set_num_threads(1)
        torch.manual_seed(point.seed)
        self.model, self.data = task.network(), task.data()
        self.optimizer = _optimizer(self.model, self.recipe)
        chosen = chosen or FORMATS[point.format]
        self.run: Run | None = None
        if chosen:
            self.run = convert(self.model, *chosen, epochs=self.recipe.epochs, seed=point.seed)
            self.run.attach(self.optimizer)
            if self.recipe.wide and isinstance(chosen[1], HBFP):
                keep_wide(self.model, self.optimizer, self.recipe.wide)
        self.order = torch.Generator().manual_seed(point.seed)
        samples = self.recipe.samples or len(self.data.x_train)
        self.all_steps = self.recipe.epochs * -(-min(samples, len(self.data.x_train)) // self.recipe.batch)
        self.steps = self.epoch = 0
        self.record: Record = asdict(point) | {
            "parameters": sum(p.numel() for p in self.model.parameters()), "loss": [], "test_loss": [], "accuracy": [],
            "health": [], "diverged": None,
        }  # fmt: skip

    def fit(self, most: int | None = None, progress: Progress | None = None) -> Record:
        """Train and test every epoch, or until so many steps were taken; the record.

        Raises
        ------
        Diverged
            at the first number that is not finite.
        """
        for epoch in range(self.recipe.epochs):
            if self.steps == most:
                break
            if self.run:
                self.run.epoch = epoch
            self.epoch = epoch
            self.record["loss"].append(self.one_epoch(most, progress))
            accuracy, loss = evaluate(self.model, self.data)
            self.record["accuracy"].append(accuracy)
            self.record["test_loss"].append(loss)
            self.record["health"].append(self._health())
        return self.record

    def _health(self) -> dict[str, int] | None:
        return asdict(self.run.health) if self.run else None

    def one_epoch(self, most: int | None = None, progress: Progress | None = None) -> float:
        """Mean loss over an epoch of training, or its steps until ``most`` were taken in all."""
        self.model.train()
        losses = []
        order = torch.randperm(len(self.data.x_train), generator=self.order)[: self.recipe.samples]
        for batch in order.split(self.recipe.batch):
            if self.steps == most:
                break
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate * rate_at(self.recipe, self.steps, self.all_steps)
            self.optimizer.zero_grad()
            loss = loss_of(self.model(self.data.x_train[batch]), self.data.y_train[batch])
            if not math.isfinite(loss.item()):
                layer = [name for name, module in self.model.named_modules() if hasattr(module, "weight")][-1]
                health = self.run.health if self.run else Health()
                raise Diverged(self.steps, self.epoch, layer, "forward", health)
            loss.backward()
            self.optimizer.step()
            self.steps += 1
            losses.append(loss.item())
            if progress:
                progress(self.steps, losses[-1])
        return sum(losses) / len(losses)


def run_point(point: Point, progress: Progress | None = None) -> Record:
    """Train and test; a run that diverges has its reason and its health under "diverged" and "health"."""
    start, training = time.process_time(), Training(point)
    try:
        training.fit(progress=progress)
    except Diverged as error:
        training.record["diverged"] = str(error)
        training.record["health"].append(asdict(error.health))
    return training.record | {"seconds": round(time.process_time() - start, 2)}


def _optimizer(model: nn.Module, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), recipe.rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
    return torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=0.01)


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy in nats."""
    return functional.cross_entropy(logits.flatten(0, -2), labels.flatten())


@torch.no_grad()
def evaluate(model: nn.Module, data: Data) -> tuple[float, float]:
    """Accuracy and mean loss on the test data."""
    model.eval()
    right = total = 0.0
    for x, y in zip(data.x_test.split(256), data.y_test.split(256), strict=True):
        logits = model(x)
        right += float((logits.argmax(-1) == y).sum())
        total += float(loss_of(logits, y)) * y.numel()
    return right / data.y_test.numel(), total / data.y_test.numel()
