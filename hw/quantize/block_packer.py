"""Beats of blocks become packed words."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import CoreConfig
from hw.names import named
from hw.quantize.layouts import block_beat
from hw.quantize.packing import WORD_BITS, Packing, by_width
from hw.timing import Timing

__all__ = ["BlockPacker", "packed_beat"]


def packed_beat(words: int) -> data.StructLayout:
    """A beat of packed words.

    Attributes
    ----------
    data
        words, shape (words,); zeros behind the tensor's last bit.
    keep
        words that hold any of the tensor.
    last
        last beat of the tensor.
    """
    return data.StructLayout({"data": data.ArrayLayout(WORD_BITS, words), "keep": words, "last": 1})


class BlockPacker(wiring.Component):
    """Write blocks without gaps into a stream of words: ``golden.pack`` at the port.

    Latency is ``latency_cycles`` from the beat that completes a beat of ``o`` to that beat; throughput is one beat of
    ``i`` per cycle, less one cycle per tensor if its end fills two chunks.

    Parameters
    ----------
    config
        the machine.
    words
        32-bit words in a beat of ``o``; by default ``lanes``.

    Attributes
    ----------
    i
        stream of ``block_beat``, whole blocks.
    width
        mantissa width of the blocks, with each beat of ``i``.
    tensor_last
        with the last beat of ``i``: the block is the tensor's last.
    o
        stream of ``packed_beat``; each tensor starts on a fresh beat.
    """

    def __init__(self, config: CoreConfig, words: int | None = None) -> None:
        self.config = config
        self.packing = Packing(config, config.lanes if words is None else words)
        self.module_name = named("block_packer", config.name, w=self.packing.words)
        super().__init__(
            {
                "i": In(stream.Signature(block_beat(config.storage_width, config.lanes, config.scale_width))),
                "width": In(4),
                "tensor_last": In(1),
                "o": Out(stream.Signature(packed_beat(self.packing.words))),
            }
        )

    @property
    def latency_cycles(self) -> int:
        """Cycles from the beat of ``i`` that completes a beat of ``o`` to that beat: bit buffer, output register."""
        return Timing(self.config).block_packer_cycles

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self.packing
        bits, level = Signal(p.capacity * p.granule), Signal(range(p.capacity + 1))
        start, ending, accept = Signal(init=1), Signal(), Signal()
        chunk_granules = p.chunk_bits // p.granule
        # A chunk moves on to the output beat; the last one of a tensor as it is.
        full, move, ends = Signal(), Signal(), Signal()
        m.d.comb += [
            full.eq(level >= chunk_granules),
            ends.eq(ending & (level <= chunk_granules)),
            self.i.ready.eq(~ending & (~full | move)),
            accept.eq(self.i.valid & self.i.ready),
        ]
        rest, left = Signal(p.capacity * p.granule), Signal(range(p.capacity + 1))
        m.d.comb += [
            rest.eq(Mux(move, bits >> p.chunk_bits, bits)),
            left.eq(Mux(move, Mux(full, level - chunk_granules, 0), level)),
        ]
        added = p.lift(m, self._encode(m, start), left, chunk_granules)
        m.d.sync += [
            bits.eq(rest | Mux(accept, added, 0)),
            level.eq(left + Mux(accept, p.choose(self.width, start, p.granules), 0)),
        ]
        with m.If(accept):
            m.d.sync += [start.eq(self.i.payload.last), ending.eq(self.i.payload.last & self.tensor_last)]
        with m.If(move & ends):
            m.d.sync += ending.eq(0)
        self._gather(m, bits[: p.chunk_bits], Mux(full, chunk_granules, level), full | ending, ends, move)
        return m

    def _encode(self, m: Module, start: Signal) -> Signal:
        """Bits of the beat on ``i``: the field if a block starts, and mantissas in two's complement."""
        c, beat = self.config, self.i.payload
        codes = [Signal(c.storage_width, name=f"code_{lane}") for lane in range(c.lanes)]
        mantissas, field = Signal(c.lanes * c.mantissa_widths[-1]), Signal(c.exponent_width)
        encoded = Signal(self.packing.most_bits)
        for code, mantissa in zip(codes, beat.mantissas, strict=True):
            m.d.comb += code.eq(Mux(mantissa.sign, -mantissa.magnitude, mantissa.magnitude))
        m.d.comb += [
            mantissas.eq(by_width(c, self.width, lambda w: Cat(code[:w] for code in codes))),
            field.eq(beat.scale + by_width(c, self.width, lambda w: c.exponent_bias - 2 + w)),
            encoded.eq(Mux(start, Cat(field, mantissas), mantissas)),
        ]
        return encoded

    def _gather(self, m: Module, chunk: Any, granules: Any, valid: Any, ends: Any, move: Signal) -> None:
        """Chunks, each with the number of its granules in use, side by side in the output register."""
        p, beat, words = self.packing, self.o.payload, self.o.payload.data.as_value()
        index, used = Signal(range(max(p.chunks, 2))), Signal(range(p.beat_bits // p.granule + 1))
        m.d.comb += [
            move.eq(valid & (~self.o.valid | self.o.ready)),
            used.eq(index * (p.chunk_bits // p.granule) + granules),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(move):
            completes = ends | (index == p.chunks - 1)
            m.d.sync += [
                index.eq(Mux(completes, 0, index + 1)),
                self.o.valid.eq(completes),
                beat.last.eq(ends),
                beat.keep.eq(Cat(used * p.granule > WORD_BITS * word for word in range(p.words))),
            ]
            with m.If(index == 0):
                m.d.sync += words.eq(0)
            m.d.sync += words.word_select(index, p.chunk_bits).eq(chunk)
