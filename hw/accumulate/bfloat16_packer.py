"""Results as bfloat16, two to a word."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accumulate.result_finisher import finished_beat
from hw.names import named

__all__ = ["Bfloat16Packer", "word_beat"]


def word_beat(columns: int) -> data.StructLayout:
    """A beat of C on its way out: ``keep`` marks words that hold any of C, ``last`` its last beat."""
    return data.StructLayout({"data": data.ArrayLayout(32, columns), "keep": columns, "last": 1})


class Bfloat16Packer(wiring.Component):
    """Join two beats of FP32 results into one of bfloat16, or pass them on as they are.

    Numbers are rounded to nearest even; the first of two neighbours is in the lower half of a word. A row's last beat
    leaves at once, alone or as the second; an odd row ends with a zero in its last word's upper half.

    Latency is ``latency_cycles``, throughput one beat of ``i`` per cycle.

    Attributes
    ----------
    i
        stream of ``finished_beat``.
    o
        stream of ``word_beat``.
    bfloat16
        the format, with each beat of ``i``; constant within a row.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.module_name = named("bfloat16_packer", c=columns)
        super().__init__(
            {
                "i": In(stream.Signature(finished_beat(columns))),
                "bfloat16": In(1),
                "o": Out(stream.Signature(word_beat(columns))),
            }
        )

    @property
    def latency_cycles(self) -> int:
        """Cycles from the beat that completes a beat of ``o`` to that beat."""
        return 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        c, beat = self.columns, self.i.payload
        halves, held, held_valid = Signal(data.ArrayLayout(16, c)), Signal(16 * c, reset_less=True), Signal()
        for half, word, keep in zip(halves, beat.data, beat.keep, strict=True):
            # A carry out of the fraction enters the exponent. The canonical NaN has nothing to round.
            round_up = word[15] & (word[:15].any() | word[16])
            m.d.comb += half.eq(Mux(keep, word[16:] + round_up, 0))

        joined, present, completes = Signal(32 * c), Signal(2 * c), Signal()
        m.d.comb += [
            joined.eq(Mux(held_valid, Cat(held, halves), halves)),
            present.eq(Mux(held_valid, Cat(Const(-1, c), beat.keep), beat.keep)),
            completes.eq(~self.bfloat16 | held_valid | beat.row_last),
            self.i.ready.eq(~self.o.valid | self.o.ready),
        ]
        leaving = Signal.like(self.o.payload, reset_less=True)
        m.d.comb += self.o.payload.eq(leaving)
        with m.If(self.i.ready):
            m.d.sync += [
                self.o.valid.eq(self.i.valid & completes),
                leaving.data.eq(Mux(self.bfloat16, joined, beat.data)),
                leaving.keep.eq(Mux(self.bfloat16, Cat(present[::2]), beat.keep)),
                leaving.last.eq(beat.last),
            ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [held.eq(halves), held_valid.eq(~completes)]
        return m
