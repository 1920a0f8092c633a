"""Operand beats of bfloat16 become beats of FP32."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.names import named

__all__ = ["OperandExpander"]


class OperandExpander(wiring.Component):
    """Take beats of ``lanes`` words apart into beats of ``lanes`` elements.

    FP32 passes as it is. Words of bfloat16 hold two elements each, the first in the lower half, so a beat holds two
    beats of elements; a line's last beat may hold one. Combinational: latency 0, one beat of ``o`` per cycle.

    Attributes
    ----------
    i
        stream of ``lanes`` 32-bit words; each line starts on a fresh beat.
    bfloat16
        the format, stable while a tensor passes.
    line_last
        the beat on ``o`` ends its line: what is left of the words is dropped.
    upper
        the beat on ``o`` is the second of its words.
    o
        stream of ``lanes`` FP32 words.
    """

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.module_name = named("operand_expander", l=lanes)
        words = stream.Signature(data.ArrayLayout(32, lanes))
        super().__init__({"i": In(words), "bfloat16": In(1), "line_last": In(1), "upper": Out(1), "o": Out(words)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = self.i.payload.as_value()
        halves = Mux(self.upper, words[16 * self.lanes :], words[: 16 * self.lanes])
        last = Signal()
        m.d.comb += [
            last.eq(~self.bfloat16 | self.upper | self.line_last),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & last),
        ]
        for lane, number in enumerate(self.o.payload):
            widened = Cat(Const(0, 16), halves.word_select(lane, 16))
            m.d.comb += number.eq(Mux(self.bfloat16, widened, self.i.payload[lane]))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.upper.eq(~last)
        return m
