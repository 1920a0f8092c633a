"""The loader: one operand's way from its stream through the quantizer into the operand buffer."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from hw.config import CoreConfig
from hw.core.command import SIZE_WIDTH
from hw.core.operand_buffer import write_layout
from hw.emit import place
from hw.quantize.block_quantizer import BlockQuantizer

__all__ = ["Loader", "load_layout"]


def load_layout() -> data.StructLayout:
    """What a loader needs of a job: ``lines`` rows of A (or columns of B) of ``inner`` elements, ``blocks`` blocks each."""
    return data.StructLayout(
        {"lines": SIZE_WIDTH, "inner": SIZE_WIDTH, "blocks": SIZE_WIDTH, "width": 4, "rounding": 2, "seed": 32}
    )


class Loader(Component):
    """Fills one half of the operand buffer per job, line by line, once that half is free.

    Lines start on a fresh beat; elements beyond ``inner`` in a line's last beat are ignored. While input never stalls,
    a line takes ``blocks * block_size / lanes`` cycles. A job begins when at most one half is in use; ``full`` rises
    ``full_cycles`` after the last beat has left the quantizer.

    Members
    -------
    i_job : jobs. i : beats of ``lanes`` FP32 elements. write : to the operand buffer.
    full : a filled half waits. take : the sequencer takes it. retire : it frees the half it had before.
    health : of the quantizer. stalled : the loader waits for input.
    """

    full_cycles = 1

    def __init__(self, config: CoreConfig, lines: int):
        self.config = config
        self.lines = lines
        self.quantizer = BlockQuantizer(config)
        super().__init__(
            {
                "i_job": In(stream.Signature(load_layout())),
                "i": In(stream.Signature(data.ArrayLayout(32, config.lanes))),
                "write": Out(write_layout(config, lines)),
                "full": Out(1),
                "take": In(1),
                "retire": In(1),
                "health": Out(self.quantizer.health.shape()),
                "stalled": Out(1),
            }
        )

    @property
    def module_name(self) -> str:
        return f"loader_{self.lines}_q{self.config.operand_depth}_{self.quantizer.module_name}"

    def elaborate(self, platform) -> Module:
        c = self.config
        m = Module()
        quantizer = place(m, platform, "quantizer", self.quantizer)
        job = Signal(load_layout())
        entering, leaving = Signal(), Signal()
        in_use = Signal(range(3))
        filled = Signal(range(3))
        half = Signal()
        m.d.comb += [
            self.i_job.ready.eq(~entering & ~leaving & (in_use != 2)),
            self.full.eq(filled != 0),
            self.health.eq(quantizer.health),
            quantizer.settings.width.eq(job.width),
            quantizer.settings.rounding.eq(job.rounding),
            quantizer.settings.seed.eq(job.seed),
        ]
        done = Signal()
        starting = Signal()
        m.d.comb += starting.eq(self.i_job.valid & self.i_job.ready)
        m.d.sync += [in_use.eq(in_use + starting - self.retire), filled.eq(filled + done - self.take)]

        self._enter(m, quantizer, job, entering)
        self._leave(m, quantizer, job, leaving, half, done)
        with m.If(starting):
            m.d.sync += [job.eq(self.i_job.payload), entering.eq(1), leaving.eq(1)]
        return m

    def _enter(self, m: Module, quantizer, job, entering) -> None:
        """Beats from the stream to the quantizer, with the block structure they lack."""
        c = self.config
        first, line, beat, left = Signal(), Signal(SIZE_WIDTH), Signal(range(c.block_size // c.lanes)), Signal(SIZE_WIDTH)
        line_ends, block_ends = Signal(), Signal()
        m.d.comb += [
            line_ends.eq(left <= c.lanes),
            block_ends.eq(line_ends | (beat == c.block_size // c.lanes - 1)),
            quantizer.i.payload.data.eq(self.i.payload),
            quantizer.i.payload.mask.eq(Cat(left > lane for lane in range(c.lanes))),
            quantizer.i.payload.first.eq(first),
            quantizer.i.payload.last.eq(block_ends),
            quantizer.i.valid.eq(entering & self.i.valid),
            self.i.ready.eq(entering & quantizer.i.ready),
            self.stalled.eq(entering & ~self.i.valid),
        ]
        with m.If(quantizer.i.valid & quantizer.i.ready):
            m.d.sync += [first.eq(0), left.eq(left - c.lanes), beat.eq(beat + 1)]
            with m.If(block_ends):
                m.d.sync += beat.eq(0)
            with m.If(line_ends):
                m.d.sync += [left.eq(job.inner), line.eq(line + 1)]
                with m.If(line == job.lines - 1):
                    m.d.sync += entering.eq(0)
        with m.If(self.i_job.valid & self.i_job.ready):
            m.d.sync += [first.eq(1), left.eq(self.i_job.payload.inner), line.eq(0), beat.eq(0)]

    def _leave(self, m: Module, quantizer, job, leaving, half, done) -> None:
        """Beats from the quantizer to the buffer: line l lies in array row l mod lines, at block group l div lines."""
        c = self.config
        line, block, beat = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH), Signal(range(c.block_size // c.lanes))
        array_line, base = Signal(range(self.lines)), Signal(range(c.operand_depth + 1))
        beats = quantizer.o
        m.d.comb += [
            beats.ready.eq(1),
            self.write.enable.eq(beats.valid),
            self.write.half.eq(half),
            self.write.line.eq(array_line),
            self.write.block.eq(base + block),
            self.write.beat.eq(beat),
            self.write.mantissas.eq(beats.payload.mantissas),
            self.write.scale.eq(beats.payload.scale),
            self.write.nan.eq(beats.payload.nan),
        ]
        with m.If(beats.valid):
            m.d.sync += beat.eq(beat + 1)
            with m.If(beats.payload.last):
                m.d.sync += [beat.eq(0), block.eq(block + 1)]
                with m.If(block == job.blocks - 1):
                    m.d.sync += [block.eq(0), line.eq(line + 1), array_line.eq(array_line + 1)]
                    with m.If(array_line == self.lines - 1):
                        m.d.sync += [array_line.eq(0), base.eq(base + job.blocks)]
                    with m.If(line == job.lines - 1):
                        m.d.comb += done.eq(1)
                        m.d.sync += [leaving.eq(0), half.eq(~half)]
        with m.If(self.i_job.valid & self.i_job.ready):
            m.d.sync += [line.eq(0), block.eq(0), beat.eq(0), array_line.eq(0), base.eq(0)]
