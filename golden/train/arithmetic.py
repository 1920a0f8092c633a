"""Every matrix product of a training run passes here: its widths, its seeds, and the check of its result."""

from typing import Protocol

import numpy as np

from golden.format import BlockFormat, BlockTensor, Health, check_choice, check_range
from golden.quantize import ROUNDINGS, quantize
from golden.schedule import Schedule
from golden.train.device import Array, Device, Matrix

__all__ = ["FORWARD", "INPUT_GRADIENT", "WEIGHT_GRADIENT", "Arithmetic", "Diverged", "product_seed"]

FORWARD = "forward"
INPUT_GRADIENT = "input gradient"
WEIGHT_GRADIENT = "weight gradient"
STAGES = (FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, "weights", "update")
MASK = (1 << 64) - 1


class _ProductLayer(Protocol):
    name: str
    index: int
    first: bool
    last: bool


class Diverged(ArithmeticError):
    """Training met a number that is not finite.

    Attributes
    ----------
    step, epoch
        from 0.
    layer, stage
        whose result it is.
    health
        what the conversions lost until then.
    """

    def __init__(self, step: int, epoch: int, layer: str, stage: str, health: Health):
        self.step, self.epoch, self.layer, self.stage, self.health = step, epoch, layer, stage, health
        super().__init__(
            f"training diverged at step {step} (epoch {epoch}): the {stage} product of layer {layer} is not finite; "
            f"so far {health.saturated} mantissas saturated, {health.flushed} were flushed to zero, "
            f"{health.nan_blocks} NaN blocks"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.step, self.epoch, self.layer, self.stage, self.health)


def product_seed(run_seed: int, step: int, layer: int, stage: str, operand: int) -> int:
    """Seed of the stochastic rounding of one operand of one product, in 1 … 2**32 - 1.

    The numbers are absorbed one after the other by the finalizer of SplitMix64.
    """
    state = 0
    for number in (run_seed, step, layer, STAGES.index(stage), operand):
        state = (state ^ number) + 0x9E3779B97F4A7C15 & MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & MASK
        state ^= state >> 31
    return 1 + state % (2**32 - 1)


class Arithmetic:
    """Products on a device, in the widths of a schedule.

    Parameters
    ----------
    device
        the machine.
    schedule
        mantissa widths by layer and epoch.
    epochs
        of the whole run; the schedule counts back from the last.
    rounding
        of the operands of training's products; those of ``evaluating`` round to nearest.
    seed
        of the run, 1 … 2**32 - 1.
    tile_width
        1, or the device's block size: weights are then converted once per step, in square tiles, and serve the
        forward product and the input gradient.

    Attributes
    ----------
    step, epoch
        from 0, set by the training loop.

    Raises
    ------
    TypeError, ValueError
        naming the parameter, the rule and the value.
    """

    def __init__(
        self, device: Device, schedule: Schedule, epochs: int = 1, rounding: str = "stochastic", seed: int = 1,
        tile_width: int = 1,
    ):  # fmt: skip
        check_choice("rounding", rounding, ROUNDINGS)
        check_range("seed", seed, 1, 2**32 - 1)
        check_range("epochs", epochs, 1, 1 << 20)
        if tile_width not in (1, device.block_size):
            raise ValueError(f"tile_width must be 1 or the device's block size {device.block_size}, not {tile_width}")
        self.device = device
        self.schedule = schedule
        self.epochs = epochs
        self.rounding = rounding
        self.seed = seed
        self.tile_width = tile_width
        self.step = 0
        self.epoch = 0
        self.evaluating = False
        self._tiles: dict[str, BlockTensor] = {}
        self._tile_health = Health()

    @property
    def health(self) -> Health:
        """What all conversions so far lost."""
        return self.device.health() + self._tile_health

    def width(self, layer: _ProductLayer) -> int:
        """Mantissa width of a layer's products in this epoch."""
        return self.schedule.mantissa_width(layer, self.schedule.is_wide(self.epoch, self.epochs))

    def forward(self, layer: _ProductLayer, x: Array, weights: Array) -> Array:
        """``x @ weights``, float32 (rows, inputs) times (inputs, outputs): reduces over the inputs."""
        operand: Matrix = weights
        if self.tile_width > 1:
            operand = self._tiles[layer.name] = self._tiled(layer, weights)
        return self._product(layer, FORWARD, x, operand)

    def input_gradient(self, layer: _ProductLayer, gradient: Array, weights: Array) -> Array:
        """``gradient @ weights.T``: reduces over the outputs."""
        operand = self._tiles[layer.name].transposed() if self.tile_width > 1 else weights.T
        return self._product(layer, INPUT_GRADIENT, gradient, _as_b(operand))

    def weight_gradient(self, layer: _ProductLayer, x: Array, gradient: Array) -> Array:
        """``x.T @ gradient``: reduces over the rows, which are samples and their positions."""
        return self._product(layer, WEIGHT_GRADIENT, x.T, gradient)

    def _product(self, layer: _ProductLayer, stage: str, a: Array, b: Matrix) -> Array:
        if a.shape[1] != b.shape[0]:
            raise ValueError(
                f"the {stage} product of layer {layer.name} needs operands that agree in the reduction axis, "
                f"not shapes {a.shape} and {b.shape}"
            )
        width = self.width(layer)
        seeds = [product_seed(self.seed, self.step, layer.index, stage, operand) for operand in range(2)]
        result = self.device.matmul(
            a, b, width_a=width, width_b=width, rounding="nearest" if self.evaluating else self.rounding,
            seed_a=seeds[0], seed_b=seeds[1],
        )  # fmt: skip
        if not np.isfinite(result).all():
            raise Diverged(self.step, self.epoch, layer.name, stage, self.health)
        return result

    def _tiled(self, layer: _ProductLayer, weights: Array) -> BlockTensor:
        rounding = "nearest" if self.evaluating else self.rounding
        seed = product_seed(self.seed, self.step, layer.index, "weights", 0)
        format = BlockFormat(self.width(layer), self.tile_width)
        tensor = quantize(weights, format, 0, rounding, seed, tile_width=self.tile_width)
        self._tile_health += tensor.health
        return tensor


def _as_b(operand: Matrix) -> Matrix:
    """A weight tensor in blocks along its outputs, as the second operand of ``gradient @ weights.T``."""
    if not isinstance(operand, BlockTensor):
        return operand
    o = operand
    return BlockTensor(o.mantissas, o.fields, o.format, o.shape[::-1], 1 - o.axis, o.tile_width, o.health)
