"""The driver's queue against a core of Python that has hardly any room, so that everything waits for everything."""

import random

import numpy as np
import pytest

from hw.bus.registers import offset_of
from hw.config import CoreConfig
from sim.devices.command_queue import CommandQueue, Parcel, RegisterStreams, Stuck

CONFIG = CoreConfig(tile_rows=1, tile_columns=1, block_size=4, lanes=2)


class TinyCore:
    """Each word of C is the sum of one of A and one of B, which it takes only while its output has room.

    ``moody`` : the share of accesses that find no room or no data for no reason.
    """

    def __init__(self, room: int, moody: float = 0):
        self.commands, self.a, self.b, self.c = [], [], [], []
        self.words = [0]
        self.room = room
        self.random = random.Random(1)
        self.moody = moody
        self.busiest = 0

    def write(self, offset, words, fixed=False):
        if self.random.random() < self.moody:
            return 0
        if offset == offset_of("command_0"):
            self.words = words
        elif offset == offset_of("submit"):
            if len(self.commands) == 2:
                return 0
            self.commands.append(self.words[0])
            self.busiest = max(self.busiest, len(self.commands))
        else:
            queue = self.a if offset == offset_of("data_a") else self.b
            for taken, word in enumerate(words):
                if len(queue) == self.room:
                    return taken
                queue.append(word)
                self._work()
        return len(words)

    def read(self, offset, count=1, fixed=False):
        if self.random.random() < self.moody:
            return []
        words, self.c = self.c[:count], self.c[count:]
        self._work()
        return words

    def _work(self):
        while self.a and self.b and self.commands and len(self.c) < self.room:
            self.c.append(self.a.pop(0) + self.b.pop(0))
            self.commands[0] -= 1
            if not self.commands[0]:
                self.commands.pop(0)


def parcels(count: int, results: dict):
    """Commands of several lines each; those of odd length end in a word of padding, which comes back as well."""
    generator = random.Random(2)
    for number in range(count):
        lines = [np.arange(generator.randint(1, 5), dtype=np.uint32) + 100 * number for _ in range(3)]
        words = sum(len(line) + len(line) % 2 for line in lines)
        wanted = np.concatenate([np.pad(2 * line, (0, len(line) % 2)) for line in lines])
        packets = {"a": lines, "b": lines}
        yield Parcel([words], packets, words, lambda c, n=number, w=wanted: results.update({n: (c == w).all()}))


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize(("room", "moody"), [(1, 0), (1, 0.5), (7, 0.2), (1000, 0)])
def test_every_result_arrives_whole_whatever_waits(depth, room, moody):
    core, results = TinyCore(room, moody), {}
    queue = CommandQueue(core, RegisterStreams(core, CONFIG), depth, timeout=5)
    queue.run(parcels(20, results), lambda: None)
    assert list(results) == list(range(20))
    assert all(results.values())
    assert core.busiest <= depth
    assert depth == 1 or room > 1 or core.busiest == 2


@pytest.mark.parametrize(
    ("broken", "text"),
    [("submit", "take a command"), ("data_a", "take a"), ("data_b", "take b"), ("data_c", "give a result")],
)
def test_says_what_does_not_move(broken, text):
    core = TinyCore(1000)
    write, read = core.write, core.read
    core.write = lambda at, words, fixed=False: 0 if at == offset_of(broken) else write(at, words, fixed)
    core.read = lambda at, count=1, fixed=False: [] if at == offset_of(broken) else read(at, count, fixed)
    checks = []
    queue = CommandQueue(core, RegisterStreams(core, CONFIG), 2, timeout=0.01)
    with pytest.raises(Stuck, match=f"^{text}$"):
        queue.run(parcels(3, {}), lambda: checks.append(1))
    assert checks


def test_a_refused_word_is_tried_alone():
    core = TinyCore(0)
    streams = RegisterStreams(core, CONFIG)
    offered = []
    write = core.write
    core.write = lambda at, words, fixed=False: offered.append(len(words)) or write(at, words, fixed)
    words = np.array([1, 2, 3], np.uint32)
    for _ in range(2):
        assert streams.send("a", words) == 0
    core.room = 10
    assert streams.send("a", words) == 1
    assert streams.send("a", words[1:]) == 2
    assert offered == [3, 1, 1, 2]
