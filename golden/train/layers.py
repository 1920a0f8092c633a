"""Layers whose work is matrix products: linear ones, and convolutions as products of unfolded patches."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from golden.train.arithmetic import Arithmetic
from golden.train.device import Array

__all__ = ["Convolution", "Linear", "Parameter", "ProductLayer"]


@dataclass(eq=False)
class Parameter:
    """A tensor that training changes.

    Attributes
    ----------
    value, gradient
        float32, of one shape.
    in_products
        whether it is an operand of products (weights), which the update may keep in wide mantissas.
    """

    value: Array
    in_products: bool
    gradient: Array = field(init=False)

    def __post_init__(self) -> None:
        self.gradient = np.zeros_like(self.value)


class ProductLayer:
    """``y = x @ weights + bias`` over rows of ``inputs`` elements; He initialisation, biases of zero.

    Attributes
    ----------
    name
        for messages and reports.
    index
        among the network's product layers.
    first, last
        its place among them.
    weights
        float32 (inputs, outputs).
    bias
        float32 (outputs,).
    input_gradient
        whether ``backward`` returns the gradient of x; a network's first layer need not.
    """

    def __init__(self, name: str, inputs: int, outputs: int, rng: np.random.Generator):
        self.name = name
        self.index = 0
        self.first = self.last = False
        self.input_gradient = True
        deviation = np.sqrt(2 / inputs)
        self.weights = Parameter(rng.normal(0, deviation, (inputs, outputs)).astype(np.float32), True)
        self.bias = Parameter(np.zeros(outputs, np.float32), False)
        self._rows: Array | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Weights and bias."""
        return self.weights, self.bias

    def _forward_rows(self, rows: Array, arithmetic: Arithmetic) -> Array:
        if rows.shape[1] != len(self.weights.value):
            raise ValueError(
                f"layer {self.name} takes {len(self.weights.value)} inputs to an output, not {rows.shape[1]}"
            )
        self._rows = rows
        result: Array = arithmetic.forward(self, rows, self.weights.value) + self.bias.value
        return result

    def _backward_rows(self, gradient: Array, arithmetic: Arithmetic) -> Array | None:
        if self._rows is None:
            raise RuntimeError(f"layer {self.name} has no forward pass to go back from")
        self.weights.gradient = arithmetic.weight_gradient(self, self._rows, gradient)
        self.bias.gradient = gradient.sum(axis=0)
        self._rows = None
        return arithmetic.input_gradient(self, gradient, self.weights.value) if self.input_gradient else None


class Linear(ProductLayer):
    """A linear layer on float32 (batch, inputs).

    Parameters
    ----------
    name
        for messages.
    inputs, outputs
        sizes.
    rng
        of the initial weights.
    """

    def forward(self, x: Array, arithmetic: Arithmetic) -> Array:
        """float32 (batch, outputs)."""
        return self._forward_rows(x, arithmetic)

    def backward(self, gradient: Array, arithmetic: Arithmetic) -> Array | None:
        """Gradient of x; leaves those of the parameters in them."""
        return self._backward_rows(gradient, arithmetic)


class Convolution(ProductLayer):
    """A convolution on float32 (batch, height, width, channels), zero padding, stride 1.

    Each row of A is the patch under one output position, in the order (kernel row, kernel column, channel).

    Parameters
    ----------
    name
        for messages.
    channels, filters
        of input and output.
    kernel
        its height and width.
    padding
        zeros at each border (default: the output has the size of the input, for odd kernels).
    """

    def __init__(
        self, name: str, channels: int, filters: int, kernel: int, rng: np.random.Generator, padding: int | None = None
    ):
        super().__init__(name, kernel * kernel * channels, filters, rng)
        self.kernel = kernel
        self.padding = kernel // 2 if padding is None else padding
        self._shape: tuple[int, ...] = ()

    def forward(self, x: Array, arithmetic: Arithmetic) -> Array:
        """float32 (batch, height, width, filters)."""
        if x.ndim != 4:
            raise ValueError(f"layer {self.name} takes (batch, height, width, channels), not shape {x.shape}")
        p, k = self.padding, self.kernel
        padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
        if min(padded.shape[1:3]) < k:
            raise ValueError(f"layer {self.name} has a {k}x{k} kernel, larger than its input {padded.shape[1:3]}")
        self._shape = padded.shape
        patches: Any = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
        batch, height, width = patches.shape[:3]
        rows = patches.transpose(0, 1, 2, 4, 5, 3).reshape(batch * height * width, -1)
        return self._forward_rows(rows, arithmetic).reshape(batch, height, width, -1)

    def backward(self, gradient: Array, arithmetic: Arithmetic) -> Array | None:
        """Gradient of x: the gradients of its patches, summed where they overlap."""
        rows = self._backward_rows(gradient.reshape(-1, gradient.shape[-1]), arithmetic)
        if rows is None:
            return None
        batch, height, width = gradient.shape[:3]
        p, k = self.padding, self.kernel
        patches = rows.reshape(batch, height, width, k, k, -1)
        total = np.zeros(self._shape, rows.dtype)
        for row in range(k):
            for column in range(k):
                total[:, row : row + height, column : column + width] += patches[:, :, :, row, column]
        return total[:, p : total.shape[1] - p, p : total.shape[2] - p]
