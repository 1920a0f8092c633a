"""The output stage: from results in FP32 to what the command wants of them."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.bfloat16_packer import Bfloat16Packer, word_beat
from hw.accumulate.result_finisher import ResultFinisher, finished_beat
from hw.command import OutputFormat
from hw.config import CoreConfig
from hw.core.requantizer import Requantizer
from hw.core.result_buffer import beat_layout
from hw.emit import place
from hw.names import named
from hw.quantize.block_packer import BlockPacker

__all__ = ["OutputStage", "output_layout"]


def output_layout() -> data.StructLayout:
    """What the output stage needs of a job."""
    return data.StructLayout(
        {"output": 2, "bias": 1, "relu": 1, "width": 4, "rounding": 2, "seed": 32}
    )


class OutputStage(Component):
    """Bias, ReLU, then FP32, bfloat16, packed blocks or blocks for the next product.

    One C is in the stage at a time: the next enters when the last beat of this one has left. The bias of a panel's
    columns is taken with the panel's first row, so the bias stream repeats it for each stripe of rows.
    Only for configurations with ``features``; without, results are the output as they are.

    Attributes
    ----------
    i_job
        one per C.
    i
        results.
    i_bias
        FP32, in the beats of a row of C.
    line_start_bias, line_end_bias, line_words_bias
        the next beat of the bias begins a panel's part; its last beat is taken, and how many of its words count.
    o
        the output stream.
    o_blocks
        blocks for the next A.
    health
        of the conversion.
    stored
        C has left.
    busy
        a C is in the stage.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.requantizes = "requantize" in config.features
        self.requantizer = Requantizer(config) if self.requantizes else None
        lanes = config.tile_columns
        members = {
            "i_job": In(stream.Signature(output_layout())),
            "i": In(stream.Signature(beat_layout(config))),
            "o": Out(stream.Signature(word_beat(lanes))),
            "stored": Out(1),
            "busy": Out(1),
        }
        if "bias" in config.features:
            members["i_bias"] = In(stream.Signature(data.ArrayLayout(32, lanes)))
            members |= {"line_start_bias": Out(1, init=1), "line_end_bias": Out(1), "line_words_bias": Out(range(lanes + 1))}
        if self.requantizer is not None:
            members["o_blocks"] = Out(stream.Signature(self.requantizer.o.payload.shape()))
            members["health"] = Out(self.requantizer.health.shape())
        super().__init__(members)

    @property
    def module_name(self) -> str:
        return named("output_stage", self.config.name)

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        jobs = SyncFIFO(width=output_layout().size, depth=2 * c.queue_depth + c.result_panels + 2)
        m.submodules.jobs = jobs
        job = data.View(output_layout(), jobs.r_data)
        entered = Signal()
        m.d.comb += [
            jobs.w_data.eq(self.i_job.payload.as_value()),
            jobs.w_en.eq(self.i_job.valid),
            self.i_job.ready.eq(jobs.w_rdy),
            jobs.r_en.eq(self.stored),
            self.busy.eq(jobs.r_rdy),
        ]
        with m.If(self.stored):
            m.d.sync += entered.eq(0)
        with m.Elif(self.i.valid & self.i.ready & self.i.payload.last):
            m.d.sync += entered.eq(1)
        results = self._finish(m, platform, job, jobs.r_rdy & ~entered)
        self._deliver(m, platform, job, results)
        return m

    def _finish(self, m: Module, platform: object, job: Any, open_: Any) -> Any:
        """Results with bias and ReLU."""
        c = self.config
        beat = self.i.payload
        if "bias" not in c.features:
            plain = stream.Signature(finished_beat(c.tile_columns)).create(path=("plain",))
            m.d.comb += [getattr(plain.payload, name).eq(getattr(beat, name)) for name in plain.payload.shape().members]
            m.d.comb += [plain.valid.eq(self.i.valid & open_), self.i.ready.eq(plain.ready & open_)]
            return plain
        finisher = place(m, platform, "finisher", ResultFinisher(c.tile_columns))
        beats = c.panel_columns // c.tile_columns
        m.submodules.bias = memory = Memory(shape=32 * c.tile_columns, depth=max(beats, 2), init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        index, fresh, there = Signal(range(max(beats, 2))), Signal(), Signal()
        bias = Mux(fresh, self.i_bias.payload.as_value(), read.data)
        take = Signal()
        m.d.comb += [
            fresh.eq(job.bias & beat.row_first),
            there.eq(~fresh | self.i_bias.valid),
            finisher.i.valid.eq(self.i.valid & open_ & there),
            self.i.ready.eq(finisher.i.ready & open_ & there),
            take.eq(self.i.valid & self.i.ready),
            self.i_bias.ready.eq(fresh & self.i.valid & open_ & finisher.i.ready),
            write.addr.eq(index),
            write.data.eq(self.i_bias.payload.as_value()),
            write.en.eq(take & fresh),
            read.addr.eq(index),
            finisher.i.payload.bias.eq(bias),
            finisher.i.payload.add_bias.eq(job.bias),
            finisher.i.payload.relu.eq(job.relu),
            *(
                getattr(finisher.i.payload, name).eq(getattr(beat, name))
                for name in ("data", "keep", "row_last", "last")
            ),
        ]
        with m.If(take):
            m.d.sync += index.eq(Mux(beat.row_last, 0, index + 1))
        with m.If(take & fresh):
            m.d.sync += self.line_start_bias.eq(beat.row_last)
        m.d.comb += self.line_end_bias.eq(take & fresh & beat.row_last)
        for count in range(1, c.tile_columns + 1):  # words of a row are kept from the first on
            with m.If(beat.keep[count - 1]):
                m.d.comb += self.line_words_bias.eq(count)
        return finisher.o

    def _deliver(self, m: Module, platform: object, job: Any, results: Any) -> None:
        c = self.config
        numbers = stream.Signature(word_beat(c.tile_columns)).create(path=("numbers",))
        accepts = Signal()
        to_blocks = (job.output == OutputFormat.PACKED) | (job.output == OutputFormat.RESULTS)
        as_numbers = ~to_blocks if self.requantizes else 1
        if "bfloat16" in c.features:
            packer = place(m, platform, "bfloat16_packer", Bfloat16Packer(c.tile_columns))
            m.d.comb += [
                packer.i.payload.eq(results.payload),
                packer.i.valid.eq(results.valid & as_numbers),
                packer.bfloat16.eq(job.output == OutputFormat.BFLOAT16),
                accepts.eq(packer.i.ready),
                numbers.payload.eq(packer.o.payload),
                numbers.valid.eq(packer.o.valid),
                packer.o.ready.eq(numbers.ready),
            ]
        else:
            m.d.comb += [
                *(
                    getattr(numbers.payload, name).eq(getattr(results.payload, name))
                    for name in ("data", "keep", "last")
                ),
                numbers.valid.eq(results.valid & as_numbers),
                accepts.eq(numbers.ready),
            ]
        m.d.comb += [
            self.o.payload.eq(numbers.payload),
            self.o.valid.eq(numbers.valid),
            numbers.ready.eq(self.o.ready),
            results.ready.eq(accepts),
            self.stored.eq(self.o.valid & self.o.ready & self.o.payload.last),
        ]
        if self.requantizes:
            self._requantize(m, platform, job, results, to_blocks)

    def _requantize(self, m: Module, platform: object, job: Any, results: Any, to_blocks: Any) -> None:
        c = self.config
        requantizer = place(m, platform, "requantizer", self.requantizer)
        packer = place(m, platform, "block_packer", BlockPacker(c, c.tile_columns))
        kept = job.output == OutputFormat.RESULTS
        m.d.comb += [
            *(
                getattr(requantizer.i.payload, name).eq(getattr(results.payload, name))
                for name in ("data", "keep", "row_last", "last")
            ),
            requantizer.i.valid.eq(results.valid & to_blocks),
            requantizer.settings.width.eq(job.width),
            requantizer.settings.rounding.eq(job.rounding),
            requantizer.settings.seed.eq(job.seed),
            self.health.eq(requantizer.health),
            packer.i.payload.eq(requantizer.o.payload),
            packer.i.valid.eq(requantizer.o.valid & ~kept),
            packer.width.eq(job.width),
            packer.tensor_last.eq(requantizer.tensor_last),
            self.o_blocks.payload.eq(requantizer.o.payload),
            self.o_blocks.valid.eq(requantizer.o.valid & kept),
            requantizer.o.ready.eq(Mux(kept, self.o_blocks.ready, packer.i.ready)),
        ]
        with m.If(to_blocks):
            m.d.comb += [
                results.ready.eq(requantizer.i.ready),
                self.o.payload.eq(packer.o.payload),
                self.o.valid.eq(packer.o.valid),
                packer.o.ready.eq(self.o.ready),
            ]
        with m.If(kept):
            m.d.comb += self.stored.eq(
                self.o_blocks.valid & self.o_blocks.ready & self.o_blocks.payload.last & requantizer.tensor_last
            )
