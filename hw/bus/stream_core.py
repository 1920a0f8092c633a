"""The core with streams of 32-bit words of any width in place of its beats, and a reset of its own."""

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, PureInterface

from hw.bus.gearbox import Gearbox, word_beat
from hw.bus.line_guard import LineGuard
from hw.config import CoreConfig
from hw.core.core import Core
from hw.core.counters import counters_layout
from hw.core.decoder import command_layout
from hw.emit import Emitter, place, ports_of
from hw.names import named

__all__ = ["StreamCore", "check_bus", "place_resettable"]


def check_bus(config: CoreConfig) -> None:
    """Refuse a machine that no bus has.

    Raises
    ------
    ValueError
        naming the parameter, the rule and the value.
    """
    if config.result_streams > 1:
        raise ValueError(f"result_streams must be 1 on a bus, not {config.result_streams}")
    if config.walks:
        raise ValueError(f"features must be without patches on a bus, not {', '.join(config.features)}")


class StreamCore(Component):
    """Core between gearboxes.

    Parameters
    ----------
    config
        the machine.
    words
        of the beats.
    guarded
        hold packets of operands against their lines, see ``LineGuard``; without, lines may also be put together
        from whole beats of the core that no packet ends.

    Attributes
    ----------
    i_command, idle, error, counters, clear
        of the core.
    i_a, i_b
        beats of ``words``; a packet is a line of the operand (packed: the operand), so that lines start on fresh
        beats.
    i_bias
        with the feature "bias", likewise; a packet is a panel's part.
    o_c
        beats of ``words``; a packet is the C of a product, in the core's order.
    short_a, short_b, short_bias, long_a, long_b, long_bias
        events of the guards.
    left_a, left_b, left_bias
        words wait that the core has not taken.
    """

    def __init__(self, config: CoreConfig, words: int, guarded: bool = False):
        self.config = config
        self.words = words
        self.guarded = guarded
        check_bus(config)
        self.core = Core(config)
        beats = stream.Signature(word_beat(words))
        super().__init__(
            {
                "i_command": In(stream.Signature(command_layout())),
                "i_a": In(beats), "i_b": In(beats), "o_c": Out(beats),
                "idle": Out(1), "error": Out(4), "counters": Out(counters_layout()), "clear": In(1),
            }
            | {f"{event}_{name}": Out(1) for event in ("short", "long", "left") for name in ("a", "b", "bias")}
            | ({"i_bias": In(beats)} if "bias" in config.features else {})
        )  # fmt: skip

    @property
    def module_name(self) -> str:
        return named("stream_core", self.config.name, w=self.words, guarded=self.guarded)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = place(m, platform, "core", self.core)
        widths = {"a": self.config.lanes, "b": self.config.lanes}
        if "bias" in self.config.features:
            widths["bias"] = self.config.tile_columns
        for name, width in widths.items():
            gearbox = place(m, platform, f"gearbox_{name}", Gearbox(self.words, width))
            _connect(m, getattr(self, f"i_{name}"), gearbox.i)
            source, sink = gearbox.o, getattr(core, f"i_{name}")
            empty = source.payload.count == 0  # a beat without words only ends a packet
            m.d.comb += getattr(self, f"left_{name}").eq(source.valid & ~empty)
            if self.guarded:
                guard = self._guard(m, platform, name, width, core)
                _connect(m, source, guard.i)
                _connect(m, guard.o, sink)
            else:
                m.d.comb += [
                    sink.payload.eq(source.payload.data),
                    sink.valid.eq(source.valid & ~empty),
                    source.ready.eq(sink.ready | empty),
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

    def _guard(self, m: Module, platform: object, name: str, width: int, core: Component) -> LineGuard:
        guard: LineGuard = place(m, platform, f"guard_{name}", LineGuard(width))
        for signal in ("line_start", "line_end", "line_words"):
            m.d.comb += getattr(guard, signal).eq(getattr(core, f"{signal}_{name}"))
        for event in ("short", "long"):
            m.d.comb += getattr(self, f"{event}_{name}").eq(getattr(guard, event))
        return guard


def _connect(m: Module, source: PureInterface, sink: PureInterface) -> None:
    m.d.comb += [sink.payload.eq(source.payload), sink.valid.eq(source.valid), source.ready.eq(sink.ready)]


def _ones(bits: Value) -> Value:
    """Number of set bits."""
    numbers = list(bits)
    while len(numbers) > 1:
        numbers = [a + b for a, b in zip(numbers[::2], [*numbers[1::2], 0], strict=False)]
    return numbers[0]


def place_resettable(m: Module, platform: object, name: str, component: Component, reset: Value) -> Component:
    """Like ``hw.emit.place``, with ``reset`` (synchronous, active high) beside the domain's own.

    Raises
    ------
    TypeError
        outside of emission; such a component exists as Verilog only.
    """
    if not isinstance(platform, Emitter):
        raise TypeError(f"{component.module_name} can only be emitted")
    connections = {f"{'i' if flow == 'in' else 'o'}_{port}": value for port, flow, value in ports_of(component)}
    m.submodules[name] = Instance(
        platform.add(component), i_clk=ClockSignal(), i_rst=ResetSignal() | reset, **connections
    )
    return component
