"""FP32 streams become blocks."""

import operator

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.config import CoreConfig, Rounding
from hw.emit import place
from hw.quantize.layouts import ConversionSettings, block_beat, operand_beat
from hw.quantize.rounding import MantissaRounder, keep, kept_element, reference_width
from hw.quantize.xorshift import RandomLanes
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
    config : the machine; its mantissa_widths, block_size, exponent_width, rounding_modes and lanes matter here.

    Members
    -------
    i : stream of ``operand_beat``; ``last`` comes at the latest with the beat that fills the block.
    settings : ``ConversionSettings``, sampled with the first beat of each block (``seed``: of each tensor).
    o : stream of ``block_beat``.
    health : ``conversion_health``, nonzero only in cycles that transfer a beat of ``o``.
    """

    def __init__(self, config: CoreConfig):
        self.config = config
        widths = "_".join(map(str, config.mantissa_widths))
        modes = "_".join(config.rounding_modes)
        self.module_name = (
            f"block_quantizer_m{widths}_n{config.block_size}_e{config.exponent_width}_l{config.lanes}_{modes}"
        )
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
        """Cycles from a block's last beat in to its first beat out: read, round, output register."""
        return Timing(self.config).quantizer_cycles

    @property
    def stochastic(self) -> bool:
        """Whether there is a random generator."""
        return "stochastic" in self.config.rounding_modes

    @property
    def record(self) -> data.StructLayout:
        """What a half remembers of its block; ``final`` is the index of the last beat that was stored."""
        return data.StructLayout(
            {"maximum": 8, "final": range(self.beats), "first": 1, "settings": ConversionSettings}
        )

    @property
    def fetched(self) -> data.StructLayout:
        """What travels with the beat being rounded; ``padding`` marks a beat that was never stored."""
        return data.StructLayout(
            {
                "reference": reference_width(self.config),
                "scale": signed(self.config.scale_width),
                "nan": 1,
                "blank": 1,
                "padding": 1,
                "last": 1,
                "width": 4,
                "rounding": Rounding,
            }
        )

    def elaborate(self, platform):
        m = Module()
        word_width = self.config.lanes * kept_element(self.config).size
        m.submodules.halves = halves = Memory(shape=word_width, depth=2 * self.beats, init=[])
        records = Signal(data.ArrayLayout(self.record, 2), reset_less=True)
        full = Signal(2)
        self._store(m, halves.write_port(), records, full)
        self._leave(m, platform, halves.read_port(), records, full)
        return m

    def _store(self, m: Module, port, records, full: Signal):
        beat, half, index = self.i.payload, Signal(), Signal(range(self.beats))
        record = records[half]
        elements = Signal(data.ArrayLayout(kept_element(self.config), self.config.lanes))
        start = index == 0
        for element, taken, number in zip(elements, beat.mask, beat.data, strict=True):
            m.d.comb += element.eq(keep(self.config, number) & taken.replicate(kept_element(self.config).size))
        maximum = _reduce(m, lambda a, b: Mux(a > b, a, b), [element.exponent for element in elements])
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(half, 1)),
            port.addr.eq(Cat(half, index)),
            port.data.eq(elements),
            port.en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(port.en):
            m.d.sync += [
                record.maximum.eq(Mux(start | (maximum > record.maximum), maximum, record.maximum)),
                record.final.eq(index),
                index.eq(index + 1),
            ]
            with m.If(start):
                m.d.sync += [record.first.eq(beat.first), record.settings.eq(self.settings)]
            with m.If(beat.last):
                m.d.sync += [full.bit_select(half, 1).eq(1), half.eq(~half), index.eq(0)]

    def _leave(self, m: Module, platform, port, records, full: Signal):
        half, index = Signal(), Signal(range(self.beats))
        record, last = records[half], index == self.beats - 1
        # Cycle 1: a beat is read; what its block says is worked out beside it.
        fetch, fetched_valid, fetched = Signal(), Signal(), Signal(self.fetched, reset_less=True)
        # Cycle 2: it is rounded into the output register.
        move = Signal()
        m.d.comb += [
            move.eq(~self.o.valid | self.o.ready),
            port.addr.eq(Cat(half, index)),
            port.en.eq(~fetched_valid | move),
            fetch.eq(port.en & full.bit_select(half, 1)),
        ]
        with m.If(port.en):
            m.d.sync += fetched_valid.eq(fetch)
        with m.If(fetch):
            self._describe(m, record, fetched)
            m.d.sync += [fetched.padding.eq(index > record.final), fetched.last.eq(last), index.eq(index + 1)]
            with m.If(last):
                m.d.sync += [full.bit_select(half, 1).eq(0), half.eq(~half), index.eq(0)]
        uniforms = None
        if self.stochastic:
            random = place(m, platform, "random", RandomLanes(self.config.lanes))
            m.d.comb += [
                random.advance.eq(fetch),
                random.restart.eq(record.first & (index == 0)),
                random.seed.eq(record.settings.seed),
            ]
            uniforms = random.uniforms
        self._round(m, platform, port.data, fetched, fetched_valid, move, uniforms)

    def _describe(self, m: Module, record, fetched):
        """Turn the maximum exponent field into reference, scale and special cases.

        A field of ``exponent_width`` bits and FP32's fields differ by the bias. Fields below 1 make a zero block,
        fields above the largest ordinary one are that one.
        """
        config = self.config
        offset = FP32_BIAS - config.exponent_bias
        least, most = max(1, 1 + offset), 2**config.exponent_width - 2 + offset
        maximum = record.maximum
        nan, zero = maximum == 255, maximum < least
        field = Mux(maximum > most, most, maximum) if most < 254 else maximum
        top = Mux(nan, most + 1, Mux(zero, offset, field)) - (FP32_BIAS - 1)  # golden's X
        m.d.sync += [
            fetched.reference.eq(field + (config.mantissa_widths[-1] - record.settings.width if config.mixed else 0)),
            fetched.scale.eq(top - (record.settings.width if config.mixed else config.mantissa_widths[0]) + 1),
            fetched.nan.eq(nan),
            fetched.blank.eq(nan | zero),
            fetched.width.eq(record.settings.width),
            fetched.rounding.eq(record.settings.rounding),
        ]

    def _round(self, m: Module, platform, elements, fetched, fetched_valid: Signal, move: Signal, uniforms):
        saturated, flushed = [], []
        beat = Signal.like(self.o.payload, reset_less=True)
        elements = data.View(data.ArrayLayout(kept_element(self.config), self.config.lanes), elements)
        for lane in range(self.config.lanes):
            rounder = place(m, platform, f"rounder_{lane}", MantissaRounder(self.config))
            m.d.comb += [
                rounder.element.eq(Mux(fetched.padding, 0, elements[lane])),
                rounder.reference.eq(fetched.reference),
                rounder.blank.eq(fetched.blank),
            ]
            if self.config.mixed:
                m.d.comb += rounder.width.eq(fetched.width)
            if len(self.config.rounding_modes) > 1:
                m.d.comb += rounder.rounding.eq(fetched.rounding)
            if self.stochastic:
                m.d.comb += rounder.uniform.eq(uniforms[lane])
            with m.If(move):
                m.d.sync += beat.mantissas[lane].eq(rounder.mantissa)
            saturated.append(rounder.saturated)
            flushed.append(rounder.flushed & ~fetched.nan)
        counts = Signal.like(self.health, reset_less=True)
        with m.If(move):
            m.d.sync += [
                self.o.valid.eq(fetched_valid),
                beat.scale.eq(fetched.scale),
                beat.nan.eq(fetched.nan),
                beat.last.eq(fetched.last),
                counts.saturated.eq(_reduce(m, operator.add, saturated)),
                counts.flushed.eq(_reduce(m, operator.add, flushed)),
                counts.nan_blocks.eq(fetched.nan & fetched.last),
            ]
        m.d.comb += self.o.payload.eq(beat)
        with m.If(self.o.valid & self.o.ready):
            m.d.comb += self.health.eq(counts)


def _reduce(m: Module, operation, values: list) -> Value:
    """A balanced tree of ``operation``, with one signal at each node."""
    while len(values) > 1:
        nodes = []
        for a, b in zip(values[0::2], values[1::2], strict=False):
            result = operation(a, b)
            nodes.append(Signal(result.shape()))
            m.d.comb += nodes[-1].eq(result)
        values = nodes + values[len(values) & ~1 :]
    return values[0]
