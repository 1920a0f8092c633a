"""What the operands of a network's products take in memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

import golden
from hbfp.torch import HBFP, device
from hbfp.train.run import Record, Training

__all__ = ["show_storage", "storage"]


class _Seen:
    """A machine that notes what it is to multiply, by A's seed."""

    def __init__(self, block_size: int):
        self.block_size = block_size
        self.products: dict[int, tuple[Any, Any]] = {}

    def matmul(self, a: Any, b: Any, *, seed_a: int, **_: Any) -> Any:
        self.products[seed_a] = a, b
        return np.zeros((a.shape[0], b.shape[1]), np.float32)


@torch.no_grad()
def storage(training: Training) -> list[Record]:
    """Bits per element of each layer's weights and inputs for a batch of the first epoch, as packed for the port.

    Exponents and the padding of ragged blocks count. Both tensors lie along the layer's inputs.
    """
    assert training.run
    format = training.run.format
    assert isinstance(format, HBFP)
    seen, rows, run = _Seen(format.block_size), [], training.run
    kept, run.epoch = run.epoch, 0
    run.step += 1  # whose products are the first of theirs
    with device(seen):
        training.model.train()(training.data.x_train[: training.recipe.batch])
    for slot in run.slots:
        width, (a, b) = slot.width, seen.products[slot.seeds("forward", 0)[0]]
        for name, tensor, axis in (("weights", b, 0), ("inputs", a, 1)):
            blocks = tensor if isinstance(tensor, golden.BlockTensor) else golden.quantize(tensor, format.block(width), axis)
            packed, elements = golden.pack(blocks).nbytes, int(np.prod(tensor.shape))
            rows.append(
                {
                    "layer": slot.name, "tensor": name, "mantissa_width": width, "elements": elements,
                    "bytes": packed, "bits_per_element": 8 * packed / elements, "fp32_bytes": 4 * elements,
                }
            )  # fmt: skip
    run.epoch, run.step = kept, run.step - 1
    return rows


def show_storage(rows: Sequence[Record]) -> str:
    """As a table in Markdown."""
    lines = ["| layer | tensor | mantissa | elements | bits per element | of FP32 |", "|---|---|--:|--:|--:|--:|"]
    for row in rows:
        lines.append(
            f"| {row['layer']} | {row['tensor']} | {row['mantissa_width']} | {row['elements']:,} | "
            f"{row['bits_per_element']:.3f} | {row['bytes'] / row['fp32_bytes']:.1%} |"
        )
    return "\n".join(lines) + "\n"
