"""What the experiment trains: data, networks, recipes and formats by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from golden.schedule import Schedule, schedule
from golden.train.arithmetic import Arithmetic
from golden.train.device import FloatDevice, GoldenDevice
from golden.train.network import Network, convolutional, perceptron
from golden.train.run import Data, Recipe

__all__ = ["FORMATS", "TASKS", "Task", "arithmetic_for", "digits"]


@dataclass(frozen=True)
class Task:
    """A network and how it is trained on the handwritten digits.

    Attributes
    ----------
    title
        for people.
    network
        builder by seed.
    recipe
        of the run.
    formats
        to compare.
    """

    title: str
    network: Callable[[int], Network]
    recipe: Recipe
    formats: tuple[str, ...] = ("FP32", "HBFP8", "HBFP6", "HBFP4", "Booster")


TASKS = {
    "mlp": Task("MLP 64-64-64-10", lambda seed: perceptron([64, 64, 64, 10], seed), Recipe(20, 64)),
    "cnn": Task("CNN 8, 16 filters", lambda seed: convolutional([8, 16], 10, seed), Recipe(10, 64)),
    "narrow-mlp": Task(
        "narrow, deep MLP 64-16-16-16-16-10", lambda seed: perceptron([64, 16, 16, 16, 16, 10], seed),
        Recipe(20, 64, rate=0.02),
        ("FP32", "HBFP8", "HBFP6", "HBFP4", "HBFP4, last epoch 6", "HBFP4, ends 6", "Booster"),
    ),
    "narrow-cnn": Task(
        "narrow CNN 4, 4 filters", lambda seed: convolutional([4, 4], 10, seed), Recipe(10, 64),
        ("FP32", "HBFP4", "Booster"),
    ),
}  # fmt: skip
"""The tasks: two networks with room to spare, and two without."""

FORMATS: dict[str, Schedule | None] = {
    "FP32": None,
    "HBFP8": schedule("all-8"),
    "HBFP6": schedule("all-6"),
    "HBFP4": schedule("all-4"),
    "HBFP4, last epoch 6": replace(schedule("booster"), name="last-epoch", wide_ends=False),
    "HBFP4, ends 6": replace(schedule("booster"), name="ends", wide_epochs=0),
    "Booster": schedule("booster"),
}
"""Schedules by the name people know them by; None is floating point. Booster is the two before it together."""


def arithmetic_for(name: str, epochs: int, seed: int, block_size: int = 64, rounding: str = "stochastic") -> Arithmetic:
    """Products of a format of ``FORMATS`` on the golden model, or in float32."""
    plan = FORMATS[name]
    if plan is None:
        return Arithmetic(FloatDevice(), schedule("all-8"), epochs, rounding, seed)
    return Arithmetic(GoldenDevice(block_size), plan, epochs, rounding, seed)


@cache
def digits() -> Data:
    """scikit-learn's 1797 handwritten digits, 8 x 8 in 0 … 1; a quarter for the test, always the same.

    Raises
    ------
    ImportError
        if scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    order = np.random.default_rng(1).permutation(len(images))
    cut = len(order) * 3 // 4
    train, test = order[:cut], order[cut:]
    return Data(images[train], labels[train], images[test], labels[test])
