"""Networks as lists of layers, and the two of the experiment."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from golden.train.arithmetic import Arithmetic
from golden.train.device import Array
from golden.train.functions import Flatten, MaxPool, ReLU
from golden.train.layers import Convolution, Linear, Parameter, ProductLayer

__all__ = ["Layer", "Network", "convolutional", "perceptron"]


class Layer(Protocol):
    """One step of the forward pass and its inverse."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is trained."""

    def forward(self, x: Array, arithmetic: Arithmetic) -> Array:
        """The layer's results."""

    def backward(self, gradient: Array, arithmetic: Arithmetic) -> Array | None:
        """The gradient of its inputs."""


class Network:
    """Layers one after the other.

    Attributes
    ----------
    products
        its product layers, in order; the first and the last know that they are.

    Raises
    ------
    ValueError
        without a product layer, or with two of the same name.
    """

    def __init__(self, layers: Sequence[Layer]):
        self.layers = list(layers)
        self.products = [layer for layer in self.layers if isinstance(layer, ProductLayer)]
        names = [layer.name for layer in self.products]
        if not names:
            raise ValueError("a network needs at least one product layer")
        if len(set(names)) < len(names):
            raise ValueError(f"product layers must have different names, not {', '.join(names)}")
        for index, layer in enumerate(self.products):
            layer.index = index
            layer.first, layer.last = index == 0, index == len(names) - 1
        self.products[0].input_gradient = False

    @property
    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of the layers."""
        return [parameter for layer in self.layers for parameter in layer.parameters]

    def forward(self, x: Array, arithmetic: Arithmetic) -> Array:
        """Scores, float32 (batch, classes)."""
        for layer in self.layers:
            x = layer.forward(x, arithmetic)
        return x

    def backward(self, gradient: Array, arithmetic: Arithmetic) -> None:
        """Leave the gradient of every parameter in it."""
        back: Array | None = gradient
        for layer in reversed(self.layers):
            if back is None:  # below the first product layer nothing learns
                break
            back = layer.backward(back, arithmetic)


def perceptron(sizes: Sequence[int], seed: int) -> Network:
    """Linear layers ``fc1``, ``fc2``, … with ReLU in between; ``sizes`` are those of the input and of each output."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = [Flatten()]
    for index, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        layers += [Linear(f"fc{index}", inputs, outputs, rng), ReLU()]
    return Network(layers[:-1])


def convolutional(filters: Sequence[int], classes: int, seed: int, image: int = 8) -> Network:
    """3x3 convolutions ``conv1``, … of so many filters, each halved by pooling, and a linear layer ``fc``."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    channels = 1
    for index, count in enumerate(filters, 1):
        layers += [Convolution(f"conv{index}", channels, count, 3, rng), ReLU(), MaxPool()]
        channels, image = count, image // 2
    return Network([*layers, Flatten(), Linear("fc", image * image * channels, classes, rng)])
