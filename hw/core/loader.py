"""The loader: one operand's way into the operand buffer, from FP32 through the quantizer or from blocks."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from hw.command import SIZE_WIDTH, OperandFormat
from hw.config import CoreConfig
from hw.core.operand_buffer import write_layout
from hw.core.patch_origins import PatchOrigins, origin_layout, walk_layout
from hw.emit import place
from hw.names import named
from hw.quantize.block_quantizer import BlockQuantizer
from hw.quantize.block_unpacker import BlockUnpacker
from hw.quantize.operand_expander import OperandExpander
from hw.timing import FULL_CYCLES

__all__ = ["Loader", "load_layout"]


def load_layout(config: CoreConfig | None = None) -> data.StructLayout:
    """What a loader needs of a job: ``lines`` rows of A (or columns of B) of ``inner`` elements, ``blocks`` blocks each.

    One of a ``config`` that may load a map: whether lines are the positions of one (``patches``), the places between the
    blocks of a position (``pitch``), and the walk over it.
    """
    walk = {} if config is None else {"patches": 1, "pitch": SIZE_WIDTH, "walk": walk_layout(config)}
    return data.StructLayout(
        {
            "lines": SIZE_WIDTH,
            "inner": SIZE_WIDTH,
            "blocks": SIZE_WIDTH,
            "width": 4,
            "rounding": 2,
            "format": 2,
            "seed": 32,
        }
        | walk
    )


class Loader(Component):
    """Fills one half of the operand buffer per job, line by line, once that half is free.

    FP32 lines start on a fresh beat; elements beyond ``inner`` in a line's last beat are ignored. Packed blocks follow
    one another without gaps, those of ``load_lines`` neighbouring lines side by side: the first of each, then the second
    of each; the last lines are filled up to as many. While input never stalls, a line takes
    ``blocks * block_size / lanes`` cycles, and in packed blocks ``load_lines`` lines do.
    A job begins when at most one half is in use; ``full`` rises ``full_cycles`` after the last beat of blocks.

    Attributes
    ----------
    i_job
        jobs.
    i
        beats of ``lanes`` FP32 elements or 32-bit words of packed blocks.
    write
        to the operand buffer.
    i_results
        beats of blocks from the machine's own results, where it has such.
    full
        a filled half waits.
    take
        the sequencer takes it.
    retire
        it frees the half it had before.
    health
        of the quantizer.
    stalled
        the loader waits for input.
    line_start
        the next beat of ``i`` begins a line (packed: the operand).
    line_end
        a line (packed: the operand) ends, with its last beat of ``i`` or later, before the next is taken.
    line_words
        with ``line_end``: how many words of its last beat belong to it.
    broadcast, origin
        of a loader that ``walks``, see ``PatchBuffer``: of a map, block k of position p goes to place ``p + k * pitch``, and
        the half is full when also the origins of all patches are there.
    """

    full_cycles = FULL_CYCLES

    def __init__(self, config: CoreConfig, lines: int, results: bool = False, walks: bool = False) -> None:
        self.config = config
        self.lines = lines
        self.results = results
        self.walks = walks
        self.load_layout = load_layout(config if walks else None)
        self.quantizer = BlockQuantizer(config)
        blocks = stream.Signature(self.quantizer.o.payload.shape())
        super().__init__(
            ({"i_results": In(blocks)} if results else {})
            | ({"broadcast": Out(1), "origin": Out(origin_layout(config, lines))} if walks else {})
            | {
                "i_job": In(stream.Signature(self.load_layout)),
                "i": In(stream.Signature(data.ArrayLayout(32, config.lanes))),
                "write": Out(write_layout(config, lines)),
                "full": Out(1),
                "take": In(1),
                "retire": In(1),
                "health": Out(self.quantizer.health.shape()),
                "stalled": Out(1),
                "line_start": Out(1, init=1),
                "line_end": Out(1),
                "line_words": Out(range(config.lanes + 1)),
            }
        )

    @property
    def module_name(self) -> str:
        return named("loader", self.config.name, l=self.lines, results=self.results, walks=self.walks)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        quantizer = place(m, platform, "quantizer", self.quantizer)
        job = Signal(self.load_layout)
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
        written: Any = done
        if self.walks:
            written = self._walk(m, platform, job, starting, done)
        m.d.sync += [in_use.eq(in_use + starting - self.retire), filled.eq(filled + done - self.take)]

        last_block = Signal()
        self._enter(m, platform, quantizer, job, entering)
        beats = self._blocks(m, platform, quantizer, job, leaving, last_block)
        self._leave(m, beats, job, leaving, half, last_block, written)
        with m.If(starting):
            wanted = self.i_job.payload.format
            numbers = (wanted == OperandFormat.FP32) | (wanted == OperandFormat.BFLOAT16)
            m.d.sync += [job.eq(self.i_job.payload), entering.eq(numbers), leaving.eq(1)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += self.line_start.eq(entering & self._line_ends)
        with m.If(done):
            m.d.sync += self.line_start.eq(1)
            if self.walks:
                m.d.sync += half.eq(~half)
        return m

    def _walk(self, m: Module, platform: object, job: Any, starting: Value, done: Value) -> Signal:
        """The origins of patches. Returns what is to say that the last block is written; then, or later, it is ``done``."""
        origins = place(m, platform, "origins", PatchOrigins(self.config, self.lines))
        offered = self.i_job.payload
        written, waiting = Signal(), Signal()
        m.d.comb += [
            origins.start.eq(starting & offered.patches), origins.i.eq(offered.walk), self.origin.eq(origins.o),
            self.broadcast.eq(job.patches), done.eq((written | waiting) & (~origins.walking | origins.last)),
        ]  # fmt: skip
        m.d.sync += waiting.eq((written | waiting) & ~done)
        with m.If(waiting):
            m.d.comb += self.i_job.ready.eq(0)
        return written

    def _blocks(self, m: Module, platform: object, quantizer: Any, job: Any, leaving: Any, last_block: Any) -> Any:
        """The stream of blocks that the job asks for."""
        sources: list[tuple[tuple[OperandFormat, ...], Any]] = [((OperandFormat.FP32, OperandFormat.BFLOAT16), quantizer.o)]
        if "packed" in self.config.features:
            unpacker = place(m, platform, "unpacker", BlockUnpacker(self.config))
            packed = leaving & (job.format == OperandFormat.PACKED)
            m.d.comb += [
                unpacker.i.payload.eq(self.i.payload),
                unpacker.i.valid.eq(packed & self.i.valid),
                unpacker.width.eq(job.width),
                unpacker.tensor_last.eq(last_block),
            ]
            with m.If(packed):
                m.d.comb += [
                    self.i.ready.eq(unpacker.i.ready),
                    self.stalled.eq(unpacker.i.ready & ~self.i.valid),
                    self.line_end.eq(unpacker.o.valid & unpacker.o.payload.last & last_block),
                    self.line_words.eq(unpacker.words_needed),
                ]
            if self.config.load_lines > 1:
                m.d.comb += [self.write.together.eq(packed), self.write.others.eq(unpacker.others)]
            sources.append(((OperandFormat.PACKED,), unpacker.o))
        if self.results:
            sources.append(((OperandFormat.RESULTS,), self.i_results))
        if len(sources) == 1:
            m.d.comb += quantizer.o.ready.eq(1)
            return quantizer.o
        beats = stream.Signature(quantizer.o.payload.shape()).create(path=("blocks",))
        m.d.comb += beats.ready.eq(1)
        with m.Switch(job.format):
            for codes, source in sources:
                with m.Case(*codes):
                    m.d.comb += [
                        beats.payload.eq(source.payload),
                        beats.valid.eq(source.valid & leaving),
                        source.ready.eq(leaving),
                    ]
        return beats

    def _enter(self, m: Module, platform: object, quantizer: Any, job: Any, entering: Any) -> None:
        """Beats from the stream to the quantizer, with the block structure they lack."""
        c = self.config
        first, lines_left, beat, left = (
            Signal(),
            Signal(SIZE_WIDTH),
            Signal(range(c.block_size // c.lanes)),
            Signal(SIZE_WIDTH),
        )
        # What the elements left mean is kept beside them, so that no beat waits for a comparison.
        self._line_ends = line_ends = Signal()
        block_ends, mask, whole_mask, single = Signal(), Signal(c.lanes), Signal(c.lanes), Signal()

        def masked(elements: Any, offset: int) -> Any:
            return Cat(elements > offset + lane for lane in range(c.lanes))

        source, words = self.i, left
        if "bfloat16" in c.features:
            expander = place(m, platform, "expander", OperandExpander(c.lanes))
            m.d.comb += [
                expander.i.payload.eq(self.i.payload),
                expander.i.valid.eq(entering & self.i.valid),
                expander.bfloat16.eq(job.format == OperandFormat.BFLOAT16),
                expander.line_last.eq(line_ends),
                self.i.ready.eq(expander.i.ready),
            ]
            source = expander.o
            words = Mux(job.format == OperandFormat.BFLOAT16, (left + Mux(expander.upper, c.lanes, 0) + 1) >> 1, left)
        m.d.comb += [
            block_ends.eq(line_ends | (beat == c.block_size // c.lanes - 1)),
            quantizer.i.payload.data.eq(source.payload),
            quantizer.i.payload.mask.eq(mask),
            quantizer.i.payload.first.eq(first),
            quantizer.i.payload.last.eq(block_ends),
            quantizer.i.valid.eq(entering & source.valid),
            source.ready.eq(entering & quantizer.i.ready),
            self.stalled.eq(entering & ~self.i.valid),
        ]
        with m.If(entering):
            m.d.comb += [self.line_end.eq(line_ends & self.i.valid & self.i.ready), self.line_words.eq(words)]
        with m.If(quantizer.i.valid & quantizer.i.ready):
            m.d.sync += [
                first.eq(0), left.eq(left - c.lanes), beat.eq(beat + 1), mask.eq(masked(left, c.lanes)),
                line_ends.eq(left <= 2 * c.lanes),
            ]  # fmt: skip
            with m.If(block_ends):
                m.d.sync += beat.eq(0)
            with m.If(line_ends):
                m.d.sync += [
                    left.eq(job.inner), mask.eq(whole_mask), line_ends.eq(single), lines_left.eq(lines_left - 1),
                ]  # fmt: skip
                with m.If(lines_left == 1):
                    m.d.sync += entering.eq(0)
        with m.If(self.i_job.valid & self.i_job.ready):
            offered = self.i_job.payload
            m.d.sync += [
                first.eq(1), left.eq(offered.inner), lines_left.eq(offered.lines), beat.eq(0),
                *(kept.eq(masked(offered.inner, 0)) for kept in (mask, whole_mask)),
                *(kept.eq(offered.inner <= c.lanes) for kept in (line_ends, single)),
            ]  # fmt: skip

    def _leave(self, m: Module, beats: Any, job: Any, leaving: Any, half: Any, last_block: Any, written: Any) -> None:
        """Beats of blocks to the buffer: line l lies in array row l mod lines, at l div lines times a line's blocks.

        Where blocks are joined, a line takes whole groups of them.
        """
        c = self.config
        line_blocks = c.whole_groups(job.blocks) * c.group if c.group > 1 else job.blocks
        lines_left, blocks_left = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH)
        beat, block = Signal(range(c.block_size // c.lanes)), Signal(range(c.operand_depth))
        array_line, base = Signal(range(self.lines)), Signal(range(c.operand_depth + 1))
        block_ends, block_last, line_last = Signal(), Signal(), Signal()
        together = job.format == OperandFormat.PACKED if c.load_lines > 1 else 0
        step = Mux(together, c.load_lines, 1)
        pitch = Mux(job.patches, job.pitch, 1) if self.walks else 1
        m.d.comb += [
            block_ends.eq(beats.valid & beats.payload.last),
            last_block.eq(block_last & line_last),
            written.eq(block_ends & last_block),
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
        with m.If(block_ends):
            m.d.sync += [
                beat.eq(0), block.eq(block + pitch), blocks_left.eq(blocks_left - 1), block_last.eq(blocks_left == 2),
            ]  # fmt: skip
            with m.If(block_last):
                m.d.sync += [
                    block.eq(0), blocks_left.eq(job.blocks), block_last.eq(job.blocks == 1),
                    lines_left.eq(lines_left - 1), line_last.eq(lines_left == 2), array_line.eq(array_line + step),
                ]  # fmt: skip
                with m.If(array_line == self.lines - step):
                    m.d.sync += [array_line.eq(0), base.eq(base + line_blocks)]
                if self.walks:
                    with m.If(job.patches):
                        m.d.sync += base.eq(base + step)
        with m.If(written):
            m.d.sync += leaving.eq(0) if self.walks else [leaving.eq(0), half.eq(~half)]
        with m.If(self.i_job.valid & self.i_job.ready):
            offered, lines = self.i_job.payload, self._turns(self.i_job.payload)
            m.d.sync += [
                block.eq(0), beat.eq(0), array_line.eq(0), base.eq(0),
                blocks_left.eq(offered.blocks), block_last.eq(offered.blocks == 1),
                lines_left.eq(lines), line_last.eq(lines == 1),
            ]  # fmt: skip

    def _turns(self, job: Any) -> Value:
        """How often lines begin: lines, or as many of them as enter side by side."""
        together = self.config.load_lines
        if together == 1:
            return job.lines
        turns = (job.lines + together - 1) >> together.bit_length() - 1
        return Mux(job.format == OperandFormat.PACKED, turns, job.lines)
