"""The requantizer: rows of C into blocks, for the next product or for packed storage."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out

from hw.config import CoreConfig
from hw.core.result_buffer import beat_layout
from hw.emit import place
from hw.names import named
from hw.quantize.block_quantizer import BlockQuantizer
from hw.timing import Timing

__all__ = ["Requantizer", "requantize_layout"]


def requantize_layout() -> data.StructLayout:
    """Settings of the conversion of one C."""
    return data.StructLayout({"width": 4, "rounding": 2, "seed": 32})


class Requantizer(Component):
    """Gathers beats of ``tile_columns`` results into beats of ``lanes`` and quantizes each row of C along itself.

    C comes panel by panel, whose widths are whole blocks, but for the last at the east: its rows end with the columns
    of C, and their last block is padded. Throughput is one beat in per cycle; latency is that of ``BlockQuantizer`` and
    one cycle to gather.

    Attributes
    ----------
    i
        beats of C.
    settings
        stable while they are taken.
    o
        blocks.
    tensor_last
        the block at ``o`` is the last of C.
    health
        of the quantizer.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.quantizer = BlockQuantizer(config)
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(config))),
                "settings": In(requantize_layout()),
                "o": Out(stream.Signature(self.quantizer.o.payload.shape())),
                "tensor_last": Out(1),
                "health": Out(self.quantizer.health.shape()),
            }
        )

    @property
    def gather_cycles(self) -> int:
        """Cycles from the beat of C that completes a beat of a block to that beat at the quantizer."""
        return Timing(self.config).requantizer_cycles

    @property
    def module_name(self) -> str:
        return named("requantizer", self.config.name)

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        quantizer = place(m, platform, "quantizer", self.quantizer)
        parts, beats = c.lanes // c.tile_columns, c.block_size // c.lanes
        part, beat = Signal(range(max(parts, 2))), Signal(range(beats))
        fresh = Signal(init=1)

        # Gathering: the register fills part by part and moves on when it is full or the row ends.
        words = Signal(data.ArrayLayout(32 * c.tile_columns, parts))
        mask = Signal(data.ArrayLayout(c.tile_columns, parts))
        gathered, first, last, tensor_last = Signal(), Signal(), Signal(), Signal()
        take, row_ends, part_ends, block_ends = Signal(), Signal(), Signal(), Signal()
        moved = quantizer.i.valid & quantizer.i.ready
        m.d.comb += [
            self.i.ready.eq(~gathered | quantizer.i.ready),
            take.eq(self.i.valid & self.i.ready),
            row_ends.eq(self.i.payload.row_last),
            part_ends.eq(row_ends | (part == parts - 1)),
            block_ends.eq(row_ends | ((part == parts - 1) & (beat == beats - 1))),
        ]
        held = Signal(requantize_layout())
        with m.If(moved):
            m.d.sync += [gathered.eq(0), mask.eq(0)]
        with m.If(take):
            m.d.sync += [
                words[part].eq(Cat(self.i.payload.data)),
                mask[part].eq(self.i.payload.keep),
                part.eq(part + 1),
            ]
            with m.If(part_ends):
                m.d.sync += [
                    gathered.eq(1), part.eq(0), first.eq(fresh), last.eq(block_ends), fresh.eq(self.i.payload.last),
                    tensor_last.eq(self.i.payload.last), beat.eq(beat + 1), held.eq(self.settings),
                ]  # fmt: skip
                with m.If(block_ends):
                    m.d.sync += beat.eq(0)

        # Blocks in the quantizer, each with its mark: it holds two, and one in each of its stages.
        m.submodules.marks = marks = SyncFIFO(width=1, depth=2 + quantizer.latency_cycles)
        m.d.comb += [
            quantizer.i.valid.eq(gathered),
            quantizer.i.payload.data.eq(words),
            quantizer.i.payload.mask.eq(mask),
            quantizer.i.payload.first.eq(first),
            quantizer.i.payload.last.eq(last),
            quantizer.settings.width.eq(held.width),
            quantizer.settings.rounding.eq(held.rounding),
            quantizer.settings.seed.eq(held.seed),
            marks.w_en.eq(moved & last),
            marks.w_data.eq(tensor_last),
            marks.r_en.eq(self.o.valid & self.o.ready & self.o.payload.last),
            self.tensor_last.eq(marks.r_data),
            self.o.payload.eq(quantizer.o.payload),
            self.o.valid.eq(quantizer.o.valid),
            quantizer.o.ready.eq(self.o.ready),
            self.health.eq(quantizer.health),
        ]
        return m
