"""What is trained and in which formats, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from hbfp.torch import HBFP, Format, Schedule, Values
from hbfp.train.data import CODES, Data, both_ways, characters, cifar, corpus, digits, documentation, fashion
from hbfp.train.networks import CharacterTransformer, ResNet, RowLSTM, convolutional, perceptron

__all__ = ["FORMATS", "FULL", "QUICK", "TASKS", "TrainingRecipe", "TrainingTask"]

BOOSTER = Schedule(4).ends(6).last_epochs(1, 6)
GRADIENTS = ("nearest", "stochastic", "stochastic")
"""The forward product to nearest, those of both gradients stochastic."""


@dataclass(frozen=True)
class TrainingRecipe:
    """How a task is trained.

    Attributes
    ----------
    epochs, batch
        the run's length; samples of a step.
    optimizer
        "sgd" (Nesterov momentum 0.9, weight decay 1e-4) or "adamw" (weight decay 0.01).
    rate
        divided by 10 after half and after three quarters of the epochs, or falling to 0 by half a ``cosine``.
    samples
        of the training data used in an epoch; None for all.
    warm_up
        steps in which the rate rises from 0.
    wide
        mantissa bits of HBFP's weights between updates; None keeps float32.
    """

    epochs: int
    batch: int
    optimizer: str
    rate: float
    samples: int | None = None
    warm_up: int = 0
    cosine: bool = False
    wide: int | None = 16


@dataclass(frozen=True)
class TrainingTask:
    """A network, its data and its recipe.

    Attributes
    ----------
    title
        for people.
    network
        builder; initial weights come from PyTorch's generator.
    data
        loader.
    recipe
        of the runs.
    formats, seeds
        by default.
    metric
        what is compared: "accuracy" or "perplexity", the exponential of the test loss.
    """

    title: str
    network: Callable[[], nn.Module]
    data: Callable[[], Data]
    recipe: TrainingRecipe
    formats: tuple[str, ...]
    seeds: int = 5
    metric: str = "accuracy"


FORMATS: dict[str, tuple[Schedule, Format] | None] = {
    "FP32": None,
    "BF16": (Schedule(4), Values(name="bf16")),
    "HBFP8": (Schedule(8), HBFP()),
    "HBFP6": (Schedule(6), HBFP()),
    "HBFP5": (Schedule(5), HBFP()),
    "HBFP4": (Schedule(4), HBFP()),
    **{f"HBFP{width}, blocks of {block}": (Schedule(width), HBFP(block_size=block))
       for block in (16, 256) for width in (8, 6, 5, 4)},
    "HBFP4, to nearest": (Schedule(4), HBFP("nearest")),
    "HBFP4, stochastic gradients": (Schedule(4), HBFP(GRADIENTS)),
    "HBFP4, last epoch 6": (Schedule(4).last_epochs(1, 6), HBFP()),
    "HBFP4, ends 6": (Schedule(4).ends(6), HBFP()),
    "Booster": (BOOSTER, HBFP()),
    "Booster, to nearest": (BOOSTER, HBFP("nearest")),
    "Booster, stochastic gradients": (BOOSTER, HBFP(GRADIENTS)),
    "Booster, blocks of 16": (BOOSTER, HBFP(block_size=16)),
    "Booster, blocks of 256": (BOOSTER, HBFP(block_size=256)),
    **{f"Booster, last {count} epochs": (Schedule(4).ends(6).last_epochs(count, 6), HBFP()) for count in (3, 5, 10)},
    "Booster of 5 bits": (Schedule(5).ends(6).last_epochs(1, 6), HBFP()),
    "MXFP6": (Schedule(4), Values(name="mxfp6-e2m3")),
    "MXFP4": (Schedule(4), Values(name="mxfp4")),
    "MXFP4, to nearest": (Schedule(4), Values("nearest", "mxfp4")),
    "MXFP4, stochastic gradients": (Schedule(4), Values(GRADIENTS, "mxfp4")),
    "MXFP4, scales up": (Schedule(4), Values(name="mxfp4-up")),
    "NVFP4": (Schedule(4), Values(name="nvfp4")),
    "INT8": (Schedule(4), Values(name="int8")),
    "INT4": (Schedule(4), Values(name="int4")),
    "INT4, to nearest": (Schedule(4), Values("nearest", "int4")),
}  # fmt: skip
"""Schedules and formats by the name people know them by; None is plain PyTorch. Stochastic unless it says otherwise."""

MAIN = ("FP32", "HBFP8", "HBFP6", "HBFP5", "HBFP4", "Booster")
OTHERS = ("BF16", "MXFP6", "MXFP4", "INT4")
ABLATIONS = ("HBFP4, last epoch 6", "HBFP4, ends 6", "Booster, last 3 epochs")
BLOCKS = ("HBFP4, blocks of 16", "HBFP4, blocks of 256", "Booster, blocks of 16", "Booster, blocks of 256")
VARIANTS = ("HBFP4, stochastic gradients", "Booster, stochastic gradients", "MXFP4, to nearest",
            "MXFP4, stochastic gradients", "MXFP4, scales up", "INT4, to nearest")  # fmt: skip
ALL = tuple(name for name in FORMATS if name not in VARIANTS)
FEW = ("FP32", "HBFP6", "HBFP4", "Booster")
CLASSIC = ("FP32", "HBFP8", "HBFP6", "HBFP4", "Booster")

TASKS = {
    "narrow-mlp": TrainingTask(
        "narrow, deep MLP 64-16-16-16-16-10, digits", lambda: perceptron(64, 16, 16, 16, 16, 10), digits,
        TrainingRecipe(20, 64, "sgd", 0.02), ALL,
    ),
    "mlp": TrainingTask(
        "MLP 64-64-64-10, digits", lambda: perceptron(64, 64, 64, 10), digits, TrainingRecipe(20, 64, "sgd", 0.05), CLASSIC
    ),
    "cnn": TrainingTask(
        "CNN 8, 16 filters, digits", lambda: convolutional((8, 16), 10), digits, TrainingRecipe(10, 64, "sgd", 0.05), CLASSIC
    ),
    "narrow-cnn": TrainingTask(
        "narrow CNN 4, 4 filters, digits", lambda: convolutional((4, 4), 10), digits, TrainingRecipe(10, 64, "sgd", 0.05), FEW,
    ),
    "lstm": TrainingTask(
        "LSTM 32, digits by rows", lambda: RowLSTM(8, 32, 10), digits, TrainingRecipe(15, 64, "adamw", 0.01, wide=None),
        (*MAIN, *OTHERS), 3,
    ),
    "resnet": TrainingTask(
        "ResNet-20 of 8, 16, 32 filters, digits both ways", lambda: ResNet((8, 16, 32), 3, 1, 10), both_ways,
        TrainingRecipe(5, 64, "sgd", 0.05), FEW,
    ),
    "resnet-digits": TrainingTask(
        "ResNet-20 of 8, 16, 32 filters, digits", lambda: ResNet((8, 16, 32), 3, 1, 10), digits,
        TrainingRecipe(8, 64, "sgd", 0.05, wide=None), FEW,
    ),
    "fashion": TrainingTask(
        "ResNet-20 of 8, 16, 32 filters, Fashion-MNIST", lambda: ResNet((8, 16, 32), 3, 1, 10, 2), fashion,
        TrainingRecipe(4, 64, "sgd", 0.1), FEW, 3,
    ),
    "transformer": TrainingTask(
        "transformer of 1.3 million parameters, Python's documentation",
        lambda: CharacterTransformer(len(CODES), 160, 4, 4, 64), documentation,
        TrainingRecipe(10, 16, "adamw", 0.002, 576, warm_up=50, cosine=True, wide=None),
        (*FEW, "HBFP4, to nearest", "Booster, to nearest"), 3, "perplexity",
    ),
    "characters": TrainingTask(
        "ResNet-20 of 8, 16, 32 filters, characters", lambda: ResNet((8, 16, 32), 3, 1, 34), characters,
        TrainingRecipe(20, 64, "sgd", 0.05), (*MAIN, *ABLATIONS, *BLOCKS, *OTHERS),
    ),
    "transformer-long": TrainingTask(
        "the same, 6000 steps", lambda: CharacterTransformer(len(CODES), 160, 4, 4, 64), documentation,
        TrainingRecipe(20, 16, "adamw", 0.002, 4800, warm_up=100, cosine=True, wide=None), (*MAIN, *ABLATIONS, *OTHERS), 5,
        "perplexity",
    ),
    "corpus": TrainingTask(
        "the same, a text of one's own", lambda: CharacterTransformer(len(CODES), 160, 4, 4, 64), corpus,
        TrainingRecipe(20, 16, "adamw", 0.002, 4800, warm_up=100, cosine=True, wide=None), MAIN, 5, "perplexity",
    ),
    **{
        f"cifar{classes}": TrainingTask(
            f"ResNet-20, CIFAR-{classes}", partial(ResNet, (16, 32, 64), 3, 3, classes), partial(cifar, classes),
            TrainingRecipe(160, 128, "sgd", 0.1), MAIN,
        ) for classes in (10, 100)
    },
}  # fmt: skip
"""The tasks. CIFAR needs torchvision and its data in ``data/``, and days on a CPU; Fashion-MNIST and a text their files."""

QUICK = ("narrow-mlp", "lstm", "resnet")
FULL = ("mlp", "cnn", "narrow-cnn", *QUICK, "transformer", "transformer-long", "characters")
"""What ``make train`` and ``make train-full`` run."""
