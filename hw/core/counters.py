"""The counters: what the machine did, in cycles and in numbers."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import CoreConfig
from hw.core.result_buffer import beat_layout

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
"""Name and meaning of each counter; all are 32 bits wide and wrap."""


def counters_layout() -> data.StructLayout:
    """All counters, in the order of ``COUNTERS``."""
    return data.StructLayout(dict.fromkeys(COUNTERS, 32))


class Counters(Component):
    """Adds up events; ``clear`` sets all to zero. A count is there in the cycle after its event.

    Members
    -------
    busy, active, stalled_load, … : events of this cycle. health_a, health_b : of the quantizers.
    beat, sent, blocked : the output beat, whether it leaves, whether it had to wait.
    o : the counters.
    """

    def __init__(self, config: CoreConfig, health):
        self.config = config
        self.health = health
        flags = ("busy", "active", "stalled_load", "stalled_store", "waited_a", "waited_b", "finished", "refused")
        super().__init__(
            dict.fromkeys((*flags, "stored", "blocked", "clear"), In(1))
            | dict.fromkeys(("health_a", "health_b", "health_c"), In(health))
            | {"beat": In(beat_layout(config)), "beat_sent": In(1), "o": Out(counters_layout())}
        )

    @property
    def module_name(self) -> str:
        return f"counters_{self.config.tile_columns}_{self.config.lanes}"

    def elaborate(self, platform) -> Module:
        m = Module()
        infinite, nan = [], []
        for lane in range(self.config.tile_columns):
            value, kept = self.beat.data[lane], self.beat.keep[lane] & self.beat_sent
            exponent_full = value[23:31].all()
            infinite.append(kept & exponent_full & ~value[:23].any())
            nan.append(kept & exponent_full & value[:23].any())
        events = {
            "cycles": 1,
            "completed": self.finished + self.stored,
            "blocked_output": self.blocked,
            "overflows": _tree(infinite),
            "nan_results": _tree(nan),
        }
        for name in ("saturated", "flushed", "nan_blocks"):
            events[name] = self.health_a[name] + self.health_b[name] + self.health_c[name]
        for name in COUNTERS:
            amount = Signal(16, name=f"{name}_amount")
            m.d.comb += amount.eq(events[name] if name in events else getattr(self, name))
            m.d.sync += self.o[name].eq(self.o[name] + amount)
        with m.If(self.clear):
            m.d.sync += self.o.eq(0)
        return m


def _tree(bits):
    """Number of set bits, as a balanced tree."""
    while len(bits) > 1:
        bits = [a + b for a, b in zip(bits[::2], [*bits[1::2], 0], strict=False)]
    return bits[0]
