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


@pytest.mark.parametrize(
    ("width", "slice_width", "text"),
    [
        (1, 3, "mantissa_width must be between 2 and 16, not 1"), (17, 3, "mantissa_width must be between 2 and 16, not 17"),
        (4, 0, "slice_width must be between 1 and 7, not 0"), (4, 8, "slice_width must be between 1 and 7, not 8"),
    ],
)  # fmt: skip
def test_rejects_widths_out_of_range(width, slice_width, text):
    with pytest.raises(ValueError, match=f"^{text}$"):
        golden.split_mantissas([0], width, slice_width)


@pytest.mark.parametrize(("width", "slice_width"), [(2, 1), (16, 7), (9, 1)])
def test_ends_of_the_ranges(width, slice_width):
    limit = 2 ** (width - 1) - 1
    slices = golden.split_mantissas([limit, -limit], width, slice_width)
    assert golden.combine_slices(slices, slice_width).tolist() == [limit, -limit]
