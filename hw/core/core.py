"""The core: FP32 matrices in, their product in HBFP out, on command."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from hw.accumulate.bfloat16_packer import word_beat
from hw.array.mesh import Mesh
from hw.config import CoreConfig
from hw.core.counters import Counters, counters_layout
from hw.core.decoder import CommandDecoder, command_layout
from hw.core.loader import Loader, load_layout
from hw.core.operand_buffer import OperandBuffer
from hw.core.output_stage import OutputStage
from hw.core.patch_buffer import PatchBuffer
from hw.core.patch_origins import walk_layout
from hw.core.result_buffer import ResultBuffer
from hw.core.sequencer import Sequencer
from hw.emit import place
from hw.names import named
from hw.sequence.layouts import product_layout
from hw.timing import Timing

__all__ = ["Core", "result_ports"]


def result_ports(config: CoreConfig) -> list[str]:
    """Names of the streams by which C leaves, the one of its northern rows first."""
    return ["o_c", *(f"o_c_{i}" for i in range(1, config.result_streams))]


class Core(Component):
    """Decoder, two loaders with their operand buffers, sequencer, mesh and result buffer.

    Loading, multiplying and storing of successive commands overlap: each operand buffer and the result buffer are
    double-buffered. All streams may stall at any time; nothing is lost. A step issued in cycle t is at the mesh in
    ``t + read_cycles`` and, if it ends an output, at the result buffer ``result_cycles`` later.

    Attributes
    ----------
    i_command
        commands, see ``hw.command``; as many as ``queue_depth`` wait inside.
    i_a
        A row by row, ``lanes`` FP32 elements per beat; each row starts on a fresh beat.
    i_b
        B column by column, likewise. Operands of other formats: see ``OperandFormat``.
    i_bias
        with the feature "bias", see ``OutputStage``.
    o_c, o_c_1, …
        a stream for each of ``result_streams``: C in beats of ``tile_columns`` words, in the order of ``ResultBuffer``;
        ``keep`` marks words with something of C, ``last`` the last beat of C. Formats: see ``OutputFormat``.
    idle
        no command is queued or in execution, and the counters are right.
    error
        code of the latest command, see ``CommandError``.
    counters
        see ``COUNTERS``.
    clear
        sets them to zero.
    line_start_a, line_end_a, line_words_a, line_start_b, line_end_b, line_words_b
        see ``Loader``; for the bias likewise, see ``OutputStage``.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        bias = {
            "i_bias": In(stream.Signature(data.ArrayLayout(32, config.tile_columns))),
            "line_start_bias": Out(1), "line_end_bias": Out(1), "line_words_bias": Out(range(config.tile_columns + 1)),
        }  # fmt: skip
        super().__init__(
            (bias if "bias" in config.features else {})
            | {
                "i_command": In(stream.Signature(command_layout(config))),
                "i_a": In(stream.Signature(data.ArrayLayout(32, config.lanes))),
                "i_b": In(stream.Signature(data.ArrayLayout(32, config.lanes))),
                "idle": Out(1),
                "error": Out(4),
                "counters": Out(counters_layout()),
                "clear": In(1),
            }
            | {name: Out(stream.Signature(word_beat(config.tile_columns))) for name in result_ports(config)}
            | {f"line_{at}_{name}": Out(1) for at in ("start", "end") for name in "ab"}
            | {f"line_words_{name}": Out(range(config.lanes + 1)) for name in "ab"}
        )

    @property
    def module_name(self) -> str:
        return named("core", self.config.name)

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        mesh = place(m, platform, "mesh", Mesh(c))
        decoder = place(m, platform, "decoder", CommandDecoder(c))
        kept = "requantize" in c.features and c.result_streams == 1
        loader_a = place(m, platform, "loader_a", Loader(c, c.rows, results=kept, walks=c.walks))
        loader_b = place(m, platform, "loader_b", Loader(c, c.columns))
        kind_a = PatchBuffer if c.walks else OperandBuffer
        buffer_a: Any = place(m, platform, "buffer_a", kind_a(c, c.mesh_rows, c.tile_rows))
        buffer_b = place(m, platform, "buffer_b", OperandBuffer(c, c.mesh_columns, c.tile_columns))
        sequencer = place(m, platform, "sequencer", Sequencer(c, mesh.drain_cycles))
        suffixes = [port.removeprefix("o_c") for port in result_ports(c)]
        results = [
            place(m, platform, f"results{suffix}", ResultBuffer(c, mesh.result_width, Timing(c).tiles_in_flight, i * c.chain_rows))
            for i, suffix in enumerate(suffixes)
        ]
        counters = place(m, platform, "counters", Counters(c, loader_a.health.shape()))

        outputs = [place(m, platform, f"output{suffix}", OutputStage(c)) for suffix in suffixes] if c.features else []
        queue_idle = self._queues(m, decoder, loader_a, loader_b, sequencer, outputs)
        self._output(m, results, outputs, counters, loader_a)
        self._drain(m, mesh, results)
        connect(m, flipped(self.i_a), loader_a.i)
        connect(m, flipped(self.i_b), loader_b.i)
        m.d.comb += [
            buffer_a.write.eq(loader_a.write),
            buffer_b.write.eq(loader_b.write),
            buffer_a.read.eq(sequencer.read_a),
            buffer_b.read.eq(sequencer.read_b),
        ]
        if c.walks:
            m.d.comb += [
                buffer_a.broadcast.eq(loader_a.broadcast), buffer_a.origin.eq(loader_a.origin),
                buffer_a.origin_half.eq(loader_a.write.half),
            ]  # fmt: skip
        for name, loader in (("a", loader_a), ("b", loader_b)):
            m.d.comb += [
                getattr(sequencer, f"full_{name}").eq(loader.full),
                loader.take.eq(getattr(sequencer, f"take_{name}")),
                loader.retire.eq(getattr(sequencer, f"retire_{name}")),
                *(getattr(self, f"{line}_{name}").eq(getattr(loader, line)) for line in ("line_start", "line_end", "line_words")),
            ]

        # Control meets the operands of tile row i after the buffer's latency and i cycles of skew.
        control = sequencer.control
        for i in range(c.mesh_rows):
            for _ in range(buffer_a.read_cycles if i == 0 else 1):
                delayed = Signal(control.shape(), name=f"control_{i}")
                m.d.sync += delayed.eq(control)
                control = delayed
            m.d.comb += [mesh.i_a[i].eq(buffer_a.o[i]), mesh.i_control[i].eq(control)]
        for j in range(c.mesh_columns):
            m.d.comb += mesh.i_b[j].eq(buffer_b.o[j])

        ports, busy = self._ports(), Cat(buffer.busy for buffer in results).any()
        idle, counted = Signal(), Signal(counters.count_cycles)
        m.d.sync += counted.eq(Cat(idle, counted))
        m.d.comb += [
            *(buffer.i_tile.eq(sequencer.o_tile) for buffer in results),
            sequencer.panel_free.eq(self._by_all(m, "panel", [buffer.panel_free for buffer in results], c.result_panels)),
            self.error.eq(decoder.error),
            self.counters.eq(counters.o),
            counters.clear.eq(self.clear),
            counters.busy.eq(sequencer.control.valid),
            counters.active.eq(sequencer.active | busy),
            counters.stalled_load.eq(sequencer.stalled_load),
            counters.stalled_store.eq(sequencer.stalled_store),
            counters.finished.eq(sequencer.finished),
            counters.refused.eq(decoder.refused),
            counters.waited_a.eq(loader_a.stalled),
            counters.waited_b.eq(loader_b.stalled),
            counters.health_a.eq(loader_a.health),
            counters.health_b.eq(loader_b.health),
            *(counters.beat[i].eq(buffer.o.payload) for i, buffer in enumerate(results)),
            counters.beat_sent.eq(Cat(buffer.o.valid & buffer.o.ready for buffer in results)),
            counters.blocked.eq(Cat(port.valid & ~port.ready for port in ports).any()),
            idle.eq(queue_idle & ~sequencer.waiting & ~sequencer.active & ~busy & ~Cat(port.valid for port in ports).any()),
            self.idle.eq(idle & counted.all()),
        ]
        return m

    def _ports(self) -> list[Any]:
        """The streams by which C leaves."""
        return [getattr(self, name) for name in result_ports(self.config)]

    def _drain(self, m: Module, mesh: Mesh, results: list[ResultBuffer]) -> None:
        """From the array to the result buffers; the northern ones wait for the southern one, so that all leave together."""
        c = self.config
        for i, buffer in enumerate(results):
            wait = (c.result_streams - 1 - i) * c.mesh_rows // c.result_streams
            for j in range(c.mesh_columns):
                drain = mesh.o_drain[i * c.mesh_columns + j]
                for _ in range(wait):
                    delayed = Signal(drain.shape(), name=f"aligned_{i}_{j}")
                    m.d.sync += delayed.eq(drain)
                    drain = delayed
                m.d.comb += buffer.i_drain[j].eq(drain)

    def _by_all(self, m: Module, name: str, events: list[Any], most: int) -> Any:
        """When an event of one stream has happened in all; none is more than ``most`` ahead."""
        if len(events) == 1:
            return events[0]
        ahead = [Signal(range(most + 1), name=f"{name}_ahead_{i}") for i in range(len(events))]
        happened = Signal(name=f"{name}_by_all")
        m.d.comb += happened.eq(Cat(event | (count != 0) for event, count in zip(events, ahead, strict=True)).all())
        m.d.sync += [count.eq(count + event - happened) for event, count in zip(events, ahead, strict=True)]
        return happened

    def _output(self, m: Module, results: list[Any], outputs: list[Any], counters: Counters, loader_a: Loader) -> None:
        """From the result buffers to the output streams, through the output stages where there are such."""
        c, ports = self.config, self._ports()
        if not outputs:
            for buffer, port in zip(results, ports, strict=True):
                m.d.comb += [
                    *(getattr(port.payload, name).eq(getattr(buffer.o.payload, name)) for name in ("data", "keep", "last")),
                    port.valid.eq(buffer.o.valid),
                    buffer.o.ready.eq(port.ready),
                ]
            stored = [port.valid & port.ready & port.payload.last for port in ports]
        else:
            for buffer, output, port in zip(results, outputs, ports, strict=True):
                connect(m, buffer.o, output.i)
                connect(m, output.o, flipped(port))
            stored = [output.stored for output in outputs]
        m.d.comb += counters.stored.eq(self._by_all(m, "stored", stored, 2 * c.queue_depth + c.result_panels + 3))
        if "bias" in c.features:
            (output,) = outputs
            connect(m, flipped(self.i_bias), output.i_bias)
            m.d.comb += [
                self.line_start_bias.eq(output.line_start_bias),
                self.line_end_bias.eq(output.line_end_bias),
                self.line_words_bias.eq(output.line_words_bias),
            ]
        if "requantize" in c.features:
            if c.result_streams == 1:
                connect(m, outputs[0].o_blocks, loader_a.i_results)
            m.d.comb += [counters.health_c[i].eq(output.health) for i, output in enumerate(outputs)]

    def _queues(self, m: Module, decoder: CommandDecoder, loader_a: Loader, loader_b: Loader, sequencer: Any, outputs: Any) -> Any:
        """Commands wait in front of the decoder; its jobs wait in front of each of the three stages they concern."""
        c = self.config
        m.submodules.commands = commands = SyncFIFO(width=command_layout(c).size, depth=c.queue_depth)
        m.d.comb += [
            commands.w_data.eq(self.i_command.payload.as_value()),
            commands.w_en.eq(self.i_command.valid),
            self.i_command.ready.eq(commands.w_rdy),
            decoder.i.payload.eq(commands.r_data),
            decoder.i.valid.eq(commands.r_rdy),
            commands.r_en.eq(decoder.i.ready),
        ]
        job = decoder.o.payload
        walk = c if c.walks else None
        load_a, load_b, product = Signal(load_layout(walk)), Signal(load_layout()), Signal(product_layout(c))
        groups = {"blocks": c.whole_groups(job.blocks)}
        m.d.comb += [getattr(product, name).eq(groups.get(name, getattr(job, name))) for name in product_layout(c).members]
        for load, name, lines in ((load_a, "a", job.rows), (load_b, "b", job.columns)):
            m.d.comb += [
                load.lines.eq(lines),
                load.inner.eq(job.inner),
                load.blocks.eq(job.blocks),
                load.width.eq(job[f"width_{name}"]),
                load.rounding.eq(job.rounding),
                load.format.eq(job[f"format_{name}"]),
                load.seed.eq(job[f"seed_{name}"]),
            ]
        if c.walks:
            m.d.comb += [
                load_a.patches.eq(job.patches), load_a.pitch.eq(job.pitch),
                *(getattr(load_a.walk, name).eq(getattr(job, name)) for name in walk_layout(c).members),
            ]  # fmt: skip
            with m.If(job.patches):
                m.d.comb += [
                    load_a.lines.eq(job.positions), load_a.inner.eq(job.channels), load_a.blocks.eq(job.channel_blocks),
                ]  # fmt: skip
        idle = ~commands.r_rdy & decoder.idle
        ready = 1
        queues = []
        for name, payload, wanted, sink in (
            ("loads_a", load_a, job.load_a, loader_a.i_job),
            ("loads_b", load_b, job.load_b, loader_b.i_job),
            ("products", product, 1, sequencer.i),
        ):
            queue = SyncFIFO(width=payload.shape().size, depth=c.queue_depth)
            m.submodules[name] = queue
            m.d.comb += [
                queue.w_data.eq(payload.as_value()),
                sink.payload.eq(queue.r_data),
                sink.valid.eq(queue.r_rdy),
                queue.r_en.eq(sink.ready),
            ]
            queues.append((queue, wanted))
            ready = ready & queue.w_rdy
            idle = idle & ~queue.r_rdy
        for output in outputs:
            final = output.i_job.payload
            m.d.comb += [
                getattr(final, name).eq(getattr(job, name))
                for name in ("output", "bias", "relu", "rounding")
            ]
            m.d.comb += [final.width.eq(job.width_c), final.seed.eq(job.seed_c)]
            ready = ready & output.i_job.ready
            idle = idle & ~output.busy
        m.d.comb += decoder.o.ready.eq(ready)
        m.d.comb += [output.i_job.valid.eq(decoder.o.valid & ready & job.store) for output in outputs]
        for queue, wanted in queues:
            m.d.comb += queue.w_en.eq(decoder.o.valid & ready & wanted)
        return idle
