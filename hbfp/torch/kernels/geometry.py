"""Which input element lies under which kernel position of which output element, in any number of dimensions."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["Geometry", "geometry"]


@dataclass(frozen=True)
class Geometry:
    """A convolution's shape.

    Attributes
    ----------
    output
        its spatial shape.
    index
        int64, shape (batch * outputs, positions): the number of the input pixel, -1 in the padding.
    by_position
        the same, shape (positions, batch * outputs), contiguous.
    """

    output: tuple[int, ...]
    index: NDArray[np.int64]
    by_position: NDArray[np.int64]

    @property
    def positions(self) -> int:
        """Positions of the kernel."""
        return int(self.index.shape[1])


@lru_cache(maxsize=64)
def geometry(
    batch: int, shape: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
    before: tuple[int, ...], after: tuple[int, ...], dilation: tuple[int, ...],
) -> Geometry:  # fmt: skip
    """Of an input of ``shape`` with ``before`` and ``after`` zeros at its borders; kernel positions in row-major order.

    Raises
    ------
    ValueError
        when the kernel does not fit the padded input.
    """
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padded = [n + b + a for n, b, a in zip(shape, before, after, strict=True)]
    if any(r > p for r, p in zip(reach, padded, strict=True)):
        raise ValueError(f"kernel must fit the padded input {tuple(padded)}, not reach over {tuple(reach)}")
    output = tuple((p - r) // s + 1 for p, r, s in zip(padded, reach, stride, strict=True))
    columns = []
    for position in product(*map(range, kernel)):
        pixels, inside = np.zeros((1,) * len(shape), np.int64), np.ones((1,) * len(shape), bool)
        for axis, (at, size) in enumerate(zip(position, shape, strict=True)):
            places = np.arange(output[axis]) * stride[axis] - before[axis] + at * dilation[axis]
            places = places.reshape([-1 if i == axis else 1 for i in range(len(shape))])
            pixels = pixels * size + places
            inside = inside & (places >= 0) & (places < size)
        columns.append(np.where(inside, pixels, -1).reshape(-1))
    one = np.stack(columns, 1)
    images = np.arange(batch, dtype=np.int64)[:, None, None] * prod(shape)
    index = np.where(one < 0, -1, one + images).reshape(-1, one.shape[1])
    return Geometry(output, index, np.ascontiguousarray(index.T))
