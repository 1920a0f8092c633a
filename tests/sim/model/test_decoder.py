"""Queues and the decoder against entries that move cycle by cycle."""

from collections import deque
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest

from hw.config import CoreConfig
from hw.timing import Timing
from sim.model.decoder import Decoder, Queue
from sim.model.port import Source


@pytest.mark.parametrize("depth", [1, 2, 3, 7])
def test_a_queue_has_room_when_an_entry_was_read(depth):
    """Cycle by cycle: an entry may be read the cycle after it was written, its place is free the cycle after that."""
    rng = Random(depth)
    waits = [rng.choice([0, 0, 1, 9]) for _ in range(60)]
    # Entries as they are: written as soon as there is a place, read in order, ``waits`` cycles after they could be.
    held, written, read, time = deque(), [], [], 0
    free_from = [0] * depth
    while len(read) < len(waits):
        if held and held[0] <= time and (not read or read[-1] < time):
            held.popleft()
            read.append(time)
            free_from.append(time + 1)
        number = len(written)
        if number < min(len(waits), len(free_from)) and free_from[number] <= time:
            held.append(time + 1 + waits[number])
            written.append(time)
        time += 1
    queue, found, last = Queue(depth), [], -1
    for number, wait in enumerate(waits):
        at = max(queue.room(), found[-1] + 1 if found else 0)
        found.append(at)
        last = max(at + 1 + wait, last + 1)
        queue.reads.append(last)
        assert last == read[number]
    assert found == written


def decoder(depth=4, **config):
    return Decoder(Timing(CoreConfig(queue_depth=depth, **config)))


def test_a_command_waits_in_the_queue_and_is_decoded():
    one = decoder()
    assert one.job(Source(Fraction(1)), 0) == 1 + one.decode_cycles
    assert (one.written, one.commands.reads[-1]) == (0, 1)


def test_commands_are_decoded_one_after_another():
    one, port = decoder(), Source(Fraction(1))
    sent = [one.job(port, 0) for _ in range(6)]
    assert [later - earlier for earlier, later in pairwise(sent)] == [one.decode_cycles + 1] * 5


def test_a_job_waits_for_room_in_all_queues():
    one, port = decoder(depth=1), Source(Fraction(1))
    first = one.job(port, 0)
    one.loads_a.reads.append(first + 500)
    one.products.reads.append(first + 400)
    assert one.job(port, 0) == first + 501


def test_a_refused_command_needs_no_room():
    one, other, port = decoder(), decoder(), Source(Fraction(1))
    sent = one.job(port, 0)
    other.refuse(Source(Fraction(1)), 0)
    assert other.sent == sent - 1
    other.refuse(Source(Fraction(1), free=0), 0)
    assert other.sent == 2 * one.decode_cycles


@pytest.mark.parametrize("rate", [Fraction(1, 3), Fraction(1, 100)])
def test_a_slow_port_delays_commands(rate):
    one, port = decoder(), Source(rate)
    sent = [one.job(port, 0) for _ in range(5)]
    assert sent == sorted(sent)
    assert sent[0] == 1 + one.decode_cycles
    assert sent[-1] >= 4 / rate
