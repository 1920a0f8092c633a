"""Packets of an operand's stream become its lines, whatever their length."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from hw.bus.gearbox import word_beat
from hw.names import named

__all__ = ["LineGuard"]


class LineGuard(Component):
    """Make each packet one line: what is too short is filled up with zeros, what is too long is cut.

    So a sender who errs gets a wrong line and is told, but the lines after it are in place, and the core never waits
    for the rest of a line that has ended. Combinational: latency 0, one beat per cycle. Whether a line's last beat
    had the right number of words is told in the cycle after ``line_end``.

    Attributes
    ----------
    i
        beats of a packet; one without words only ends it.
    o
        beats for the core.
    line_start, line_end, line_words
        of the core's loader.
    short
        words were made up.
    long
        words were dropped.
    """

    def __init__(self, words: int):
        self.words = words
        self.module_name = named("line_guard", w=words)
        super().__init__(
            {
                "i": In(stream.Signature(word_beat(words))),
                "o": Out(stream.Signature(data.ArrayLayout(32, words))),
                "line_start": In(1), "line_end": In(1), "line_words": In(range(words + 1)),
                "short": Out(1), "long": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inside = Signal()  # a packet has begun and not ended
        fill, drop, empty = Signal(), Signal(), Signal()
        ended, wanted, latest = Signal(), Signal(range(self.words + 1)), Signal(range(self.words + 1))
        count = self.i.payload.count
        m.d.comb += [
            empty.eq(count == 0),
            fill.eq(~self.line_start & ~inside),
            drop.eq((self.line_start & inside) | empty),
            self.o.payload.eq(Mux(fill, 0, self.i.payload.data)),
            self.o.valid.eq(fill | (self.i.valid & ~drop)),
            self.i.ready.eq(drop | (self.o.ready & ~fill)),
            self.short.eq((fill & self.o.ready) | (ended & (latest < wanted))),
            self.long.eq((self.i.valid & drop & ~empty) | (ended & (latest > wanted))),
        ]
        m.d.sync += [ended.eq(self.line_end), wanted.eq(self.line_words)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += latest.eq(Mux(fill, 0, count))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += inside.eq(~self.i.payload.last)
        return m
