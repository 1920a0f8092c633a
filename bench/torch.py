"""A training step of ResNet-18 on CIFAR-sized images: HBFP4 with the hardware's bits beside FP32 and fake quantizers.

All in one process on the same cores, in turn, the least time of several; figures are ratios to FP32.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional

from hbfp.torch import HBFP, convert
from hbfp.torch.elements import ELEMENTS, quantize_elements
from hbfp.train.networks import resnet18

BATCH = 32
ROUNDS = 3


class _Through(torch.autograd.Function):
    """Values in blocks along one axis on the way forward, and gradients on the way back."""

    @staticmethod
    def forward(ctx, x, quantize):
        ctx.quantize = quantize
        return quantize(x)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.quantize(gradient), None


def fake(x: torch.Tensor) -> torch.Tensor:
    """A plain fake quantizer: 4 bits under one scale for the tensor."""
    scale = x.abs().amax() / 7 + 1e-30
    return (x / scale).round().clamp(-7, 7) * scale


def blocks(x: torch.Tensor) -> torch.Tensor:
    """microxcaling's method: MXFP4 in blocks of 32 along the channels, then PyTorch's own convolution."""
    return quantize_elements(x.movedim(1, -1), ELEMENTS["mxfp4"]).movedim(-1, 1)


def wrapped(quantize: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """The network with operands of its products rounded before PyTorch multiplies them."""
    model = resnet18()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            _wrap(layer, quantize)
    return model


def _wrap(layer: nn.Module, quantize: Callable[[torch.Tensor], torch.Tensor]) -> None:
    multiply = functional.conv2d if isinstance(layer, nn.Conv2d) else functional.linear
    more = (layer.bias, layer.stride, layer.padding) if isinstance(layer, nn.Conv2d) else (layer.bias,)

    def forward(x: torch.Tensor) -> torch.Tensor:
        return multiply(_Through.apply(x, quantize), _Through.apply(layer.weight, quantize), *more)

    layer.forward = forward


def converted(format: HBFP) -> nn.Module:
    """The network in HBFP4."""
    model = resnet18()
    convert(model, 4, format)
    return model


def step(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Seconds of a forward and a backward pass."""
    start = time.perf_counter()
    functional.cross_entropy(model(x), y).backward()
    return time.perf_counter() - start


class Figure(NamedTuple):
    """A step's least time, and its ratio to FP32's."""

    name: str
    seconds: float
    ratio: float


def measure() -> list[Figure]:
    """Every network's step, in turns on one core."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = torch.randn(BATCH, 3, 32, 32), torch.arange(BATCH) % 10
    models = {
        "FP32": resnet18(),
        "FP32, channels last": resnet18().to(memory_format=torch.channels_last),
        "HBFP4, to nearest, the hardware's bits": converted(HBFP("nearest")),
        "HBFP4, stochastic, the hardware's bits": converted(HBFP("stochastic")),
        "fake 4-bit integers (not the bits)": wrapped(fake),
        "fake MXFP4, microxcaling's method (not the bits)": wrapped(blocks),
    }
    best = dict.fromkeys(models, float("inf"))
    for _ in range(ROUNDS):
        for name, model in models.items():
            best[name] = min(best[name], step(model, x, y))
    return [Figure(name, seconds, seconds / best["FP32"]) for name, seconds in best.items()]


def show(figures: list[Figure], console: Console) -> None:
    """Print a table."""
    table = Table(title=f"A training step of ResNet-18, batch {BATCH} of 32x32 images, one core")
    for title in ("products", "seconds", "times FP32"):
        table.add_column(title, justify="left" if title == "products" else "right")
    for figure in figures:
        table.add_row(figure.name, f"{figure.seconds:.2f}", f"{figure.ratio:.2f}")
    console.print(table)
