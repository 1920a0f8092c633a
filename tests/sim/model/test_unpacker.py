"""The unpacker in cycles: at an open stream against its closed form, at a slow one against the bits that pass."""

from fractions import Fraction

import pytest

from hw.command import OperandFormat
from hw.quantize.packing import Packing
from hw.timing import Timing
from sim.model.loader import Loader
from sim.model.port import Source
from sim.model.unpacker import Unpacker
from tests.sim.machines import MACHINES

PACKED = [
    (name, width)
    for name, config in MACHINES.items()
    if "packed" in config.features
    for width in config.mantissa_widths
]


class Counted(Source):
    """A source that counts what was taken."""

    taken = 0

    def take(self, time: int) -> int:
        self.taken += 1
        return super().take(time)


def run(config, source, width, blocks, start=1):
    unpacker = Unpacker(config, source, start, width)
    for block in range(blocks):
        unpacker.block(block == blocks - 1)
    return unpacker


@pytest.mark.parametrize("blocks", [1, 2, 3, 8, 33])
@pytest.mark.parametrize(("name", "width"), PACKED)
def test_an_open_stream_takes_as_long_as_the_loader_says(name, width, blocks):
    config = MACHINES[name]
    unpacker = run(config, Source(Fraction(1)), width, blocks)
    # The last beat leaves in the cycle before ``time``; the closed form counts from the job's start.
    loader = Loader(Timing(config), jump=True)
    lines = blocks * config.load_lines
    loaded = loader.load(Source(Fraction(1)), 0, lines, config.block_size, OperandFormat.PACKED, width)
    assert unpacker.time - 1 == loaded.full - loader.full_cycles
    assert unpacker.waited == 0


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(1, 2), Fraction(3, 7), Fraction(1, 9)])
@pytest.mark.parametrize(("name", "width"), PACKED)
def test_no_beat_is_taken_too_many(name, width, rate):
    """As many beats as the blocks fill, the last one perhaps in part."""
    config = MACHINES[name]
    packing = Packing(config, config.lanes, config.load_lines)
    for blocks in (1, 2, 5, 16):
        source = Counted(rate)
        run(config, source, width, blocks)
        bits = blocks * config.load_lines * (config.block_size * width + config.exponent_width)
        assert source.taken == -(-bits // packing.beat_bits)


@pytest.mark.parametrize(("name", "width"), PACKED)
def test_a_slow_stream_costs_its_waits(name, width):
    config = MACHINES[name]
    fast, slow = (run(config, Source(rate), width, 40) for rate in (Fraction(1), Fraction(1, 40)))
    assert slow.waited > 0
    assert slow.time - fast.time == slow.waited
    assert slow.time > fast.time


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(2, 3), Fraction(1, 5)])
def test_equal_keys_have_equal_futures(rate):
    config, seen = MACHINES["packed"], {}
    unpacker = Unpacker(config, Source(rate), 1, 4)
    last = None
    for _ in range(600):
        key, before = unpacker.key(), unpacker.time
        unpacker.block()
        if last is not None:
            assert seen.setdefault(last[0], last[1]) == last[1]
        last = key, (unpacker.time - before, unpacker.key())
    assert len(seen) < 300
