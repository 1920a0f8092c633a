"""Packets of words through gearboxes of all widths."""

from random import Random

import pytest
from amaranth.sim import Simulator

from hw.bus.gearbox import Gearbox


def beats_of(packet: list[int], words: int) -> list[tuple[list[int], bool]]:
    """A packet in full beats, its last perhaps short."""
    beats = [packet[i : i + words] for i in range(0, len(packet), words)] or [[]]
    return [(beat, i == len(beats) - 1) for i, beat in enumerate(beats)]


def ragged(packet: list[int], words: int, rng: Random) -> list[tuple[list[int], bool]]:
    """A packet in beats of any size, empty ones among them; it may end by a beat without words."""
    beats, at = [], 0
    while at < len(packet):
        count = rng.randrange(words + 1)
        beats.append(packet[at : at + count])
        at += count
    if not beats or rng.random() < 0.3:
        beats.append([])
    return [(beat, i == len(beats) - 1) for i, beat in enumerate(beats)]


def run(gearbox: Gearbox, beats, rng: Random, pace: float, room: float):
    """Beats that come out, as (words, last), and the words beside them; and the cycles taken."""
    found, cycles = [], 0
    lasts = sum(last for _, last in beats)
    simulator = Simulator(gearbox)
    simulator.add_clock(1e-6)

    async def send(ctx):
        for words, last in beats:
            while rng.random() >= pace:
                await ctx.tick()
            ctx.set(gearbox.i.payload.count, len(words))
            ctx.set(gearbox.i.payload.last, last)
            for index in range(gearbox.in_words):
                ctx.set(gearbox.i.payload.data[index], words[index] if index < len(words) else 0xBAD)
            ctx.set(gearbox.i.valid, 1)
            await ctx.tick().until(gearbox.i.ready)
            ctx.set(gearbox.i.valid, 0)

    async def take(ctx):
        nonlocal cycles
        while sum(last for _, last, _ in found) < lasts:
            assert cycles < 5000
            cycles += 1
            going = rng.random() < room
            ctx.set(gearbox.o.ready, going)
            if going and ctx.get(gearbox.o.valid):
                words = [ctx.get(gearbox.o.payload.data[index]) for index in range(gearbox.out_words)]
                count = ctx.get(gearbox.o.payload.count)
                found.append((words[:count], bool(ctx.get(gearbox.o.payload.last)), words[count:]))
            await ctx.tick()

    simulator.add_testbench(send)
    simulator.add_testbench(take)
    simulator.run()
    return found, cycles


WIDTHS = [(1, 1), (1, 4), (4, 1), (3, 2), (2, 3), (4, 4), (5, 3)]


@pytest.mark.parametrize(("pace", "room"), [(1, 1), (1, 0.4), (0.4, 1), (0.5, 0.5)])
@pytest.mark.parametrize(("narrow", "wide"), WIDTHS)
def test_packets_come_out_whole_in_full_beats(narrow, wide, pace, room):
    rng = Random(f"{narrow} {wide} {pace} {room}")
    packets = [[rng.getrandbits(32) for _ in range(rng.randrange(12))] for _ in range(12)]
    beats = [beat for packet in packets for beat in ragged(packet, narrow, rng)]
    found, _ = run(Gearbox(narrow, wide), beats, rng, pace, room)
    apart, packet = [], []
    for words, last, rest in found:
        assert not any(rest)
        assert last or len(words) == wide
        packet += words
        if last:
            apart.append(packet)
            packet = []
    assert apart == packets


@pytest.mark.parametrize("room", [1, 0.5])
@pytest.mark.parametrize(("narrow", "wide"), WIDTHS)
def test_a_packet_takes_no_more_beats_than_it_fills(narrow, wide, room):
    """Its last word comes with its end, where that came in with a word."""
    rng = Random(f"{narrow} {wide} {room}")
    packets = [[rng.getrandbits(32) for _ in range(rng.randrange(1, 14))] for _ in range(12)]
    found, _ = run(Gearbox(narrow, wide), [beat for packet in packets for beat in beats_of(packet, narrow)], rng, 1, room)
    assert [(words, last) for words, last, _ in found] == [beat for packet in packets for beat in beats_of(packet, wide)]


@pytest.mark.parametrize(("narrow", "wide"), [(1, 4), (4, 1), (4, 4)])
def test_a_beat_per_cycle_passes_on_the_narrower_side(narrow, wide):
    packet = list(range(1, 41))
    found, cycles = run(Gearbox(narrow, wide), beats_of(packet, narrow), Random(1), 1, 1)
    assert [word for words, *_ in found for word in words] == packet
    assert cycles <= len(packet) // min(narrow, wide) + 2
