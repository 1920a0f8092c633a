"""Bias and ReLU on results that leave the array."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accumulate.float_add import add_aligned, align, normalise_sum, round_sum
from hw.accumulate.float_convert import term_layout
from hw.accumulate.float_format import FP32
from hw.accumulate.float_round import canonical
from hw.emit import place
from hw.names import named

__all__ = ["BiasAdder", "ResultFinisher", "finished_beat", "result_beat"]

MINUS_ZERO = 1 << 31


def finished_beat(columns: int) -> data.StructLayout:
    """A beat of results.

    Attributes
    ----------
    data
        FP32 words of neighbouring columns, shape (columns,).
    keep
        columns that belong to C.
    row_last
        the rest of the row, if any, comes later or not at all: nothing may be joined to this beat.
    last
        last beat of C.
    """
    return data.StructLayout({"data": data.ArrayLayout(32, columns), "keep": columns, "row_last": 1, "last": 1})


def result_beat(columns: int) -> data.StructLayout:
    """A beat of results to be finished: as ``finished_beat``, with what to do.

    Attributes
    ----------
    bias
        FP32 words to be added, shape (columns,).
    add_bias, relu
        whether to.
    """
    members = finished_beat(columns).members
    return data.StructLayout({**members, "bias": data.ArrayLayout(32, columns), "add_bias": 1, "relu": 1})


class BiasAdder(wiring.Component):
    """One FP32 addition and ReLU, ``cycles`` registers deep; the registers move when ``advance`` is set.

    The sum is rounded to nearest even. Subnormals in and out count as zero of their sign; every NaN becomes the
    canonical one. ReLU turns negative numbers and -0 into +0 and leaves NaN.

    Attributes
    ----------
    value
        FP32 word without subnormals and with canonical NaN, as from an accumulator.
    bias
        any FP32 word.
    relu
        ``cycles`` later.
    o
        FP32 word, likewise.
    """

    cycles = 3
    module_name = "bias_adder"

    def __init__(self) -> None:
        super().__init__({"advance": In(1), "value": In(FP32.layout), "bias": In(FP32.layout), "relu": In(1),
                          "o": Out(32)})  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()

        def register(record: Any) -> Any:
            held = Signal(record.shape(), reset_less=True)
            with m.If(self.advance):
                m.d.sync += held.eq(record)
            return held

        term = Signal(term_layout(FP32, FP32.width))
        m.d.comb += [
            term.fraction.eq(self.bias.fraction),
            term.exponent.eq(self.bias.exponent),
            term.sign.eq(self.bias.sign),
            term.nan.eq(self.bias.exponent.all() & self.bias.fraction.any()),
        ]
        aligned = register(align(m, FP32, self.value, term))
        added = register(add_aligned(m, FP32, aligned))
        normal = register(normalise_sum(m, FP32, added))
        total = round_sum(m, FP32, normal)
        m.d.comb += self.o.eq(Mux(self.relu & total.sign, 0, canonical(FP32, total)))
        return m


class ResultFinisher(wiring.Component):
    """``C + bias`` and ReLU, beat by beat.

    Latency is ``latency_cycles``, throughput one beat per cycle. Without bias -0 is added, which changes nothing.

    Parameters
    ----------
    columns
        elements of a beat.

    Attributes
    ----------
    i
        stream of ``result_beat``.
    o
        stream of ``finished_beat``.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.module_name = named("result_finisher", c=columns)
        super().__init__(
            {"i": In(stream.Signature(result_beat(columns))), "o": Out(stream.Signature(finished_beat(columns)))}
        )

    @property
    def latency_cycles(self) -> int:
        """Cycles from a beat in to the same beat out: the adder and the output register."""
        return BiasAdder.cycles + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat, advance = self.i.payload, Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]
        # Control travels beside the adders.
        control = data.StructLayout({"valid": 1, "relu": 1, "keep": self.columns, "row_last": 1, "last": 1})
        travelling = Signal(control)
        m.d.comb += [
            travelling.valid.eq(self.i.valid),
            *(getattr(travelling, name).eq(getattr(beat, name)) for name in ("relu", "keep", "row_last", "last")),
        ]
        for cycle in range(BiasAdder.cycles):
            following = Signal(control, name=f"control_{cycle + 1}")
            with m.If(advance):
                m.d.sync += following.eq(travelling)
            travelling = following
        for column in range(self.columns):
            adder = place(m, platform, f"adder_{column}", BiasAdder())
            m.d.comb += [
                adder.advance.eq(advance),
                adder.value.eq(beat.data[column]),
                adder.bias.eq(Mux(beat.add_bias, beat.bias[column], MINUS_ZERO)),
                adder.relu.eq(travelling.relu),
            ]
            with m.If(advance):
                m.d.sync += self.o.payload.data[column].eq(adder.o)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(travelling.valid),
                *(getattr(self.o.payload, name).eq(getattr(travelling, name)) for name in ("keep", "row_last", "last")),
            ]
        return m
