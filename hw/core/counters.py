"""The counters: what the machine did, in cycles and in numbers."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import CoreConfig
from hw.core.result_buffer import beat_layout
from hw.names import named
from hw.timing import COUNT_CYCLES, COUNTER_WIDTH

__all__ = ["COUNTERS", "Counters", "counters_layout"]

COUNTERS = {
    "cycles": "cycles since reset or clear",
    "busy": "cycles in which the array took a step of a block product",
    "active": "cycles in which a product was being issued, or its results were still in the array or the result buffer",
    "stalled_load": "cycles in which a product waited for its operands",
    "stalled_store": "cycles in which a product waited for the drain chains or the result buffer",
    "waited_a": "cycles in which the loader of A had elements to take and its stream offered none",
    "waited_b": "the same for B",
    "blocked_output": "cycles in which a beat of C was offered and not taken",
    "completed": "products finished",
    "refused": "commands refused",
    "saturated": "elements whose rounded mantissa was clipped",
    "flushed": "nonzero elements whose mantissa became zero",
    "nan_blocks": "blocks with a NaN or an infinity",
    "overflows": "infinite elements of C, before bias",
    "nan_results": "NaN elements of C, before bias",
}
"""Name and meaning of each counter; all are ``COUNTER_WIDTH`` bits wide and stay at their largest value."""


def counters_layout(width: int = COUNTER_WIDTH) -> data.StructLayout:
    """All counters, in the order of ``COUNTERS``."""
    return data.StructLayout(dict.fromkeys(COUNTERS, width))


class Counters(Component):
    """Adds up events, as far as a counter goes: one that would pass its largest value stays there. ``clear`` zeroes all.

    ``cycles`` is up to date; any other count is there ``count_cycles`` after its event, as is what ``clear`` makes of it.

    Parameters
    ----------
    config
        the machine.
    health
        shape of ``BlockQuantizer``'s ``health``.
    width
        bits of a counter.

    Attributes
    ----------
    busy, active, stalled_load, …
        events of this cycle.
    health_a, health_b
        of the quantizers; ``health_c`` of each stream's.
    beat, beat_sent, blocked
        the output beats of all streams, whether each leaves, whether one had to wait.
    o
        the counters.
    """

    count_cycles = COUNT_CYCLES

    def __init__(self, config: CoreConfig, health: Any, width: int = COUNTER_WIDTH) -> None:
        self.config, self.width = config, width
        flags = ("busy", "active", "stalled_load", "stalled_store", "waited_a", "waited_b", "finished", "refused")
        super().__init__(
            dict.fromkeys((*flags, "stored", "blocked", "clear"), In(1))
            | {"health_a": In(health), "health_b": In(health), "health_c": In(data.ArrayLayout(health, config.result_streams))}
            | {"beat": In(data.ArrayLayout(beat_layout(config), config.result_streams)), "beat_sent": In(config.result_streams)}
            | {"o": Out(counters_layout(width))}
        )

    @property
    def module_name(self) -> str:
        return named("counters", self.config.name, w=self.width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Cycle 1: the beat, which comes out of a memory. 2: amounts. 3: counts.
        infinite, nan = [], []
        for number, (beat, sent) in enumerate(zip(self.beat, self.beat_sent, strict=True)):
            words = Signal.like(beat.data, name=f"words_{number}", reset_less=True)
            kept = Signal(self.config.tile_columns, name=f"kept_{number}")
            m.d.sync += [words.eq(beat.data), kept.eq(Mux(sent, beat.keep, 0))]
            for lane, value in enumerate(words):
                exponent_full = kept[lane] & value[23:31].all()
                infinite.append(exponent_full & ~value[:23].any())
                nan.append(exponent_full & value[:23].any())
        events = {
            "completed": self.finished + self.stored,
            "blocked_output": self.blocked,
            "overflows": _tree(infinite),
            "nan_results": _tree(nan),
        }
        for name in ("saturated", "flushed", "nan_blocks"):
            events[name] = _tree([self.health_a[name], self.health_b[name], *(health[name] for health in self.health_c)])
        cleared = Signal(self.count_cycles)
        m.d.sync += [cleared.eq(Cat(self.clear, cleared)), self.o.cycles.eq(Mux(self.clear, 0, self._next(m, "cycles", 1)))]
        for name in COUNTERS:
            if name == "cycles":
                continue
            event = events[name] if name in events else getattr(self, name)
            rank = 1 if name in ("overflows", "nan_results") else 0
            amount = Signal(Value.cast(event).shape(), name=f"{name}_amount")
            m.d.sync += [
                amount.eq(event),
                self.o[name].eq(Mux(cleared[rank], 0, self._next(m, name, amount))),
            ]
        return m

    def _next(self, m: Module, name: str, amount: Any) -> Value:
        """The counter and ``amount``; all ones when that is too much."""
        total = Signal(self.width + 1, name=f"{name}_total")
        m.d.comb += total.eq(self.o[name] + amount)
        return total[:-1] | total[-1].replicate(self.width)


def _tree(bits: Any) -> Any:
    """The sum, as a balanced tree."""
    while len(bits) > 1:
        bits = [a + b for a, b in zip(bits[::2], [*bits[1::2], 0], strict=False)]
    return bits[0]
