"""The registers as hardware: one access at a time, answered after a fixed time whatever the core does."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from hw.bus.gearbox import word_beat
from hw.bus.registers import (
    ADDRESS_WIDTH,
    CONTROL,
    FAULTS,
    IDENTITY,
    INTERRUPTS,
    VERSION,
    Register,
    capabilities,
    command_words,
    registers_of,
)  # fmt: skip
from hw.config import CoreConfig
from hw.core.counters import COUNTERS, counters_layout
from hw.core.decoder import command_layout
from hw.names import named

__all__ = ["RegisterBank"]

SOFT_RESET_CYCLES = 4
STREAM_EVENTS = tuple(name for name in FAULTS if name != "refused")
LEFT = ("left_a", "left_b", "left_bias")


class RegisterBank(Component):
    """Registers of ``hw.bus.registers``.

    ``done`` comes ``access_cycles`` after ``valid``, with ``read_data`` and ``error``; the next access may begin in the
    cycle after ``done``. An access that is not allowed, or finds no room or no data, has no effect but ``error``.

    Parameters
    ----------
    config
        the machine.
    stream_words
        words of the streams beside the registers; 0: operands and results pass here.
    clock_hz
        what the capability of this name says.

    Attributes
    ----------
    valid, write, address (bytes), write_data
        an access, held for one cycle.
    done, read_data, error
        its answer.
    o_command, o_a, o_b, o_bias, i_c
        to and from the core.
    idle, core_error, counters
        of the core.
    gap_a, gap_b, gap_bias, short_a, short_b, short_bias, long_a, long_b, long_bias
        events of the streams.
    left_a, left_b, left_bias
        words wait at the streams.
    soft_reset, clear
        to the core.
    interrupt
        some enabled cause is set.
    """

    access_cycles = 2

    def __init__(self, config: CoreConfig, stream_words: int = 0, clock_hz: int = 0):
        self.config = config
        self.stream_words = stream_words
        self.clock_hz = clock_hz
        self.module_name = named("register_bank", config.name, w=stream_words, hz=clock_hz)
        words = stream.Signature(word_beat(1))
        super().__init__(
            {
                "valid": In(1), "write": In(1), "address": In(ADDRESS_WIDTH), "write_data": In(32),
                "done": Out(1), "read_data": Out(32), "error": Out(1),
                "o_command": Out(stream.Signature(command_layout())),
                "o_a": Out(words), "o_b": Out(words), "o_bias": Out(words), "i_c": In(words),
                "idle": In(1), "core_error": In(4), "counters": In(counters_layout()),
                "soft_reset": Out(1), "clear": Out(1), "interrupt": Out(1),
            }
            | dict.fromkeys((*STREAM_EVENTS, *LEFT), In(1))
        )  # fmt: skip

    def accessed_by(self, bus: Component) -> list[Any]:
        """Statements that connect what asks for accesses: its ``request``, ``write``, ``address`` and ``write_data``."""
        return [
            self.valid.eq(bus.request), self.write.eq(bus.write), self.address.eq(bus.address),
            self.write_data.eq(bus.write_data),
            bus.done.eq(self.done), bus.read_data.eq(self.read_data), bus.error.eq(self.error),
        ]  # fmt: skip

    def watches(self, core: Component) -> list[Any]:
        """Statements that connect what a ``StreamCore`` says of itself; gaps are seen where packets come in."""
        events = [f"{kind}_{name}" for kind in ("short", "long", "left") for name in ("a", "b", "bias")]
        return [
            self.idle.eq(core.idle), self.core_error.eq(core.error), self.counters.eq(core.counters),
            core.clear.eq(self.clear),
            *(getattr(self, event).eq(getattr(core, event)) for event in events),
        ]  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        asked = Signal()
        read, write = Signal(), Signal()
        address, word = Signal(ADDRESS_WIDTH), Signal(32)
        m.d.sync += [
            asked.eq(self.valid), read.eq(self.valid & ~self.write), write.eq(self.valid & self.write),
            address.eq(self.address), word.eq(self.write_data),
            self.done.eq(asked),
        ]  # fmt: skip
        cause, enable = Signal(len(INTERRUPTS)), Signal(len(INTERRUPTS))
        self._events = {name: Signal(name=f"{name}_event") for name in INTERRUPTS}
        self._resetting = Signal(range(SOFT_RESET_CYCLES + 1))
        self._refusal = Signal(4)
        self._command = Signal(32 * command_words())
        self._cleared = Signal(len(INTERRUPTS))
        self._begun = Signal()
        values = self._values(cause, enable)

        answer, broken = Signal(32), Signal()
        m.d.comb += broken.eq(1)
        with m.Switch(address):
            for register in registers_of(self.config, self.stream_words):
                with m.Case(register.offset):
                    allowed = {"ro": read, "wo": write}.get(register.access, Const(1))
                    m.d.comb += broken.eq(~allowed)
                    if register.name in values:
                        m.d.comb += answer.eq(values[register.name])
                    with m.If(allowed & asked):
                        self._act(m, register, word, write, broken, cause, enable)
        m.d.sync += [self.read_data.eq(answer), self.error.eq(broken & asked)]
        m.d.comb += [
            self.o_command.payload.eq(self._command[: command_layout().size]),
            *(port.payload.data[0].eq(word) for port in (self.o_a, self.o_b, self.o_bias)),
            *(port.payload.count.eq(1) for port in (self.o_a, self.o_b, self.o_bias)),
            self.soft_reset.eq(self._resetting != 0),
        ]
        with m.If(self._resetting != 0):
            m.d.sync += self._resetting.eq(self._resetting - 1)
        with m.If(self._begun):
            m.d.sync += self._resetting.eq(SOFT_RESET_CYCLES)
        self._interrupt(m, cause, enable)
        return m

    def _values(self, cause: Signal, enable: Signal) -> dict[str, Value]:
        """What each readable register shows."""
        status = Cat(
            self.idle,
            self.o_command.ready,
            self.o_a.ready,
            self.o_b.ready,
            self.i_c.valid,
            self.o_bias.ready,
            Cat(cause[list(INTERRUPTS).index(name)] for name in FAULTS).any(),
            Const(0, 1),
            self.core_error,
            Mux(cause[list(INTERRUPTS).index("refused")], self._refusal, 0),
            *(getattr(self, name) for name in LEFT),
        )
        constants = {"identity": IDENTITY, "version": VERSION}
        constants |= capabilities(self.config, self.stream_words, self.clock_hz)
        return (
            {name: Const(value, 32) for name, value in constants.items()}
            | {
                "status": status,
                "interrupt_enable": enable,
                "interrupt_cause": cause,
                "data_c": self.i_c.payload.data[0],
            }
            | {f"count_{name}": self.counters[name] for name in COUNTERS}
        )

    def _act(
        self, m: Module, register: Register, word: Signal, write: Signal, broken: Signal, cause: Signal, enable: Signal
    ) -> None:
        """What an allowed access does."""
        name = register.name
        if name == "control":
            m.d.comb += [
                self._begun.eq(word[list(CONTROL).index("soft_reset")]),
                self.clear.eq(word[list(CONTROL).index("clear_counters")]),
            ]
        elif name == "interrupt_enable":
            with m.If(write):
                m.d.sync += enable.eq(word)
        elif name == "interrupt_cause":
            with m.If(write):
                m.d.comb += self._cleared.eq(word)
        elif name.startswith("command_"):
            index = int(name.removeprefix("command_"))
            m.d.sync += self._command.word_select(index, 32).eq(word)
        elif name == "submit":
            m.d.comb += [
                self.o_command.valid.eq(1),
                broken.eq(~self.o_command.ready),
                self._events["overflow"].eq(broken),
            ]
        elif name == "data_c":
            m.d.comb += [self.i_c.ready.eq(1), broken.eq(~self.i_c.valid), self._events["underflow"].eq(broken)]
        elif name.startswith("data_"):
            port = getattr(self, f"o_{name.removeprefix('data_').removesuffix('_last')}")
            m.d.comb += [
                port.valid.eq(1), port.payload.last.eq(name.endswith("_last")),
                broken.eq(~port.ready), self._events["overflow"].eq(broken),
            ]  # fmt: skip

    def _interrupt(self, m: Module, cause: Signal, enable: Signal) -> None:
        """An event sets its cause, even in the cycle in which that is cleared."""
        was_idle, refused_before, started = Signal(init=1), Signal(32), Signal()
        m.d.sync += [was_idle.eq(self.idle), refused_before.eq(self.counters.refused)]
        m.d.comb += [
            self._events["completed"].eq(self.idle & ~was_idle & started & (self._resetting == 0)),
            self._events["refused"].eq((self.counters.refused != refused_before) & (self.counters.refused != 0)),
            *(self._events[name].eq(getattr(self, name)) for name in STREAM_EVENTS),
            self.interrupt.eq((cause & enable).any()),
        ]
        m.d.sync += cause.eq((cause & ~self._cleared) | Cat(self._events.values()))
        with m.If(self._events["completed"] | self.soft_reset):
            m.d.sync += started.eq(0)
        with m.If(self.o_command.valid & self.o_command.ready):
            m.d.sync += started.eq(1)
        with m.If(self._events["refused"] & ~cause[list(INTERRUPTS).index("refused")]):
            m.d.sync += self._refusal.eq(self.core_error)
