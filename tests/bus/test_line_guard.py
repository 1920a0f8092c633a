"""Packets of any length against the lines they should have been."""

from random import Random

import pytest
from amaranth.sim import Simulator

from hw.bus.line_guard import LineGuard

WORDS = 4


def guarded(
    lengths: list[int], beats: int, words: int, rng: Random, pace: float, trailing: bool = False, delay: int = 0
):
    """Lines of ``beats`` beats, whose last has ``words`` words, from packets of these lengths; and the events seen.

    With ``trailing`` a beat without words ends each packet; lines end ``delay`` cycles after their last beat.
    """
    guard = LineGuard(WORDS)
    packets = [[rng.getrandbits(32) for _ in range(length)] for length in lengths]
    flat = []
    for packet in packets:
        parts = [packet[i : i + WORDS] for i in range(0, len(packet), WORDS)] or [[]]
        parts += [[]] if trailing else []
        flat += [(part, i == len(parts) - 1) for i, part in enumerate(parts)]
    lines, events = [], {"short": 0, "long": 0}
    simulator = Simulator(guard)
    simulator.add_clock(1e-6)

    async def core(ctx):
        """One process for both ends, since the guard is combinational between them."""
        line, at, waiting, wait = [], 0, list(flat), 0
        for _ in range(2000):
            if len(lines) == len(packets) and not waiting and not wait and not ctx.get(guard.line_end):
                for event in events:
                    events[event] += ctx.get(getattr(guard, event))
                return
            ctx.set(guard.line_start, at == 0)
            offers = bool(waiting) and rng.random() < pace
            ctx.set(guard.i.valid, offers)
            if offers:
                part, last = waiting[0]
                ctx.set(guard.i.payload.count, len(part))
                ctx.set(guard.i.payload.last, last)
                for index in range(WORDS):
                    ctx.set(guard.i.payload.data[index], part[index] if index < len(part) else 0)
            takes = rng.random() < pace and len(lines) < len(packets) and not wait
            ctx.set(guard.o.ready, takes)
            final = takes and ctx.get(guard.o.valid) and at == beats - 1
            wait = wait - 1 if wait else delay if final else 0
            ctx.set(guard.line_end, wait == 1 if delay else final)
            ctx.set(guard.line_words, words if ctx.get(guard.line_end) else rng.randint(0, WORDS))
            for event in events:
                events[event] += ctx.get(getattr(guard, event))
            if takes and ctx.get(guard.o.valid):
                line += [ctx.get(guard.o.payload[index]) for index in range(WORDS)]
                at = (at + 1) % beats
                if at == 0:
                    lines.append(line)
                    line = []
            if offers and ctx.get(guard.i.ready):
                waiting.pop(0)
            await ctx.tick()
        raise AssertionError("the lines did not come to their end")

    simulator.add_testbench(core)
    simulator.run()
    return packets, lines, events


@pytest.mark.parametrize("pace", [1, 0.5])
@pytest.mark.parametrize(("beats", "words"), [(1, 3), (2, 2), (3, 4)])
def test_packets_of_the_right_length_pass_as_they_are(beats, words, pace):
    length = (beats - 1) * WORDS + words
    packets, lines, events = guarded([length] * 6, beats, words, Random(1), pace)
    assert [line[:length] for line in lines] == packets
    assert events == {"short": 0, "long": 0}


@pytest.mark.parametrize("pace", [1, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_every_packet_is_one_line_cut_or_filled_up(seed, pace):
    """Lines of ten words in three beats; a packet without words only ends nothing."""
    rng = Random(seed)
    lengths = [rng.choice([1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 20]) for _ in range(12)]
    packets, lines, events = guarded(lengths, 3, 2, rng, pace)
    for packet, line in zip(packets, lines, strict=True):
        assert line == [*packet, *[0] * 12][:12]
    assert (events["short"] > 0) == any(length < 10 for length in lengths)
    assert (events["long"] > 0) == any(length > 10 for length in lengths)


@pytest.mark.parametrize("pace", [1, 0.5])
def test_a_beat_without_words_may_end_a_packet(pace):
    packets, lines, events = guarded([12] * 5, 3, 4, Random(3), pace, trailing=True)
    assert lines == packets
    assert events == {"short": 0, "long": 0}


@pytest.mark.parametrize("delay", [0, 1, 3])
@pytest.mark.parametrize(("length", "event"), [(9, "short"), (11, "long"), (8, "short"), (13, "long"), (1, "short")])
def test_a_wrong_packet_is_told(length, event, delay):
    _, _, events = guarded([10, length, 10], 3, 2, Random(2), 1, delay=delay)
    assert [name for name, count in events.items() if count] == [event]
