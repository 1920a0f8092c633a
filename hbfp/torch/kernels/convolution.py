"""The three products of a convolution, on rows of pixels with their channels innermost.

Patches are rows of A in the order (position, channel). Their gradients are summed in float32, positions ascending.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from golden import BlockTensor
from hbfp.torch.formats import HBFP
from hbfp.torch.kernels import native
from hbfp.torch.kernels.geometry import Geometry
from hbfp.torch.kernels.products import as_blocks, finish, product
from hbfp.torch.run import Slot, contiguous

__all__ = ["gather_product", "patches", "scatter_product", "weight_product"]


def patches(x: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """float32 (outputs, positions * channels) of pixels (pixels, channels)."""
    index = torch.from_numpy(geometry.index).to(x.device)
    extended = torch.cat([x, x.new_zeros(1, x.shape[1])])
    chosen = extended.index_select(0, torch.where(index < 0, len(x), index).reshape(-1))
    return chosen.reshape(len(index), index.shape[1] * x.shape[1])


def gather_product(
    slot: Slot, stage: str, call: int, x: torch.Tensor, filters: torch.Tensor, geometry: Geometry
) -> torch.Tensor:
    """Patches of x times filters.

    Parameters
    ----------
    x
        float32 (pixels, channels).
    filters
        float32 (filters, positions * channels).

    Returns
    -------
    torch.Tensor
        float32 (outputs, filters).
    """
    format = _native(slot)
    if format is None or slot.rounding(stage) == "stochastic" or x.shape[1] % format.block_size:
        return product(slot, stage, call, patches(x, geometry), filters.t())
    block, seeds = format.block(slot.width), slot.seeds(stage, call)
    pixels = as_blocks(x, 1, block, slot, stage, seeds[0])  # blocks lie inside a position: the same under every position
    a = _gathered(pixels, geometry)
    b = as_blocks(filters.t(), 0, block, slot, stage, seeds[1])
    return finish(slot, stage, native.multiply(a, b, format.accumulator), x.device)


def scatter_product(
    slot: Slot, stage: str, call: int, rows: torch.Tensor, filters: torch.Tensor, geometry: Geometry, pixels: int
) -> torch.Tensor:
    """Rows times transposed filters, added up where the patches they belong to overlap.

    Parameters
    ----------
    rows
        float32 (outputs, filters).
    filters
        float32 (filters, positions * channels).
    pixels
        of the result.

    Returns
    -------
    torch.Tensor
        float32 (pixels, channels).
    """
    channels = filters.shape[1] // geometry.positions
    format = _native(slot)
    if format is None:
        parts = product(slot, stage, call, rows, filters).unflatten(1, (-1, channels))
        total = rows.new_zeros(pixels, channels)
        for position, index in enumerate(torch.from_numpy(geometry.by_position).to(rows.device)):
            there = index >= 0
            total[index[there]] += parts[there, position]
        return total
    block, seeds = format.block(slot.width), slot.seeds(stage, call)
    a, b = as_blocks(rows, 1, block, slot, stage, seeds[0]), as_blocks(filters, 0, block, slot, stage, seeds[1])
    out = np.zeros((pixels, channels), np.float32)
    for position, index in enumerate(_places(geometry, channels)):
        part = slice(position * channels, (position + 1) * channels)
        one = BlockTensor(b.mantissas[part], b.fields[part], block, (rows.shape[1], channels), 0)
        native.multiply(a, one, format.accumulator, out, index)
    return finish(slot, stage, out, rows.device)


def weight_product(
    slot: Slot, stage: str, call: int, x: torch.Tensor, rows: torch.Tensor, geometry: Geometry
) -> torch.Tensor:
    """Transposed patches of x times rows; float32 (filters, positions * channels)."""
    format = _native(slot)
    if format is None:
        return product(slot, stage, call, patches(x, geometry).t(), rows).t()
    block, channels, seeds = format.block(slot.width), x.shape[1], slot.seeds(stage, call)
    a = native.quantize_columns(
        contiguous(x), _places(geometry, channels), channels, block, slot.rounding(stage), seeds[0], format.power_of_two
    )
    slot.health += a.health
    b = as_blocks(rows, 0, block, slot, stage, seeds[1])
    # The transposed product of swapped operands is the same sum.
    turned = BlockTensor(b.mantissas, b.fields, block, b.shape[::-1], 1)
    return finish(slot, stage, native.multiply(turned, a, format.accumulator), x.device)


def _native(slot: Slot) -> HBFP | None:
    """The slot's format, if the compiled kernels multiply in it."""
    format = slot.run.format
    if slot.machine is None and isinstance(format, HBFP) and format.accumulator in native.KINDS:
        return format
    return None


def _places(geometry: Geometry, channels: int) -> NDArray[np.int64]:
    return np.where(geometry.by_position < 0, -1, geometry.by_position * channels)


def _gathered(pixels: BlockTensor, geometry: Geometry) -> BlockTensor:
    outputs, positions = geometry.index.shape
    mantissas, fields = (
        np.concatenate([part, np.zeros_like(part[:1])])[geometry.index.reshape(-1)]
        for part in (pixels.mantissas, pixels.fields)
    )
    size, block = pixels.fields.shape[1] * positions, pixels.format.block_size
    return BlockTensor(
        mantissas.reshape(outputs, size, block), fields.reshape(outputs, size), pixels.format,
        (outputs, size * block), 1,
    )  # fmt: skip
