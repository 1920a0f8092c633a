"""Products of matrices for a slot: on the compiled kernels, on golden where they cannot, on a machine, or by values."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

import golden
from golden import BlockFormat, BlockTensor
from golden.stochastic import leap
from hbfp.torch.formats import HBFP, Values
from hbfp.torch.kernels import native
from hbfp.torch.run import Slot, contiguous

__all__ = ["as_blocks", "finish", "product", "stacked_product"]


@lru_cache(maxsize=64)
def row_places(rows: int, columns: int) -> NDArray[np.int64]:
    """Where the rows of a contiguous matrix begin."""
    return (np.arange(rows, dtype=np.int64) * columns)[None]


def as_blocks(x: torch.Tensor, axis: int, format: BlockFormat, slot: Slot, stage: str, seed: int) -> BlockTensor:
    """``golden.quantize`` of an operand of a product, a float32 matrix, whichever axis is contiguous."""
    hbfp = slot.run.format
    assert isinstance(hbfp, HBFP)
    options = slot.rounding(stage), seed, hbfp.power_of_two
    if x.t().is_contiguous() and not x.is_contiguous():
        blocks = as_blocks(x.t(), 1 - axis, format, slot, stage, seed)
        return BlockTensor(blocks.mantissas, blocks.fields, format, blocks.shape[::-1], axis, 1, blocks.health)
    array = contiguous(x)
    if axis == 1:
        blocks = native.quantize_rows(array, format, *options)
    else:
        blocks = native.quantize_columns(array, row_places(*array.shape), array.shape[1], format, *options)
    slot.health += blocks.health
    return blocks


def multiply(a: BlockTensor, b: BlockTensor, accumulator: str) -> NDArray[np.float32]:
    """``golden.matmul`` of blocks."""
    if accumulator not in native.KINDS:
        return golden.matmul(a, b, accumulator=accumulator)
    return native.multiply(a, b, accumulator)


def product(
    slot: Slot, stage: str, call: int, a: torch.Tensor | BlockTensor, b: torch.Tensor | BlockTensor
) -> torch.Tensor:
    """``a @ b`` in the slot's format.

    Parameters
    ----------
    slot
        whose width, rounding and seeds.
    stage
        "forward", "input gradient" or "weight gradient".
    call
        number of the slot's use in this step.
    a, b
        float32 matrices (rows, inner) and (inner, columns), or blocks along their reduction axes.

    Returns
    -------
    torch.Tensor
        float32 (rows, columns), on a's device.
    """
    format, machine, seeds = slot.run.format, slot.machine, slot.seeds(stage, call)
    where = next((x.device for x in (a, b) if isinstance(x, torch.Tensor)), torch.device("cpu"))
    if isinstance(format, Values):
        assert isinstance(a, torch.Tensor)
        assert isinstance(b, torch.Tensor)
        rounded_a = format.quantize(a, slot.rounding(stage), seeds[0])
        result = rounded_a @ format.quantize(b.t(), slot.rounding(stage), seeds[1]).t()
        return slot.check(result, stage)
    assert isinstance(format, HBFP)
    if machine is not None:
        one, other = (contiguous(x) if isinstance(x, torch.Tensor) else x for x in (a, b))
        array = machine.matmul(
            one, other, width_a=slot.width, width_b=slot.width, rounding=slot.rounding(stage), seed_a=seeds[0],
            seed_b=seeds[1],
        )  # fmt: skip
    else:
        block = format.block(slot.width)
        blocks = [
            x if isinstance(x, BlockTensor) else as_blocks(x, 1 - i, block, slot, stage, seeds[i]) for i, x in enumerate((a, b))
        ]
        array = multiply(blocks[0], blocks[1], format.accumulator)
    return finish(slot, stage, array, where)


def finish(slot: Slot, stage: str, array: NDArray[np.float32], where: torch.device) -> torch.Tensor:
    """The result as a tensor, checked."""
    return slot.check(torch.from_numpy(array).to(where), stage)


def stacked_product(slot: Slot, stage: str, call: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """``a @ b`` of stacks (count, rows, inner) and (count, inner, columns), matrix by matrix.

    Random numbers run through each whole stack, as ``golden.quantize`` of it draws them.
    """
    format, count = slot.run.format, len(a)
    if isinstance(format, Values):
        seeds = slot.seeds(stage, call)
        rounded = format.quantize(a, slot.rounding(stage), seeds[0])
        return slot.check(rounded @ format.quantize(b.mT, slot.rounding(stage), seeds[1]).mT, stage)
    assert isinstance(format, HBFP)
    if slot.machine is not None or format.accumulator not in native.KINDS:
        return _one_by_one(slot, stage, call, a, b)
    seeds, block = slot.seeds(stage, call), format.block(slot.width)
    options = slot.rounding(stage), format.power_of_two
    rows = native.quantize_rows(contiguous(a).reshape(-1, a.shape[2]), block, options[0], seeds[0], options[1])
    array = contiguous(b)
    places = (np.arange(array.size // array.shape[2], dtype=np.int64) * array.shape[2]).reshape(count, -1)
    columns = native.quantize_columns(array, places, array.shape[2], block, options[0], seeds[1], options[1])
    slot.health += rows.health + columns.health
    return finish(slot, stage, native.multiply_stack(rows, columns, count, format.accumulator), a.device)


def _one_by_one(slot: Slot, stage: str, call: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    format, machine = slot.run.format, slot.machine
    assert isinstance(format, HBFP)
    block, results = format.block(slot.width), []
    deep = -(-a.shape[2] // format.block_size) * format.block_size
    for i in range(len(a)):
        seed_a, seed_b = (
            advance(seed, i * lines * deep)
            for seed, lines in zip(slot.seeds(stage, call), (a.shape[1], b.shape[2]), strict=True)
        )
        if machine is None:
            blocks = as_blocks(a[i], 1, block, slot, stage, seed_a), as_blocks(b[i], 0, block, slot, stage, seed_b)
            results.append(multiply(*blocks, format.accumulator))
        else:
            widths = {"width_a": slot.width, "width_b": slot.width}
            results.append(
                machine.matmul(
                    contiguous(a[i]), contiguous(b[i]), **widths, rounding=slot.rounding(stage), seed_a=seed_a, seed_b=seed_b
                )
            )
    return finish(slot, stage, np.stack(results), a.device)


def advance(seed: int, steps: int) -> int:
    """The state of the random sequence this many steps after ``seed``."""
    state = 0
    for bit, column in enumerate(leap(steps)):
        state ^= int(column) * (seed >> bit & 1)
    return state
