"""FP32 streams become blocks."""

import operator
from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import CoreConfig, Rounding
from hw.emit import place
from hw.names import named
from hw.quantize.layouts import ConversionSettings, block_beat, operand_beat
from hw.quantize.rounding import (
    MantissaAligner,
    MantissaRounder,
    aligned_element,
    keep,
    kept_element,
    reference_width,
)  # fmt: skip
from hw.quantize.xorshift import UNIFORM_BITS, RandomLanes
from hw.timing import Timing

__all__ = ["BlockQuantizer", "conversion_health"]

FP32_BIAS = 127


def conversion_health(lanes: int) -> data.StructLayout:
    """Counts to be added in the cycle a beat leaves: clipped elements, nonzero elements that became 0, NaN blocks."""
    return data.StructLayout({"saturated": range(lanes + 1), "flushed": range(lanes + 1), "nan_blocks": 1})


class BlockQuantizer(wiring.Component):
    """Quantize an FP32 tensor, block by block.

    While a block is stored the maximum of its exponent fields is found; while it leaves, its elements are shifted and
    rounded. Two halves take turns: one block leaves while the next one, perhaps of another tensor with other
    settings, enters.

    Latency is ``latency_cycles`` from the cycle that takes a block's last beat to the cycle that offers its first;
    throughput is one beat per cycle. Every block leaves whole, in ``beats`` beats, however few came in: what is
    missing counts as zeros. Random numbers are drawn for every element that leaves, padding included.
    Subnormals count as zero; a block with an infinity or NaN is a NaN block, with mantissas of zero.

    Parameters
    ----------
    config
        the machine; its mantissa_widths, block_size, exponent_width, rounding_modes and lanes matter here.

    Attributes
    ----------
    i
        stream of ``operand_beat``; ``last`` comes at the latest with the beat that fills the block.
    settings
        ``ConversionSettings``, sampled with the first beat of each block (``seed``: of each tensor).
    o
        stream of ``block_beat``.
    health
        ``conversion_health``, nonzero only in cycles that transfer a beat of ``o``.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.module_name = named("block_quantizer", config.name)
        super().__init__(
            {
                "i": In(stream.Signature(operand_beat(config.lanes))),
                "settings": In(ConversionSettings),
                "o": Out(stream.Signature(block_beat(config.storage_width, config.lanes, config.scale_width))),
                "health": Out(conversion_health(config.lanes)),
            }
        )

    @property
    def beats(self) -> int:
        """Beats of a whole block."""
        return Timing(self.config).block_beats

    @property
    def latency_cycles(self) -> int:
        """Cycles from a block's last beat in to its first beat out: read, hold, measure, align, round."""
        return Timing(self.config).quantizer_cycles

    @property
    def stochastic(self) -> bool:
        """Whether there is a random generator."""
        return "stochastic" in self.config.rounding_modes

    @property
    def record(self) -> data.StructLayout:
        """What is remembered of a block; ``final`` is the index of the last beat that was stored."""
        return data.StructLayout({"final": range(self.beats), "first": 1, "settings": ConversionSettings})

    @property
    def description(self) -> data.StructLayout:
        """What a beat needs to know of its block to be rounded."""
        return data.StructLayout(
            {
                "scale": signed(self.config.scale_width),
                "nan": 1,
                "blank": 1,
                "last": 1,
                "width": 4,
                "rounding": Rounding,
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word_width = self.config.lanes * kept_element(self.config).size
        m.submodules.halves = halves = Memory(shape=word_width, depth=2 * self.beats, init=[])
        # Four blocks are remembered: a maximum is known two cycles late, by which time the block after the next may have begun.
        records = Signal(data.ArrayLayout(self.record, 4), reset_less=True)
        maxima = Signal(data.ArrayLayout(8, 4), reset_less=True)
        full, freed = Signal(2), Signal(2)
        self._store(m, halves.write_port(), records, maxima, full, freed)
        self._leave(m, platform, halves.read_port(), records, maxima, full, freed)
        return m

    def _store(self, m: Module, port: Any, records: Any, maxima: Any, full: Signal, freed: Signal) -> None:
        beat, block, index = self.i.payload, Signal(2), Signal(range(self.beats))
        record, half = records[block], block[0]
        elements = Signal(data.ArrayLayout(kept_element(self.config), self.config.lanes))
        start, ends, ready = index == 0, Signal(), Signal(init=1)
        for element, taken, number in zip(elements, beat.mask, beat.data, strict=True):
            m.d.comb += element.eq(keep(self.config, number) & taken.replicate(kept_element(self.config).size))
        m.d.comb += [
            self.i.ready.eq(ready),
            ends.eq(port.en & beat.last),
            port.addr.eq(Cat(half, index)),
            port.data.eq(elements),
            port.en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(port.en):
            m.d.sync += [record.final.eq(index), index.eq(index + 1)]
            with m.If(start):
                m.d.sync += [record.first.eq(beat.first), record.settings.eq(self.settings)]
        # Whether the half of the next beat is free is known a cycle ahead: much depends on it, in the loader as well.
        free = ~full | freed
        m.d.sync += [full.eq(~free), ready.eq(free.bit_select(half ^ ends, 1))]
        with m.If(ends):
            m.d.sync += [full.bit_select(half, 1).eq(1), block.eq(block + 1), index.eq(0)]

        # The maximum takes two cycles to be found in a beat and a third to be that of the block.
        def larger(a: Value, b: Value) -> Any:
            return Mux(a > b, a, b)

        exponents = [element.exponent for element in elements]
        levels = (len(exponents) - 1).bit_length()
        tags = Signal(data.StructLayout({"valid": 1, "start": 1, "block": 2}))
        m.d.comb += [tags.valid.eq(port.en), tags.start.eq(start), tags.block.eq(block)]
        for rank, count in enumerate(((levels + 1) // 2, levels // 2)):
            registers: list[Signal] = []
            for value in _reduce(m, larger, exponents, count):
                registers.append(Signal(8, name=f"maximum_{rank}_{len(registers)}", reset_less=True))
                m.d.sync += registers[-1].eq(value)
            delayed = Signal.like(tags, name=f"tags_{rank}")
            m.d.sync += delayed.eq(tags)
            exponents, tags = registers, delayed
        running, maximum = Signal(8, reset_less=True), Signal(8)
        m.d.comb += maximum.eq(Mux(tags.start | (exponents[0] > running), exponents[0], running))
        with m.If(tags.valid):
            m.d.sync += [running.eq(maximum), maxima[tags.block].eq(maximum)]

    def _leave(self, m: Module, platform: object, port: Any, records: Any, maxima: Any, full: Signal, freed: Signal) -> None:
        c = self.config
        block, index = Signal(2), Signal(range(self.beats))
        record, half, last = records[block], block[0], index == self.beats - 1
        tags = data.StructLayout({"block": 2, "restart": 1, "padding": 1, "last": 1})
        held = data.StructLayout({"tags": tags, "elements": data.ArrayLayout(kept_element(c), c.lanes)})
        distance = signed(reference_width(c) + 1)
        measured = data.StructLayout(
            held.members | {"description": self.description, "distances": data.ArrayLayout(distance, c.lanes)}
        )
        uniforms = {"uniforms": data.ArrayLayout(UNIFORM_BITS, c.lanes)} if self.stochastic else {}
        aligned = data.StructLayout(
            {"description": self.description, "elements": data.ArrayLayout(aligned_element(c), c.lanes)} | uniforms
        )
        # Cycle 1: a beat is read. 2: it is held until its block's maximum is there. 3: its distances from it are known.
        # 4: it is aligned. 5: it is rounded into the output register.
        valid = Signal(4)
        records_of = [
            Signal(shape, name=f"beat_{n}", reset_less=True) for n, shape in enumerate((tags, held, measured, aligned))
        ]
        read_beat, held_beat, measured_beat, aligned_beat = records_of
        moves = Signal(5)
        m.d.comb += moves[4].eq(~self.o.valid | self.o.ready)
        for n in reversed(range(4)):
            m.d.comb += moves[n].eq(~valid[n] | moves[n + 1])
        fetch = Signal()
        m.d.comb += [
            port.addr.eq(Cat(half, index)),
            port.en.eq(moves[0]),
            fetch.eq(moves[0] & full.bit_select(half, 1)),
        ]
        for n, arriving in enumerate((fetch, valid[0], valid[1], valid[2])):
            with m.If(moves[n]):
                m.d.sync += valid[n].eq(arriving)
        with m.If(fetch):
            m.d.sync += [
                read_beat.block.eq(block), read_beat.restart.eq(record.first & (index == 0)),
                read_beat.padding.eq(index > record.final), read_beat.last.eq(last), index.eq(index + 1),
            ]  # fmt: skip
            with m.If(last):
                m.d.comb += freed.bit_select(half, 1).eq(1)
                m.d.sync += [block.eq(block + 1), index.eq(0)]
        with m.If(moves[1]):
            m.d.sync += [held_beat.tags.eq(read_beat), held_beat.elements.eq(Mux(read_beat.padding, 0, port.data))]
        with m.If(moves[2]):
            tags = held_beat.tags
            reference = self._describe(m, records[tags.block].settings, maxima[tags.block], measured_beat.description)
            m.d.sync += [
                measured_beat.tags.eq(tags), measured_beat.elements.eq(held_beat.elements),
                measured_beat.description.last.eq(tags.last),
                *(
                    way.eq(reference - element.exponent)
                    for way, element in zip(measured_beat.distances, held_beat.elements, strict=True)
                ),
            ]  # fmt: skip
        with m.If(moves[3]):
            m.d.sync += aligned_beat.description.eq(measured_beat.description)
        for lane in range(c.lanes):
            aligner = place(m, platform, f"aligner_{lane}", MantissaAligner(c))
            m.d.comb += [
                aligner.element.eq(measured_beat.elements[lane]),
                aligner.distance.eq(measured_beat.distances[lane]),
            ]
            with m.If(moves[3]):
                m.d.sync += aligned_beat.elements[lane].eq(aligner.o)
        if self.stochastic:
            random = place(m, platform, "random", RandomLanes(c.lanes))
            m.d.comb += [
                random.advance.eq(moves[2] & valid[1]),
                random.restart.eq(held_beat.tags.restart),
                random.seed.eq(records[held_beat.tags.block].settings.seed),
            ]
            with m.If(moves[3]):
                m.d.sync += aligned_beat.uniforms.eq(random.uniforms)
        self._round(m, platform, aligned_beat, valid[3], moves[4])

    def _describe(self, m: Module, settings: Any, maximum: Any, description: Any) -> Value:
        """Turn the maximum exponent field into scale and special cases, in registers; returns the reference.

        A field of ``exponent_width`` bits and FP32's fields differ by the bias. Fields below 1 make a zero block,
        fields above the largest ordinary one are that one.
        """
        config = self.config
        offset = FP32_BIAS - config.exponent_bias
        least, most = max(1, 1 + offset), 2**config.exponent_width - 2 + offset
        nan, zero = maximum == 255, maximum < least
        field = Mux(maximum > most, most, maximum) if most < 254 else maximum
        top = Mux(nan, most + 1, Mux(zero, offset, field)) - (FP32_BIAS - 1)  # golden's X
        m.d.sync += [
            description.scale.eq(top - (settings.width if config.mixed else config.mantissa_widths[0]) + 1),
            description.nan.eq(nan),
            description.blank.eq(nan | zero),
            description.width.eq(settings.width),
            description.rounding.eq(settings.rounding),
        ]
        return field + (config.mantissa_widths[-1] - settings.width if config.mixed else 0)

    def _round(self, m: Module, platform: object, aligned: Any, valid: Value, move: Value) -> None:
        saturated, flushed = Signal(self.config.lanes, reset_less=True), Signal(self.config.lanes, reset_less=True)
        nan_block = Signal(reset_less=True)
        beat, description = Signal.like(self.o.payload, reset_less=True), aligned.description
        for lane in range(self.config.lanes):
            rounder = place(m, platform, f"rounder_{lane}", MantissaRounder(self.config))
            m.d.comb += [rounder.element.eq(aligned.elements[lane]), rounder.blank.eq(description.blank)]
            if self.config.mixed:
                m.d.comb += rounder.width.eq(description.width)
            if len(self.config.rounding_modes) > 1:
                m.d.comb += rounder.rounding.eq(description.rounding)
            if self.stochastic:
                m.d.comb += rounder.uniform.eq(aligned.uniforms[lane])
            with m.If(move):
                m.d.sync += [
                    beat.mantissas[lane].eq(rounder.mantissa),
                    saturated[lane].eq(rounder.saturated),
                    flushed[lane].eq(rounder.flushed & ~description.nan),
                ]
        with m.If(move):
            m.d.sync += [
                self.o.valid.eq(valid),
                beat.scale.eq(description.scale),
                beat.nan.eq(description.nan),
                beat.last.eq(description.last),
                nan_block.eq(description.nan & description.last),
            ]
        m.d.comb += self.o.payload.eq(beat)
        with m.If(self.o.valid & self.o.ready):
            m.d.comb += [
                self.health.saturated.eq(_reduce(m, operator.add, list(saturated))[0]),
                self.health.flushed.eq(_reduce(m, operator.add, list(flushed))[0]),
                self.health.nan_blocks.eq(nan_block),
            ]


def _reduce(
    m: Module, operation: Callable[[Value, Value], Value], values: list[Value], levels: int | None = None
) -> list[Value]:
    """``levels`` (default: all) of a balanced tree of ``operation``, with one signal at each node."""
    while len(values) > 1 and levels != 0:
        nodes = []
        for a, b in zip(values[0::2], values[1::2], strict=False):
            result = operation(a, b)
            nodes.append(Signal(result.shape()))
            m.d.comb += nodes[-1].eq(result)
        values = nodes + values[len(values) & ~1 :]
        levels = None if levels is None else levels - 1
    return values
