"""Shifters against shifts of integers, for every value and amount of short words."""

import pytest

from hw.accumulate.float_shift import normalise, normalising_bits, shift_right_sticky
from tests.logic import outputs


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_right_shift_keeps_what_is_lost_in_the_lowest_bit(width):
    """For every amount, far beyond the width too; a value whose top bit is zero counts as zero."""
    vectors = [{"value": v, "amount": a} for v in range(1 << width) for a in range(32)]
    found = outputs(
        {"value": width, "amount": 5}, lambda m, value, amount: shift_right_sticky(m, value, amount, "s"), vectors
    )
    for vector, got in zip(vectors, found, strict=True):
        value = vector["value"] if vector["value"] >> width - 1 else 0
        shifted = value >> vector["amount"]
        sticky = (shifted << vector["amount"]) != value
        assert got == shifted | sticky


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 11])
def test_normalise_brings_the_leading_one_to_the_top(width):
    values = range(1 << width)
    found = outputs({"value": width}, lambda m, value: normalise(m, value, "n"), [{"value": v} for v in values])
    for value, (shifted, count) in zip(values, found, strict=True):
        if value:
            assert count == width - value.bit_length()
            assert shifted == value << count
        else:
            assert shifted == 0


def test_wide_words_are_normalised_at_every_place():
    width = 28
    values = [1 << place | low for place in range(width) for low in (0, 1, (1 << place) - 1)]
    found = outputs({"value": width}, lambda m, value: normalise(m, value, "n"), [{"value": v} for v in values])
    assert found == [(v << width - v.bit_length(), width - v.bit_length()) for v in values]


@pytest.mark.parametrize("width", range(1, 40))
def test_bits_of_the_count_are_split_at_four_places(width):
    coarse, fine = normalising_bits(width)
    assert [*coarse, *fine] == list(reversed(range((width - 1).bit_length())))
    assert all(bit >= 2 for bit in coarse)
    assert all(bit < 2 for bit in fine)
