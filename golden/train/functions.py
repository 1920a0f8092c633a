"""What training computes in float32: activations, pooling, the loss."""

import numpy as np

from golden.train.arithmetic import Arithmetic
from golden.train.device import Array
from golden.train.layers import Parameter

__all__ = ["Flatten", "MaxPool", "ReLU", "softmax_cross_entropy"]


class ReLU:
    """Negative numbers become zero."""

    parameters: tuple[Parameter, ...] = ()

    def forward(self, x: Array, arithmetic: Arithmetic) -> Array:
        """Any shape."""
        self._positive = x > 0
        result: Array = x * self._positive
        return result

    def backward(self, gradient: Array, arithmetic: Arithmetic) -> Array:
        """Gradient of x; 0 where x was not positive."""
        result: Array = gradient * self._positive
        return result


class MaxPool:
    """The largest element of each ``size`` x ``size`` square of (batch, height, width, channels); the first of equals.

    Raises
    ------
    ValueError
        for a height or width that is no multiple of ``size``.
    """

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, size: int = 2):
        self.size = size

    def forward(self, x: Array, arithmetic: Arithmetic) -> Array:
        """(batch, height / size, width / size, channels)."""
        batch, height, width, channels = x.shape
        s = self.size
        if height % s or width % s:
            raise ValueError(f"pooling by {s} needs a height and width that are multiples of it, not {height}x{width}")
        squares = x.reshape(batch, height // s, s, width // s, s, channels).transpose(0, 1, 3, 5, 2, 4)
        squares = squares.reshape(*squares.shape[:4], s * s)
        self._chosen = squares.argmax(axis=-1)[..., None]
        result: Array = np.take_along_axis(squares, self._chosen, axis=-1)[..., 0]
        return result

    def backward(self, gradient: Array, arithmetic: Arithmetic) -> Array:
        """Gradient of x: all of it to the chosen element."""
        s = self.size
        batch, height, width, channels = gradient.shape
        squares = np.zeros((*gradient.shape, s * s), gradient.dtype)
        np.put_along_axis(squares, self._chosen, gradient[..., None], axis=-1)
        squares = squares.reshape(batch, height, width, channels, s, s).transpose(0, 1, 4, 2, 5, 3)
        return squares.reshape(batch, height * s, width * s, channels)


class Flatten:
    """(batch, …) becomes (batch, features)."""

    parameters: tuple[Parameter, ...] = ()

    def forward(self, x: Array, arithmetic: Arithmetic) -> Array:
        """(batch, features)."""
        self._shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, gradient: Array, arithmetic: Arithmetic) -> Array:
        """In the shape of x."""
        return gradient.reshape(self._shape)


def softmax_cross_entropy(scores: Array, labels: Array) -> tuple[float, Array]:
    """Mean loss over the batch, and its gradient.

    Parameters
    ----------
    scores
        float32 (batch, classes).
    labels
        integers (batch,) below ``classes``.

    Raises
    ------
    ValueError
        for shapes or labels that do not match.
    """
    if labels.shape != scores.shape[:1]:
        raise ValueError(f"labels must have shape {scores.shape[:1]}, not {labels.shape}")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels must be between 0 and {scores.shape[1] - 1}, not {labels.min()} … {labels.max()}")
    rows = np.arange(len(scores))
    shifted = scores - scores.max(axis=1, keepdims=True)
    chances = np.exp(shifted)
    totals = chances.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(totals[:, 0]) - shifted[rows, labels]))
    gradient = chances / totals
    gradient[rows, labels] -= 1
    return loss, gradient / np.asarray(len(scores), gradient.dtype)
