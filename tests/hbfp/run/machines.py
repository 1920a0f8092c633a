"""Machines that networks run on: one that multiplies exactly enough, and cores that are compiled once for all tests."""

from types import SimpleNamespace

import numpy as np

import golden
from hw.config import CoreConfig

__all__ = ["CONFIG", "WIDE", "FloatMachine"]

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), block_size=16, dot=16, tile_rows=2, tile_columns=2, operand_depth=64, features=("bias",)
)  # fmt: skip
WIDE = CoreConfig(mantissa_widths=(8,), block_size=8, tile_rows=2, tile_columns=2, features=("bias",))


class FloatMachine:
    """A device that multiplies in double precision."""

    config = SimpleNamespace(mantissa_widths=(4,), features=("bias",))

    @property
    def counters(self):
        return {"saturated": 0, "flushed": 0}

    walked = False

    def convolve(self, x, w, strides, pads, dilations, **options):
        return self.matmul(golden.patches(x, w.shape[2:], strides, pads, dilations), golden.filters(w), **options)

    def matmul(self, a, b, *, bias=None, **_):
        c = a.astype(np.float64) @ b.astype(np.float64)
        return (c if bias is None else c + bias).astype(np.float32)
