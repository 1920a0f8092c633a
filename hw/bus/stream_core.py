"""The core with streams of 32-bit words of any width in place of its beats, and a reset of its own."""

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from hw.bus.gearbox import Gearbox, word_beat
from hw.config import CoreConfig
from hw.core.core import Core
from hw.core.counters import counters_layout
from hw.core.decoder import command_layout
from hw.emit import Emitter, place, ports_of

__all__ = ["StreamCore", "place_resettable"]


class StreamCore(Component):
    """Core between gearboxes.

    Members
    -------
    i_command, idle, error, counters, clear : of the core.
    i_a, i_b : beats of ``words``; a packet is a line of the operand, so that lines start on fresh beats.
    o_c : beats of ``words``; a packet is the C of a product, in the core's order.
    """

    def __init__(self, config: CoreConfig, words: int):
        self.config = config
        self.words = words
        self.core = Core(config)
        beats = stream.Signature(word_beat(words))
        super().__init__(
            {
                "i_command": In(stream.Signature(command_layout())),
                "i_a": In(beats), "i_b": In(beats), "o_c": Out(beats),
                "idle": Out(1), "error": Out(4), "counters": Out(counters_layout()), "clear": In(1),
            }
        )  # fmt: skip

    @property
    def module_name(self) -> str:
        return f"stream_{self.words}_{self.core.module_name}"

    def elaborate(self, platform) -> Module:
        m = Module()
        core = place(m, platform, "core", self.core)
        for name in "ab":
            gearbox = place(m, platform, f"gearbox_{name}", Gearbox(self.words, self.config.lanes))
            outer, inner = getattr(self, f"i_{name}"), getattr(core, f"i_{name}")
            _connect(m, outer, gearbox.i)
            m.d.comb += [
                inner.payload.eq(gearbox.o.payload.data),
                inner.valid.eq(gearbox.o.valid),
                gearbox.o.ready.eq(inner.ready),
            ]
        results = place(m, platform, "gearbox_c", Gearbox(self.config.tile_columns, self.words))
        m.d.comb += [
            results.i.payload.data.eq(core.o_c.payload.data),
            results.i.payload.count.eq(_ones(core.o_c.payload.keep)),
            results.i.payload.last.eq(core.o_c.payload.last),
            results.i.valid.eq(core.o_c.valid),
            core.o_c.ready.eq(results.i.ready),
            self.idle.eq(core.idle & ~results.o.valid),
            self.error.eq(core.error),
            self.counters.eq(core.counters),
            core.clear.eq(self.clear),
        ]
        _connect(m, self.i_command, core.i_command)
        _connect(m, results.o, self.o_c)
        return m


def _connect(m: Module, source, sink) -> None:
    m.d.comb += [sink.payload.eq(source.payload), sink.valid.eq(source.valid), source.ready.eq(sink.ready)]


def _ones(bits):
    """Number of set bits."""
    numbers = list(bits)
    while len(numbers) > 1:
        numbers = [a + b for a, b in zip(numbers[::2], [*numbers[1::2], 0], strict=False)]
    return numbers[0]


def place_resettable(m: Module, platform, name: str, component: Component, reset) -> Component:
    """Like ``hw.emit.place``, with ``reset`` (synchronous, active high) beside the domain's own.

    Raises
    ------
    TypeError : outside of emission; such a component exists as Verilog only.
    """
    if not isinstance(platform, Emitter):
        raise TypeError(f"{component.module_name} can only be emitted")
    connections = {f"{'i' if flow == 'in' else 'o'}_{port}": value for port, flow, value in ports_of(component)}
    m.submodules[name] = Instance(
        platform.add(component), i_clk=ClockSignal(), i_rst=ResetSignal() | reset, **connections
    )
    return component
