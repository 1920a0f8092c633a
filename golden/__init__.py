"""The numbers every machine of this project must produce, bit for bit.

A tour::

    >>> import numpy as np
    >>> import golden
    >>> hbfp4 = golden.BlockFormat(mantissa_width=4, block_size=64)
    >>> hbfp4.bits_per_element
    4.125
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.standard_normal((3, 200), np.float32), rng.standard_normal((200, 5), np.float32)
    >>> blocks = golden.quantize(a, hbfp4)  # along the last axis: four blocks a row, the last one padded
    >>> blocks.mantissas.shape, blocks.fields.shape
    ((3, 4, 64), (3, 4))
    >>> c = golden.matmul(blocks, b, format_b=golden.BlockFormat(mantissa_width=6))  # float32, as from the hardware
    >>> c.shape
    (3, 5)
    >>> len(golden.pack(blocks))  # bytes, instead of 2400
    396

``quantize`` and ``dequantize`` go into blocks and back, ``block_dot`` multiplies blocks exactly, ``accumulate_step``
adds their products as the accumulators do, ``matmul`` does all of it. ``golden.scalar`` defines the same operations in
exact arithmetic, one number at a time.
"""

from golden import scalar
from golden.accumulate import (
    AlignedAccumulator,
    AlignedState,
    FloatAccumulator,
    accumulate_step,
    accumulator,
    add,
    bfloat16_from_integer,
    float32_from_integer,
    round_to_float,
)
from golden.dot import BlockProducts, block_dot, sum_bound, sum_width
from golden.finish import finish, to_bfloat16
from golden.format import BlockFormat, BlockTensor, Health
from golden.join import join
from golden.layers.convolution import filters, patch_blocks, patches
from golden.layers.schedule import WidthSchedule, schedule
from golden.matmul import matmul
from golden.mixed import combine_slices, slice_count, split_mantissas
from golden.pack import pack, packed_size, unpack
from golden.product import accumulate_blocks
from golden.quantize import dequantize, quantize
from golden.stochastic import uniforms, xorshift32_sequence

__all__ = [
    "AlignedAccumulator",
    "AlignedState",
    "BlockFormat",
    "BlockProducts",
    "BlockTensor",
    "FloatAccumulator",
    "Health",
    "WidthSchedule",
    "accumulate_blocks",
    "accumulate_step",
    "accumulator",
    "add",
    "bfloat16_from_integer",
    "block_dot",
    "combine_slices",
    "dequantize",
    "filters",
    "finish",
    "float32_from_integer",
    "join",
    "matmul",
    "pack",
    "packed_size",
    "patch_blocks",
    "patches",
    "quantize",
    "round_to_float",
    "scalar",
    "schedule",
    "slice_count",
    "split_mantissas",
    "sum_bound",
    "sum_width",
    "to_bfloat16",
    "uniforms",
    "unpack",
    "xorshift32_sequence",
]
