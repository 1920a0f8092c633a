"""Mantissas inside the machine: magnitude below, sign above; and slices of blocks."""

import pytest

from hw.types import block_slice, sign_magnitude


@pytest.mark.parametrize("width", [2, 4, 10])
def test_the_sign_is_the_highest_bit(width):
    layout = sign_magnitude(width)
    assert (layout["magnitude"].offset, layout["magnitude"].width) == (0, width - 1)
    assert (layout["sign"].offset, layout["sign"].width) == (width - 1, 1)
    assert layout.const({"magnitude": 1, "sign": 1}).as_value().value == 1 | 1 << width - 1


def test_a_slice_of_a_block():
    layout = block_slice(4, 8, 9)
    assert [(name, field.offset, field.width) for name, field in layout] == [
        ("mantissas", 0, 32), ("scale", 32, 9), ("nan", 41, 1)]  # fmt: skip
    assert layout.const({"scale": -256})["scale"] == -256
