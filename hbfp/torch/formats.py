"""Formats of the operands of products: HBFP with the hardware's bits, others by values."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from golden import BlockFormat
from golden.accumulate import ACCUMULATORS
from golden.format import check_choice, check_range
from golden.quantize import POWER_OF_TWO_RULES, ROUNDINGS
from hbfp.torch.elements import ELEMENTS, quantize_elements

__all__ = ["FORMATS", "HBFP", "STAGES", "Format", "Values", "format_named"]

STAGES = ("forward", "input gradient", "weight gradient", "weights", "update")
"""What a seed is drawn for: a layer's products, and conversions of weights outside of them."""


@dataclass(frozen=True)
class Format:
    """How operands are represented.

    Parameters
    ----------
    rounding
        "nearest", "stochastic" or "truncate", of training's products; others round to nearest. Or three of them: of the
        forward product, of the input gradient's and of the weight gradient's.
    """

    rounding: str | tuple[str, str, str] = "stochastic"

    def __post_init__(self) -> None:
        if isinstance(self.rounding, str):
            check_choice("rounding", self.rounding, ROUNDINGS)
            return
        if not isinstance(self.rounding, tuple) or len(self.rounding) != 3:
            raise ValueError(f"rounding must be one name or three, not {self.rounding!r}")
        for name in self.rounding:
            check_choice("rounding", name, ROUNDINGS)

    def rounding_of(self, stage: str) -> str:
        """Of the products of "forward", "input gradient" or "weight gradient"; tiles of "weights" serve the first two."""
        if isinstance(self.rounding, str):
            return self.rounding
        return self.rounding[0 if stage == "weights" else STAGES.index(stage)]

    def check_machine(self, machine: Any) -> None:
        """Raise unless a machine has this format."""
        raise ValueError(f"format must be HBFP on a machine, not {self}")


_block = lru_cache(maxsize=64)(BlockFormat)  # made for every product


@dataclass(frozen=True)
class HBFP(Format):
    """Blocks of fixed-point mantissas, their width by schedule.

    Parameters
    ----------
    block_size, exponent_width
        of ``golden.BlockFormat``.
    accumulator
        "fp32", "bf16", "aligned", "fp32x2" or "fp32x4".
    power_of_two
        "exact", as the hardware; "saturate", as the published emulator.
    tile_width
        1, or the block size: weights of linear layers are then converted once a step, in square tiles that serve the
        forward product and the input gradient.
    """

    block_size: int = 64
    exponent_width: int = 8
    accumulator: str = "fp32"
    power_of_two: str = "exact"
    tile_width: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.block(4)
        check_choice("accumulator", self.accumulator, ACCUMULATORS)
        check_choice("power_of_two", self.power_of_two, POWER_OF_TWO_RULES)
        check_range("tile_width", self.tile_width, 1, 1024)
        if self.tile_width not in (1, self.block_size):
            raise ValueError(f"tile_width must be 1 or the block_size {self.block_size}, not {self.tile_width}")

    def block(self, width: int) -> BlockFormat:
        """The block format of this mantissa width."""
        return _block(width, self.block_size, self.exponent_width)

    def check_machine(self, machine: Any) -> None:
        """Raise unless a machine has these blocks."""
        if machine.block_size != self.block_size:
            raise ValueError(f"block_size must be the machine's {machine.block_size}, not {self.block_size}")


@dataclass(frozen=True)
class Values(Format):
    """Another format: operands are rounded to its values, products and sums are float32.

    Parameters
    ----------
    name
        one of ``hbfp.torch.elements.ELEMENTS``.
    """

    name: str = field(default="bf16")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("name", self.name, tuple(ELEMENTS))

    def quantize(self, x: torch.Tensor, rounding: str, seed: int) -> torch.Tensor:
        """Values of the format nearest to x (float32), blocks along its last axis."""
        return quantize_elements(x, ELEMENTS[self.name], rounding, seed)


FORMATS = ("hbfp", *ELEMENTS)


def format_named(name: str, **options: Any) -> Format:
    """The format of this name; options as its class takes them."""
    check_choice("format", name, FORMATS)
    return HBFP(**options) if name == "hbfp" else Values(name=name, **options)
