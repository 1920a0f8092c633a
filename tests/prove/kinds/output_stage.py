"""The output stage, by its parts: what each holds to by itself, and what a stage makes of parts that do."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib.wiring import Component

from hw.accumulate.bfloat16_packer import Bfloat16Packer
from hw.accumulate.result_finisher import ResultFinisher
from hw.core.output_stage import OutputStage
from hw.core.requantizer import Requantizer
from hw.emit import place, ports_of
from hw.quantize.block_packer import BlockPacker
from hw.quantize.block_quantizer import BlockQuantizer
from tests.prove.bench import Stage
from tests.prove.kinds.streams import SMALL, streams_of
from tests.prove.monitors import transfer, unchanged
from tests.prove.property import Proof, Property, every_time
from tests.prove.solvers import Change

__all__ = ["PROPERTIES"]

LANES = SMALL.tile_columns
Keep = Callable[[Value], None]
Rule = Callable[[Module, Any, str, Keep, Keep], None]
"""``rule(m, part, name, before, after)`` says what a part needs of its inputs to ``before``, and what it gives to ``after``."""


def blocks(m: Module, part: BlockQuantizer, name: str, before: Keep, after: Keep) -> None:
    """Before: offers stay, and blocks end in time. After: offers stay, and are of a block whose end has entered; with
    two in the halves and one in each cycle of the latency nothing more enters."""
    index, inside = Signal(range(max(2, part.beats)), name=f"{name}_index"), Signal(range(16), name=f"{name}_inside")
    ends, leaves = transfer(part.i) & part.i.payload.last, transfer(part.o) & part.o.payload.last
    with m.If(transfer(part.i)):
        m.d.sync += index.eq(index + 1)
    with m.If(ends):
        m.d.sync += index.eq(0)
    m.d.sync += inside.eq(inside + ends - leaves)
    before(unchanged(m, part.i, f"{name}_i"))
    before(~part.i.valid | part.i.payload.last | (index != part.beats - 1))
    after(unchanged(m, part.o, f"{name}_o"))
    after(~part.o.valid | (inside != 0))
    after((inside < 2 + part.latency_cycles) | ~part.i.ready)


def tensors(m: Module, part: Any, name: str, before: Keep, after: Keep) -> None:
    """Before: offers stay, and behind a tensor's last beat nothing is offered until the last one has left. After: offers
    stay, there are some only while something of a tensor is inside, and a last one only when the tensor's last has entered.
    """
    begun, ended = Signal(name=f"{name}_begun"), Signal(name=f"{name}_ended")
    last_in, last_out = part.i.payload.last, part.o.payload.last
    if isinstance(part, BlockPacker):
        last_in = last_in & part.tensor_last
    if isinstance(part, Requantizer):
        last_out = last_out & part.tensor_last
    with m.If(transfer(part.i)):
        m.d.sync += [begun.eq(1), ended.eq(last_in)]
    with m.If(transfer(part.o) & last_out):
        m.d.sync += [begun.eq(0), ended.eq(0)]
    before(unchanged(m, part.i, f"{name}_i"))
    before(~part.i.valid | ~ended)
    after(unchanged(m, part.o, f"{name}_o"))
    after(~part.o.valid | begun)
    after(~(part.o.valid & last_out) | ended)


def offers(m: Module, part: Component, name: str, before: Keep, after: Keep) -> None:
    """Before and after: offers stay."""
    for keep, streams in zip((before, after), streams_of(part), strict=True):
        for stream, offered in streams.items():
            keep(unchanged(m, offered, f"{name}_{stream}"))


def held(make: Callable[[], Component], rule: Rule, inner: dict[str, tuple[Callable[[], Component], Rule]]) -> Proof:
    """That a component keeps ``rule``, for all inputs that it allows.

    The parts ``inner``, by name, with the rule of each, give anything at all that their rules allow, and get what these want.
    A word of a beat, which nothing looks at, is 32 equal bits then, so that there are fewer of them.
    """

    def prove(folder: Path, seconds: float, change: Change) -> None:
        component, parts = make(), {name: part() for name, (part, _) in inner.items()}
        free = {name: value for name, way, value in ports_of(component) if way == "in"}
        for name, part in parts.items():
            free |= {f"{name}_{port}": value for port, way, value in ports_of(part) if way == "out"}
        words = {name for name, value in free.items() if inner and len(value) >= 32 * LANES}

        def describe(bench: Stage, m: Module, platform: object) -> None:
            if inner:
                m.submodules.part = component
            else:
                place(m, platform, "part", component)
            for name, value in free.items():
                port = getattr(bench, name)
                equal = Cat(bit.replicate(32) for bit in port[:LANES])
                m.d.comb += value.eq(Cat(equal, port[LANES:]) if name in words else port)
            rule(m, component, "part", bench.require, bench.claim)
            for name, part in parts.items():
                inner[name][1](m, part, name, bench.claim, bench.require)

        shapes = {name: len(value) - (31 * LANES if name in words else 0) for name, value in free.items()}
        stage = Stage(f"held_{component.module_name}", shapes, describe, premises_end_before=not inner)
        stand_in = patch(f"{type(component).__module__}.place", lambda m, platform, name, part: parts[name])
        with stand_in if inner else nullcontext():
            every_time(lambda: stage)(folder, seconds, change)

    return prove


FINISHER, BFLOAT16 = (lambda: ResultFinisher(LANES), tensors), (lambda: Bfloat16Packer(LANES), tensors)
QUANTIZER, REQUANTIZER = (lambda: BlockQuantizer(SMALL), blocks), (lambda: Requantizer(SMALL), tensors)
PACKER = (lambda: BlockPacker(SMALL, LANES), tensors)
PASSED = (
    "what is offered stays, and a tensor's last beat is offered only when its last has entered, and nothing behind it, if "
    "offers to it stay and the next tensor enters when this one has left"
)
WHOLE = "what is offered stays and is of a block whose end has entered; with as many blocks inside as it can hold it takes none"
STAYS = "what is offered stays, unchanged, until it is taken, if that holds of what is offered to it; its parts get what they need"


def _part(name: str, words: str, part: tuple, inner: dict | None = None, bound: str = "all time", quick: bool = False) -> Property:
    return Property(f"output stage/{name}", words, bound, held(*part, inner or {}), seconds=60, quick=quick)


PROPERTIES = [
    _part("quantizer", WHOLE, QUANTIZER),
    _part("quantizer, a block a beat", WHOLE, (lambda: BlockQuantizer(replace(SMALL, block_size=2, dot=2)), blocks)),
    _part("finisher", PASSED, FINISHER),
    _part("bfloat16 packer", PASSED, BFLOAT16),
    _part("block packer", PASSED, PACKER),
    _part("requantizer", PASSED, REQUANTIZER, {"quantizer": QUANTIZER}, "all time; a quantizer as above"),
    _part("offers of the stage with everything", STAYS, (lambda: OutputStage(SMALL), offers),
          {"finisher": FINISHER, "bfloat16_packer": BFLOAT16, "requantizer": REQUANTIZER, "block_packer": PACKER},
          "all time; parts as above, words of equal bits", quick=True),
]  # fmt: skip
