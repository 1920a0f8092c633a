"""Streams: nothing is lost, doubled or reordered, offers stay, waits end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.bfloat16_packer import Bfloat16Packer
from hw.accumulate.result_finisher import ResultFinisher
from hw.bus.gearbox import Gearbox, word_beat
from hw.bus.line_guard import LineGuard
from hw.config import FEATURES, CoreConfig
from hw.core.decoder import CommandDecoder
from hw.core.output_stage import OutputStage
from hw.core.requantizer import Requantizer
from hw.core.result_buffer import ResultBuffer
from hw.emit import place, ports_of
from hw.quantize.block_packer import BlockPacker
from hw.quantize.block_quantizer import BlockQuantizer
from hw.quantize.block_unpacker import BlockUnpacker
from hw.quantize.operand_expander import OperandExpander
from hw.serial.frame_bridge import FrameBridge
from tests.prove.bench import Stage
from tests.prove.monitors import conveyor, drive, ends, stays, transfer, unchanged
from tests.prove.property import Property, every_time
from tests.prove.solvers import Change

__all__ = ["PROPERTIES", "SMALL", "streams_of"]


def fifo(depth: int) -> Stage:
    """The library's queue, as between decoder and stages."""

    def describe(bench: Stage, m: Module, platform: object) -> None:
        m.submodules.fifo = queue = SyncFIFO(width=2, depth=depth)
        m.d.comb += [queue.w_en.eq(bench.i_valid), queue.w_data.eq(bench.i_payload), queue.r_en.eq(bench.o_ready)]
        inside = conveyor(
            bench, m, [queue.w_data], queue.w_en & queue.w_rdy, [queue.r_data], queue.r_en & queue.r_rdy,
            choose=bench.choose, place=Const(0, 1), capacity=depth,
        )  # fmt: skip
        bench.claim(queue.w_rdy == (inside != depth))
        bench.claim(queue.r_rdy == (inside != 0))

    return Stage(f"fifo_{depth}", {"i_valid": 1, "i_payload": 2, "o_ready": 1, "choose": 1}, describe)


def streams_of(component: Component) -> tuple[dict[str, Any], dict[str, Any]]:
    """A component's streams by name: those that enter, and those that leave."""
    members = component.signature.members.items()
    streams = [
        (name, member.flow) for name, member in members if member.is_signature and isinstance(member.signature, stream.Signature)
    ]
    entering, leaving = ({name: getattr(component, name) for name, flow in streams if flow == way} for way in (In, Out))
    return entering, leaving


def offers(component: Component, steady: tuple[str, ...] = ()) -> Stage:
    """Any component with streams, all its inputs free but for the rule that offers stay, which its own outputs keep then.

    The inputs ``steady`` do not change.
    """
    ports = {name: value for name, way, value in ports_of(component) if way == "in"}

    def describe(bench: Stage, m: Module, platform: object) -> None:
        part = place(m, platform, "part", component)
        m.d.comb += [value.eq(getattr(bench, name)) for name, value in ports.items()]
        for name in steady:
            before = Signal(len(ports[name]), name=f"{name}_before", reset_less=True)
            m.d.power += before.eq(ports[name])
            bench.require(ports[name] == before)
        for keep, streams in zip((bench.require, bench.claim), streams_of(part), strict=True):
            for name, offered in streams.items():
                keep(unchanged(m, offered, name))

    return Stage(f"offers_{component.module_name}", {name: len(value) for name, value in ports.items()}, describe)


def gearbox(i: int, o: int) -> Stage:
    """Words, the ends of packets among them, and full beats between."""

    def describe(bench: Stage, m: Module, platform: object) -> None:
        gear = place(m, platform, "gearbox", Gearbox(i, o))
        drive(bench, m, gear.i)
        m.d.comb += gear.o.ready.eq(bench.o_ready)
        beat, out = gear.i.payload, gear.o.payload
        bench.require(beat.count <= i)
        entered, left = Mux(transfer(gear.i), beat.count, 0), Mux(transfer(gear.o), out.count, 0)
        inside = conveyor(
            bench, m, list(beat.data), entered, list(out.data), left,
            choose=bench.choose, place=bench.place, capacity=i + o - 1,
        )  # fmt: skip
        stays(bench, m, gear.o)
        for index, word in enumerate(out.data):
            bench.claim((index < out.count) | (word == 0))
        # The words in front of a packet's end.
        ending, ahead, fine = Signal(), Signal.like(inside), Signal()
        m.d.comb += fine.eq(Mux(out.last, ending & (ahead == out.count), (out.count == o) & ~(ending & (ahead <= o))))
        bench.claim(~transfer(gear.o) | fine)
        with m.If(transfer(gear.o)):
            m.d.sync += [ending.eq(ending & ~out.last), ahead.eq(ahead - out.count)]
        with m.If(transfer(gear.i) & beat.last):
            m.d.sync += [ending.eq(1), ahead.eq(inside + beat.count - left)]
        ends(bench, m, gear.o.ready & ending & ~gear.o.valid, 0, "end")
        ends(bench, m, gear.o.ready & gear.i.valid & ~gear.i.ready, i + o, "entry")

    shapes = {"i_valid": 1, "i_payload": word_beat(i).size, "o_ready": 1, "choose": 1, "place": range(i)}
    return Stage(f"gearbox_{i}_{o}", shapes, describe)


def bridge(folder: Path, seconds: float, change: Change) -> None:
    """The bridge's bytes; its frames are short, so that its memory is small."""
    with patch("hw.serial.frame_bridge.MAX_WORDS", 4):
        every_time(lambda: offers(FrameBridge(8)))(folder, seconds, change)


def line_guard(words: int) -> Stage:
    """Packets of any beats to lines of any beats: the core begins a line when it likes, and goes on with it."""

    def describe(bench: Stage, m: Module, platform: object) -> None:
        guard = place(m, platform, "guard", LineGuard(words))
        drive(bench, m, guard.i)
        beat = guard.i.payload
        bench.require(Mux(beat.last, beat.count <= words, beat.count == words))  # as a gearbox gives them
        taken, given = transfer(guard.i), transfer(guard.o)
        # A line goes on until its last beat, the bench's choice; a packet until its beat that says so.
        begins, open_, last = Signal(init=1), Signal(), Signal()
        m.d.comb += [
            guard.o.ready.eq(bench.o_ready), guard.line_start.eq(begins), last.eq(bench.line_last & given),
            guard.line_end.eq(last), guard.line_words.eq(bench.line_words),
        ]  # fmt: skip
        bench.require(bench.line_words <= words)
        with m.If(given):
            m.d.sync += begins.eq(last)
        with m.If(taken):
            m.d.sync += open_.eq(~beat.last)
        stays(bench, m, guard.o)
        passed = Signal()
        m.d.comb += passed.eq(taken & given & (beat.count != 0))
        bench.claim(~passed | (guard.o.payload.as_value() == beat.data.as_value()))
        bench.claim(~passed | (begins != open_))  # a line's first beat is a packet's first, and so on
        bench.claim(~given | passed | (~begins & ~open_ & ~guard.o.payload.as_value().any()))  # zeros where a packet is over
        bench.claim(~taken | passed | (beat.count == 0) | (begins & open_))  # only what is behind a line is dropped
        bench.claim(~(given & ~passed) | guard.short)
        bench.claim(~(taken & ~passed & (beat.count != 0)) | guard.long)
        # The last beat's words against the line's, told a cycle later.
        ended, few, many, words_there = Signal(), Signal(), Signal(), Signal(range(words + 1))
        m.d.comb += words_there.eq(Mux(passed, beat.count, 0))
        m.d.sync += [ended.eq(last), few.eq(words_there < bench.line_words), many.eq(words_there > bench.line_words)]
        bench.claim(~(ended & few) | guard.short)
        bench.claim(~(ended & many) | guard.long)
        bench.claim(~guard.short | (ended & few) | (given & ~passed))
        bench.claim(~guard.long | (ended & many) | (guard.i.valid & begins & open_ & (beat.count != 0)))
        ends(bench, m, guard.i.valid & guard.o.ready & ~taken & ~given, 0, "entry")

    shapes = {"i_valid": 1, "i_payload": word_beat(words).size, "o_ready": 1, "line_last": 1, "line_words": range(words + 1)}
    return Stage(f"line_guard_{words}", shapes, describe)


SIZES = {"mantissa_widths": (4,), "block_size": 4, "lanes": 2, "tile_rows": 1, "tile_columns": 2, "operand_depth": 4,
         "queue_depth": 1, "panel_columns": 4}  # fmt: skip
SMALL, BIASED = CoreConfig(**SIZES, features=FEATURES), CoreConfig(**SIZES, features=("bias",))
HALVES = replace(BIASED, mesh_rows=2, result_streams=2, features=())
PARTS: dict[str, Callable[[], Component]] = {
    "quantizer": lambda: BlockQuantizer(SMALL),
    "unpacker": lambda: BlockUnpacker(SMALL),
    "expander": lambda: OperandExpander(2),
    "decoder": lambda: CommandDecoder(SMALL),
    "finisher": lambda: ResultFinisher(2),
    "bfloat16 packer": lambda: Bfloat16Packer(2),
    "block packer": lambda: BlockPacker(SMALL),
    "requantizer": lambda: Requantizer(SMALL),
    "result buffer": lambda: ResultBuffer(BIASED, 32, 3),
    "result buffer of the second of two streams": lambda: ResultBuffer(HALVES, 32, 3, first=1),
    "output stage with bias": lambda: OutputStage(BIASED),
}
STEADY = {"expander": ("bfloat16",)}
STAYS = "what is offered stays, unchanged, until it is taken, if that holds of what is offered to it"
QUEUED = "a queue of 3 passes what it takes, once and in order; it refuses only when full and offers whenever it is not empty"
GEARED = (
    "words and ends of packets pass once and in order; all beats but a packet's last are full; offers stay; a "
    "packet's end leaves at once when it is let, and what waits enters"
)
GUARDED = (
    "a line is one packet's beats once and in order, cut at its end or filled up with zeros; what is dropped, made up or does not "
    "fill its last beat as it should is told, and nothing else; offers stay; nothing waits but for the other side"
)


def _offers(name: str) -> Property:
    stage = every_time(lambda: offers(PARTS[name](), STEADY.get(name, ())))
    return Property(f"stream/offers of the {name}", STAYS, "all time", stage, seconds=60)


def _gearbox(i: int, o: int) -> Property:
    return Property(
        f"stream/gearbox {i} to {o}", GEARED, "all time", every_time(lambda: gearbox(i, o)), quick=(i, o) == (1, 2)
    )  # fmt: skip


PROPERTIES = [
    *(_offers(name) for name in PARTS),
    Property("stream/fifo", QUEUED, "all time", every_time(lambda: fifo(3)), quick=True),
    *(_gearbox(*sizes) for sizes in ((1, 2), (2, 1), (3, 2))),
    Property("stream/offers of the frame bridge, frames up to 4 words", STAYS, "all time", bridge, seconds=60),
    Property("stream/line guard", GUARDED, "all time", every_time(lambda: line_guard(2)), quick=True),
]
