"""Sizes of packed blocks, and the shifter that works in steps of their divisor."""

import re

import pytest

from hw.config import CoreConfig
from hw.quantize.packing import WORD_BITS, Packing, by_width
from tests.logic import outputs

CONFIGS = {
    "usual": (CoreConfig(), 16),
    "mixed": (CoreConfig((4, 6), block_size=32, lanes=8), 8),
    "odd": (CoreConfig((5,), block_size=9, lanes=3, exponent_width=7), 3),
    "one": (CoreConfig((2,), block_size=1), 1),
    "three": (CoreConfig((4, 6, 8), block_size=8, lanes=4, exponent_width=10), 2),
}


@pytest.fixture(params=CONFIGS)
def packing(request):
    return Packing(*CONFIGS[request.param])


def test_a_granule_divides_every_size(packing):
    sizes = [packing.bits(width, start) for width in packing.config.mantissa_widths for start in (False, True)]
    for size in (*sizes, packing.chunk_bits, packing.beat_bits):
        assert size % packing.granule == 0
    assert packing.most_bits == max(sizes)
    assert [packing.granules(width, True) * packing.granule for width in packing.config.mantissa_widths] == [
        packing.bits(width, True) for width in packing.config.mantissa_widths
    ]


def test_a_chunk_holds_the_most_and_half_of_it_does_not(packing):
    assert packing.chunk_bits >= packing.most_bits
    assert packing.chunk_bits % 2 or packing.chunk_bits // 2 < packing.most_bits
    assert packing.chunks * packing.chunk_bits == packing.beat_bits == WORD_BITS * packing.words


def test_the_buffer_never_overflows(packing):
    """Whatever is left when one side adds to it; one granule less would be too little."""
    bits = packing.capacity * packing.granule
    most_left_when_refilled = packing.most_bits - packing.granule
    most_left_when_filled = packing.chunk_bits - packing.granule
    assert max(most_left_when_refilled + packing.chunk_bits, most_left_when_filled + packing.most_bits) == bits


def test_lift_moves_by_granules(packing):
    width, most = 6, 7
    vectors = [{"value": v, "granules": g} for v in (0, 1, 0b101101, 63) for g in range(most)]

    def logic(m, value, granules):
        return packing.lift(m, value, granules, most)

    found = outputs({"value": width, "granules": 3}, logic, vectors)
    assert found == [v["value"] << v["granules"] * packing.granule for v in vectors]


def test_choice_follows_width_and_start():
    packing = Packing(*CONFIGS["three"])
    vectors = [{"width": w, "start": s} for w in packing.config.mantissa_widths for s in (0, 1)]

    def logic(m, width, start):
        return packing.choose(width, start, packing.bits)

    found = outputs({"width": 4, "start": 1}, logic, vectors)
    assert found == [packing.bits(v["width"], bool(v["start"])) for v in vectors]


def test_one_width_is_no_choice():
    """What is chosen is the choice itself: no hardware."""
    assert by_width(CoreConfig(), None, lambda width: width * 10) == 40


def test_refuses_beats_that_hold_too_little():
    with pytest.raises(ValueError, match=f"^{re.escape('words must be at least 3, not 2')}$"):
        Packing(CoreConfig(), 2)
    Packing(CoreConfig(), 3)
