"""Slices: how many there are, and that they are the mantissa again."""

import numpy as np
import pytest

import golden


@pytest.mark.parametrize(("width", "count"), [(2, 1), (4, 1), (5, 2), (7, 2), (8, 3), (10, 3), (11, 4)])
def test_a_mantissa_has_as_many_slices_as_its_magnitude_fills(width, count):
    limit = 2 ** (width - 1) - 1
    mantissas = np.arange(-limit, limit + 1)
    slices = golden.split_mantissas(mantissas, width)
    assert golden.slice_count(width) == len(slices) == count
    assert np.abs(slices).max() <= 7
    assert np.array_equal(golden.combine_slices(slices), mantissas)
    assert np.all(slices * np.sign(mantissas) >= 0)


def test_a_slice_may_have_another_width():
    assert [golden.slice_count(8, width) for width in (1, 2, 4, 7)] == [7, 4, 2, 1]


def test_rejects_a_mantissa_out_of_range():
    with pytest.raises(ValueError, match=r"^mantissas must be between -7 and 7$"):
        golden.split_mantissas([8], 4)
