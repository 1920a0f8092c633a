"""Pixels under kernels, against a plain loop."""

import re
from itertools import product

import numpy as np
import pytest

from hbfp.torch.kernels.geometry import geometry

CASES = [
    (1, (5,), (3,), (1,), (0,), (0,), (1,)), (2, (5,), (2,), (2,), (1,), (0,), (1,)),
    (1, (4, 5), (3, 2), (1, 1), (1, 0), (0, 1), (1, 1)),
    (3, (4, 4), (2, 2), (2, 3), (0, 0), (1, 1), (2, 1)), (1, (2, 3, 3), (2, 1, 3), (1, 1, 1), (1, 0, 1), (0, 0, 1), (1, 1, 1)),
    (2, (6, 6), (6, 6), (1, 1), (0, 0), (0, 0), (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_place_is_the_pixel_that_a_loop_finds(case):
    batch, shape, kernel, stride, before, after, dilation = case
    found = geometry(*case)
    numbers = np.arange(batch * np.prod(shape)).reshape(batch, *shape)
    rows = []
    for image, *out in product(range(batch), *map(range, found.output)):
        row = []
        for at in product(*map(range, kernel)):
            pixel = [o * s - b + k * d for o, s, b, k, d in zip(out, stride, before, at, dilation, strict=True)]
            inside = all(0 <= p < n for p, n in zip(pixel, shape, strict=True))
            row.append(numbers[(image, *pixel)] if inside else -1)
        rows.append(row)
    assert np.array_equal(found.index, rows)
    assert np.array_equal(found.by_position, found.index.T)
    assert found.by_position.flags.c_contiguous
    assert found.positions == np.prod(kernel)
    assert found.index.dtype == np.int64
    reach = [n + b + a - d * (k - 1) for n, b, a, k, d in zip(shape, before, after, kernel, dilation, strict=True)]
    assert found.output == tuple(-(-r // s) for r, s in zip(reach, stride, strict=True))


def test_a_kernel_that_does_not_fit():
    text = "kernel must fit the padded input (5, 4), not reach over (3, 5)"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        geometry(1, (4, 4), (3, 3), (1, 1), (1, 0), (0, 0), (1, 2))


def test_the_same_shape_is_worked_out_once():
    assert geometry(*CASES[0]) is geometry(*CASES[0])
