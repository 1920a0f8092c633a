"""Packed blocks become beats of blocks."""

from functools import partial
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import CoreConfig
from hw.names import named
from hw.quantize.layouts import block_beat
from hw.quantize.packing import WORD_BITS, Packing, by_width
from hw.timing import Timing

__all__ = ["BlockUnpacker"]


class BlockUnpacker(wiring.Component):
    """Cut a stream of words into blocks: ``golden.unpack`` at the port.

    With ``load_lines`` above 1 that many blocks leave at once: the stream has the lines of the operand side by side.
    A tensor starts on a fresh beat. Words are asked for only when the next beat of ``o`` needs them, so none beyond a
    tensor's last is ever taken. The code ``-2**(m-1)`` becomes ``-(2**(m-1)-1)``; a field of 0 is a zero block, a field
    of all ones a NaN block, and the mantissas of both are zero.

    Latency is ``latency_cycles`` from a beat in to the beat out that needed it; throughput is one beat of ``o`` per
    cycle while words are on offer, less ``latency_cycles`` between tensors. ``i.ready`` depends on ``o.ready`` and
    ``tensor_last`` within the cycle.

    Attributes
    ----------
    i
        stream of ``lanes`` 32-bit words.
    width
        mantissa width of the tensor, stable from its first beat in to its last beat out.
    tensor_last
        the block that ``o`` shows or awaits is the tensor's last: what is left of its last beat is dropped.
    words_needed
        when the tensor's last beat leaves: how many words of its last beat of ``i`` it needed.
    o
        stream of ``block_beat``, as from a ``BlockQuantizer``.
    others
        where several leave at once, those of the lines behind it.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.packing = Packing(config, config.lanes, config.load_lines)
        self.module_name = named("block_unpacker", config.name)
        block = block_beat(config.storage_width, config.lanes, config.scale_width)
        super().__init__(
            ({"others": Out(data.ArrayLayout(block, config.load_lines - 1))} if config.load_lines > 1 else {})
            | {
                "i": In(stream.Signature(data.ArrayLayout(WORD_BITS, config.lanes))),
                "width": In(4),
                "tensor_last": In(1),
                "words_needed": Out(range(config.lanes + 1)),
                "o": Out(stream.Signature(block)),
            }
        )

    @property
    def beats(self) -> int:
        """Beats of a block."""
        return self.config.block_size // self.config.lanes

    @property
    def latency_cycles(self) -> int:
        """Cycles from a beat in to the beat out that needed it."""
        return Timing(self.config).unpacker_cycles

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self.packing
        bits, level = Signal(p.capacity * p.granule), Signal(range(p.capacity + 1))
        index = Signal(range(self.beats))
        start, last = index == 0, index == self.beats - 1
        take, finish = Signal(), Signal()
        need = p.choose(self.width, start, p.granules)
        m.d.comb += [
            self.o.valid.eq(level >= need),
            take.eq(self.o.valid & self.o.ready),
            finish.eq(take & last & self.tensor_last),
        ]
        # What stays when a beat is taken, and whether the beat after it needs more.
        rest, left, want = Signal.like(bits), Signal.like(level), Signal()
        following = p.choose(self.width, Mux(take, last, start), p.granules)
        m.d.comb += [
            rest.eq(Mux(take, p.choose(self.width, start, lambda *beat: bits >> p.bits(*beat)), bits)),
            left.eq(level - Mux(take, need, 0)),
            want.eq((left < following) & ~finish),
        ]
        chunk, refill = self._chunks(m, want, finish, left)
        added = p.lift(m, chunk, left, p.most_bits // p.granule)
        m.d.sync += [
            bits.eq(Mux(finish, 0, rest | Mux(refill, added, 0))),
            level.eq(Mux(finish, 0, left + Mux(refill, p.chunk_bits // p.granule, 0))),
        ]
        with m.If(take):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
        for number in range(self.config.load_lines):
            behind = bits if number == 0 else by_width(self.config, self.width, partial(self._behind, bits, number))
            self._decode(m, number, behind, start, take, last)
        return m

    def _behind(self, bits: Signal, number: int, width: int) -> Value:
        """The bits from one of the blocks at hand on."""
        return bits[number * (self.config.exponent_width + self.config.lanes * width) :]

    def _chunks(self, m: Module, want: Signal, finish: Signal, left: Signal) -> tuple[Signal, Signal]:
        """The next chunk, of the beat at hand or a new one, and whether it moves now."""
        p = self.packing

        def needed(unused: Value) -> Value:
            return p.words - (unused >> 5)  # words of 32 bits

        words = self.i.payload.as_value()
        chunk, refill = Signal(p.chunk_bits), Signal()
        if p.chunks == 1:
            m.d.comb += [chunk.eq(words), refill.eq(want & self.i.valid), self.i.ready.eq(want)]
            m.d.comb += self.words_needed.eq(needed(left * p.granule))
            return chunk, refill
        held, count = Signal(p.beat_bits - p.chunk_bits), Signal(range(p.chunks))
        empty = count == 0
        m.d.comb += [
            chunk.eq(Mux(empty, words, held)),
            refill.eq(want & (~empty | self.i.valid)),
            self.i.ready.eq(want & empty),
            self.words_needed.eq(needed(left * p.granule + count * p.chunk_bits)),
        ]
        with m.If(refill):
            m.d.sync += [
                held.eq(Mux(empty, words[p.chunk_bits :], held >> p.chunk_bits)),
                count.eq(Mux(empty, p.chunks - 1, count - 1)),
            ]
        with m.If(finish):
            m.d.sync += count.eq(0)
        return chunk, refill

    def _decode(self, m: Module, number: int, bits: Value, start: Any, take: Signal, last: Any) -> None:
        c, name = self.config, f"_{number}" if number else ""
        beat = self.others[number - 1] if number else self.o.payload
        latched, field = (Signal(c.exponent_width, name=f"{kind}{name}") for kind in ("latched", "field"))
        blank = Signal(name=f"blank{name}")
        m.d.comb += [
            beat.last.eq(last),
            field.eq(Mux(start, bits, latched)),
            blank.eq(~field.any() | field.all()),
            beat.nan.eq(field.all()),
            beat.scale.eq(field - by_width(c, self.width, lambda w: c.exponent_bias - 2 + w)),
        ]
        with m.If(take):
            m.d.sync += latched.eq(field)
        codes = Signal(c.lanes * c.mantissa_widths[-1], name=f"codes{name}")
        m.d.comb += codes.eq(Mux(start, bits[c.exponent_width :], bits))
        for lane, mantissa in enumerate(beat.mantissas):
            code = Signal(signed(c.mantissa_widths[-1]), name=f"code{name}_{lane}")
            magnitude = Signal(c.mantissa_widths[-1], name=f"magnitude{name}_{lane}")

            def code_of(width: int, lane: int = lane) -> Value:
                return codes.word_select(lane, width).as_signed()

            def excess(width: int, magnitude: Value = magnitude) -> Value:
                return magnitude[width - 1]  # only -2**(m-1) has bit m-1 in its magnitude

            m.d.comb += [
                code.eq(by_width(c, self.width, code_of)),
                magnitude.eq(Mux(code < 0, -code, code)),
                mantissa.magnitude.eq(Mux(blank, 0, magnitude - by_width(c, self.width, excess))),
                mantissa.sign.eq((code < 0) & ~blank),
            ]
