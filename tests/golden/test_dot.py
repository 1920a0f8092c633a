"""Widths of block sums, and operands that do not go together."""

import re

import numpy as np
import pytest

import golden
from golden import BlockFormat
from golden.dot import block_dot, sum_bound


@pytest.mark.parametrize(
    ("a", "b", "bound", "width"),
    [((4, 64), (4, 64), 3136, 13), ((2, 1), (2, 1), 1, 2), ((6, 16), (4, 16), 3472, 13), ((8, 1024), (8, 1024), 16516096, 25)],
)
def test_a_sum_fills_its_bits(a, b, bound, width):
    """The largest sum and its opposite fit, and not in one bit less."""
    formats = BlockFormat(*a), BlockFormat(*b)
    assert sum_bound(*formats) == bound
    assert golden.sum_width(*formats) == width
    assert 2 ** (width - 2) <= bound < 2 ** (width - 1)


def test_block_sizes_are_equal_by_value():
    x = np.ones((300, 300), np.float32)
    a, b = (golden.quantize(x, BlockFormat(4, int(size)), axis) for size, axis in (("300", 1), ("300", 0)))
    assert np.all(block_dot(a, b, 0).sums == 4 * 4 * 300)


def test_rejects_blocks_along_other_axes():
    blocks = golden.quantize(np.ones((4, 4), np.float32), BlockFormat(4, 4))
    with pytest.raises(ValueError, match=f"^{re.escape('b must be a matrix in blocks along axis 0')}"):
        golden.matmul(blocks, blocks)
