"""Machines that multiply matrices for a training run."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from golden.format import BlockFormat, BlockTensor, Health
from golden.matmul import matmul
from golden.quantize import quantize

__all__ = ["Device", "FloatDevice", "GoldenDevice", "Matrix"]

Array = NDArray[Any]
Matrix = Array | BlockTensor


class Device(Protocol):
    """What training needs of a machine."""

    @property
    def block_size(self) -> int | None:
        """Elements along the reduction axis that share an exponent; None for a machine without blocks."""
        ...

    def matmul(
        self, a: Matrix, b: Matrix, *, width_a: int, width_b: int, rounding: str, seed_a: int, seed_b: int
    ) -> Array:
        """``a @ b``, A in blocks along its rows and B along its columns.

        Parameters
        ----------
        a, b
            float32 matrices (rows, inner) and (inner, columns), or blocks along their reduction axes.
        width_a, width_b
            mantissa widths to convert float32 operands to.
        rounding, seed_a, seed_b
            of that conversion; seeds are 1 … 2**32 - 1.
        """
        ...

    def health(self) -> Health:
        """What all conversions so far lost."""
        ...


class GoldenDevice:
    """The golden model.

    Parameters
    ----------
    block_size, exponent_width
        of the block format.
    accumulator
        "fp32", "bf16" or "aligned".
    """

    def __init__(self, block_size: int = 64, exponent_width: int = 8, accumulator: str = "fp32"):
        self.format = BlockFormat(block_size=block_size, exponent_width=exponent_width)
        self.accumulator = accumulator
        self._health = Health()

    @property
    def block_size(self) -> int:
        """Elements along the reduction axis that share an exponent."""
        return self.format.block_size

    def matmul(
        self, a: Matrix, b: Matrix, *, width_a: int, width_b: int, rounding: str, seed_a: int, seed_b: int
    ) -> Array:
        """See ``Device``."""
        blocks_a = self._blocks(a, 1, width_a, rounding, seed_a)
        blocks_b = self._blocks(b, 0, width_b, rounding, seed_b)
        return matmul(blocks_a, blocks_b, accumulator=self.accumulator)

    def health(self) -> Health:
        """What all conversions so far lost."""
        return self._health

    def _blocks(self, x: Matrix, axis: int, width: int, rounding: str, seed: int) -> BlockTensor:
        if isinstance(x, BlockTensor):
            return x
        format = BlockFormat(width, self.format.block_size, self.format.exponent_width)
        blocks = quantize(x, format, axis, rounding, seed)
        self._health += blocks.health
        return blocks


class FloatDevice:
    """NumPy's floating-point product, for comparison: widths, rounding and seeds change nothing.

    Parameters
    ----------
    dtype
        float32, or float64 for references.
    """

    block_size = None

    def __init__(self, dtype: DTypeLike = np.float32):
        self.dtype = np.dtype(dtype)

    def matmul(
        self, a: Matrix, b: Matrix, *, width_a: int, width_b: int, rounding: str, seed_a: int, seed_b: int
    ) -> Array:
        """See ``Device``."""
        if isinstance(a, BlockTensor) or isinstance(b, BlockTensor):
            raise TypeError("a floating-point device takes no blocks")
        with np.errstate(over="ignore", invalid="ignore"):
            product: Array = np.matmul(a, b, dtype=self.dtype)
        return product

    def health(self) -> Health:
        """Nothing is converted, so nothing lost."""
        return Health()
