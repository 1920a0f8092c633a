"""Stochastic gradient descent in float32, on weights that may be kept in wide mantissas."""

from collections.abc import Sequence

import numpy as np

from golden.format import BlockFormat, check_range
from golden.quantize import dequantize, quantize
from golden.train.device import Array
from golden.train.layers import Parameter

__all__ = ["SGD"]


class SGD:
    """Momentum: ``v = momentum v + g``, then ``p -= rate v``; with Nesterov's rule ``p -= rate (g + momentum v)``.

    Parameters
    ----------
    parameters
        what to change, by their gradients.
    rate
        of learning; may be set between steps.
    momentum, nesterov, decay
        the rule; ``decay * p`` is added to the gradient of weights.
    wide
        block format in which weights are kept between updates (blocks along their inputs, rounded to nearest); None
        keeps float32. Products make their narrow copy from it.

    Raises
    ------
    TypeError, ValueError
        naming the parameter, the rule and the value.
    """

    def __init__(
        self, parameters: Sequence[Parameter], rate: float, momentum: float = 0.9, nesterov: bool = False,
        decay: float = 0.0, wide: BlockFormat | None = None,
    ):  # fmt: skip
        for name, value, high in (("rate", rate, 1e3), ("momentum", momentum, 1), ("decay", decay, 1)):
            if not 0 <= value <= high:
                raise ValueError(f"{name} must be between 0 and {high:g}, not {value}")
        if wide is not None:
            check_range("wide mantissa_width", wide.mantissa_width, 8, 16)
        self.parameters = list(parameters)
        self.rate, self.momentum, self.nesterov, self.decay, self.wide = rate, momentum, nesterov, decay, wide
        self._velocities = [np.zeros_like(parameter.value) for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.value = self._kept(parameter, parameter.value)

    def step(self) -> None:
        """Change every parameter by its gradient."""
        momentum, rate = np.float32(self.momentum), np.float32(self.rate)
        for parameter, velocity in zip(self.parameters, self._velocities, strict=True):
            gradient = parameter.gradient
            if gradient.shape != parameter.value.shape:
                raise ValueError(f"a gradient must have shape {parameter.value.shape}, not {gradient.shape}")
            if self.decay and parameter.in_products:
                gradient = gradient + np.float32(self.decay) * parameter.value
            velocity *= momentum
            velocity += gradient
            change = gradient + momentum * velocity if self.nesterov else velocity
            parameter.value = self._kept(parameter, parameter.value - rate * change)

    def _kept(self, parameter: Parameter, value: Array) -> Array:
        if self.wide is None or not parameter.in_products or not np.isfinite(value).all():
            return value
        kept: Array = dequantize(quantize(value, self.wide, 0))
        return kept
