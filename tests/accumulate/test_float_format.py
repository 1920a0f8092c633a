"""Widths, bias and canonical words of floating-point formats."""

import struct

import pytest

from hw.accumulate.float_format import BF16, FP32, FloatFormat, block_layout


@pytest.mark.parametrize(
    ("form", "width", "bias", "nan"), [(FP32, 32, 127, 0x7FC00000), (BF16, 16, 127, 0x7FC0), (FloatFormat(5, 11), 16, 15, 0x7E00)]
)
def test_known_formats(form, width, bias, nan):
    assert (form.width, form.bias, form.nan) == (width, bias, nan)
    assert form.layout.size == width
    assert form.largest_exponent == 2 * bias + 1
    assert form.fraction_width == form.significand_width - 1


def test_name_says_both_widths():
    assert (FP32.name, BF16.name) == ("e8s24", "e8s8")


def test_one_is_the_bias():
    assert FP32.bias << FP32.fraction_width == struct.unpack("<I", struct.pack("<f", 1.0))[0]


@pytest.mark.parametrize(("word", "canonical"), [
    (0x00000000, 0x00000000), (0x80000001, 0x80000000), (0x007FFFFF, 0), (0x3F800001, 0x3F800001), (0x7F800000, 0x7F800000),
    (0x7F800001, 0x7F800000), (0xFFBFFFFF, 0xFF800000), (0x7FC00001, 0x7FC00000), (0x7FFFFFFF, 0x7FC00000),
])  # fmt: skip
def test_canonical_words(word, canonical):
    """Zeros and infinities have no fraction, a NaN only its top bit; numbers stay."""
    assert FP32.canonical_word(word) == canonical


def test_block_layout_has_room_for_two_scales():
    layout = block_layout(13, 9)
    assert (layout["sum"].width, layout["scale"].width, layout["nan"].width) == (13, 10, 1)
