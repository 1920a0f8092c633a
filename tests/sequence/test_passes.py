"""Passes of a block product: every pair of slices once, by descending weight."""

import pytest

from hw.config import CoreConfig
from hw.sequence.passes import MOST_PASSES, current_pass, passes
from tests.logic import cycles, outputs


@pytest.mark.parametrize("slices_a", [1, 2, 3])
@pytest.mark.parametrize("slices_b", [1, 2, 3])
def test_horner_s_sum_is_the_product(slices_a, slices_b):
    """Shifting the sum up by a slice where a pass says so, and adding, gives the product of the whole numbers."""
    width, a, b = 3, 0b101_011_110 >> 3 * (3 - slices_a), 0b110_001_111 >> 3 * (3 - slices_b)
    part = lambda number, i: number >> width * i & 7  # noqa: E731
    total = 0
    for slice_a, slice_b, shift in passes(slices_a, slices_b):
        total = (total << width if shift else total) + part(a, slice_a) * part(b, slice_b)
    assert total == a * b


def test_there_are_at_most_nine():
    table = passes(3, 3)
    assert len(table) == MOST_PASSES
    assert len({(a, b) for a, b, _ in table}) == MOST_PASSES
    weights = [a + b for a, b, _ in table]
    assert weights == sorted(weights, reverse=True)


def test_one_width_has_one_pass_and_no_hardware():
    values = outputs({"one": 1}, lambda m, one: current_pass(m, CoreConfig(), {}, one, one), [{"one": 0}])
    assert values == [(0, 0, 0, 1)]


@pytest.mark.parametrize(("widths", "asked"), [((4, 6), (4, 4)), ((4, 6), (6, 4)), ((4, 10), (10, 6)), ((4, 10), (10, 10))])
def test_table_in_hardware(widths, asked):
    """What a machine's slices, shift and end are at each pass of each pair of widths."""
    config = CoreConfig(widths, block_size=8)
    slices = [config.slices(width) for width in asked]
    table = passes(*slices)

    def logic(m, a, b, accept, number):
        return current_pass(m, config, {"a": a, "b": b}, accept, number)

    begin = [{"a": asked[0], "b": asked[1], "accept": 1}, {"a": 4, "b": 4, "accept": 0}]
    found = cycles({"a": 4, "b": 4, "accept": 1, "number": 4}, logic, [*begin, *({"number": n} for n in range(len(table)))])
    for n, (slice_a, slice_b, shift, last) in enumerate(found[len(begin) :]):
        assert (slice_a, slice_b, bool(shift)) == table[n]
        assert last == (n == len(table) - 1)
