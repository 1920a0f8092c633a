"""One training run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from golden.format import BlockFormat, Health, check_range
from golden.train.arithmetic import FORWARD, Arithmetic, Diverged
from golden.train.device import Array
from golden.train.functions import softmax_cross_entropy
from golden.train.network import Network
from golden.train.optimizer import SGD

__all__ = ["Data", "History", "Recipe", "accuracy", "train"]


@dataclass(frozen=True, eq=False)
class Data:
    """Training and test samples: float32 (samples, …) with integer labels (samples,)."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array

    def __post_init__(self) -> None:
        for x, y, name in ((self.x_train, self.y_train, "train"), (self.x_test, self.y_test, "test")):
            if len(x) != len(y):
                raise ValueError(f"x_{name} and y_{name} must have as many samples, not {len(x)} and {len(y)}")


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Parameters
    ----------
    epochs, batch
        passes over the data; samples of a step (the last, smaller batch of an epoch is used too).
    rate
        of learning, divided by 10 when each share of the epochs in ``milestones`` is over.
    momentum, nesterov, decay
        see ``SGD``.
    wide_mantissa
        width in which weights are kept between updates; None keeps them in float32.
    """

    epochs: int = 30
    batch: int = 32
    rate: float = 0.05
    milestones: tuple[float, ...] = (0.5, 0.75)
    momentum: float = 0.9
    nesterov: bool = True
    decay: float = 1e-4
    wide_mantissa: int | None = 16

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 1, 1 << 20)
        check_range("batch", self.batch, 1, 1 << 20)

    def rate_in(self, epoch: int) -> float:
        """Rate of an epoch, from 0."""
        return self.rate * 0.1 ** sum(epoch >= share * self.epochs for share in self.milestones)


@dataclass
class History:
    """What a run was like: per epoch the mean loss and the accuracy on the test samples; steps and health in all."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    steps: int = 0
    health: Health = field(default_factory=Health)


def accuracy(network: Network, arithmetic: Arithmetic, x: Array, y: Array, batch: int = 512) -> float:
    """Share of samples whose largest score is their label's, in the epoch's widths, rounded to nearest."""
    arithmetic.evaluating = True
    try:
        scores = [network.forward(x[start : start + batch], arithmetic) for start in range(0, len(x), batch)]
    finally:
        arithmetic.evaluating = False
    return float(np.mean(np.concatenate(scores).argmax(axis=1) == y))


def train(
    network: Network, data: Data, arithmetic: Arithmetic, recipe: Recipe, *, steps: int | None = None,
    progress: Callable[[int, float], Any] | None = None,
) -> History:  # fmt: skip
    """Train ``network`` in place. The same seed, data and recipe give the same bits on every device of one format.

    Parameters
    ----------
    arithmetic
        made for ``recipe.epochs``; its seed orders the samples as well.
    steps
        stop after so many.
    progress
        called after each step with their number so far and the loss.

    Raises
    ------
    Diverged
        at the first number that is not finite, naming step and layer.
    """
    if arithmetic.epochs != recipe.epochs:
        raise ValueError(f"epochs must be the recipe's {recipe.epochs}, not {arithmetic.epochs}")
    block = arithmetic.device.block_size
    wide = BlockFormat(recipe.wide_mantissa, block) if recipe.wide_mantissa and block else None
    optimizer = SGD(network.parameters, recipe.rate, recipe.momentum, recipe.nesterov, recipe.decay, wide)
    order = np.random.default_rng(arithmetic.seed)
    history = History()
    for epoch in range(recipe.epochs):
        arithmetic.epoch = epoch
        optimizer.rate = recipe.rate_in(epoch)
        losses: list[float] = []
        for samples in _batches(order.permutation(len(data.x_train)), recipe.batch):
            if steps is not None and history.steps == steps:
                break
            arithmetic.step = history.steps
            scores = network.forward(data.x_train[samples], arithmetic)
            loss, gradient = softmax_cross_entropy(scores, data.y_train[samples])
            if not np.isfinite(loss):
                raise Diverged(history.steps, epoch, network.products[-1].name, FORWARD, arithmetic.health)
            network.backward(gradient, arithmetic)
            optimizer.step()
            losses.append(loss)
            history.steps += 1
            if progress:
                progress(history.steps, loss)
        if losses:
            history.loss.append(float(np.mean(losses)))
            history.accuracy.append(accuracy(network, arithmetic, data.x_test, data.y_test))
    history.health = arithmetic.health
    return history


def _batches(order: Array, size: int) -> Sequence[Array]:
    return [order[start : start + size] for start in range(0, len(order), size)]
