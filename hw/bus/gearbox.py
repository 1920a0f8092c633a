"""Words of one stream width become words of another."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from hw.names import named

__all__ = ["Gearbox", "word_beat"]


def word_beat(words: int) -> data.StructLayout:
    """A beat of up to ``words`` 32-bit words, of which the first ``count`` are meant; ``last`` ends a packet."""
    return data.StructLayout({"data": data.ArrayLayout(32, words), "count": range(words + 1), "last": 1})


class Gearbox(Component):
    """Regroup the words of a packet into full beats; only a packet's last beat may be short, and its rest is zero.

    Latency is 1; throughput is one beat per cycle on the narrower side. ``o`` does not depend on ``o.ready``. A packet
    that ends by a beat without words may end in a beat without words.

    Attributes
    ----------
    i
        beats of ``in_words``.
    o
        beats of ``out_words``.
    """

    def __init__(self, in_words: int, out_words: int):
        self.in_words = in_words
        self.out_words = out_words
        self.module_name = named("gearbox", i=in_words, o=out_words)
        super().__init__(
            {"i": In(stream.Signature(word_beat(in_words))), "o": Out(stream.Signature(word_beat(out_words)))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        capacity = self.in_words + self.out_words - 1
        buffer, level, ending = Signal(32 * capacity), Signal(range(capacity + 1)), Signal()
        full, taken, remaining = Signal(), Signal(), Signal(range(capacity + 1))
        m.d.comb += [
            full.eq(level >= self.out_words),
            self.o.valid.eq(full | ending),
            self.o.payload.data.eq(buffer[: 32 * self.out_words]),
            self.o.payload.count.eq(Mux(full, self.out_words, level)),
            self.o.payload.last.eq(ending & (level <= self.out_words)),
            taken.eq(self.o.valid & self.o.ready),
            remaining.eq(Mux(~taken, level, Mux(full, level - self.out_words, 0))),
            self.i.ready.eq((~ending | (taken & self.o.payload.last)) & (remaining < self.out_words)),
        ]
        kept = Mux(taken, buffer >> (32 * self.out_words), buffer)
        words = Cat(Mux(index < self.i.payload.count, word, 0) for index, word in enumerate(self.i.payload.data))
        entering = Signal(32 * capacity)
        for position in range(self.out_words):
            with m.If(remaining == position):
                m.d.comb += entering.eq(Cat(words.replicate(1) << (32 * position)))
        count = Mux(self.i.valid & self.i.ready, self.i.payload.count, 0)
        after = Signal(range(capacity + 1))
        m.d.comb += after.eq(remaining + count)
        m.d.sync += [buffer.eq(kept), level.eq(after)]
        with m.If(taken & self.o.payload.last):
            m.d.sync += ending.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [buffer.eq(kept | entering), ending.eq(self.i.payload.last)]
        return m
