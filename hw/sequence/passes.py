"""The passes of a block product: which slices of A and B meet, and in which order."""

from typing import Any

from amaranth.hdl import Array, Const, Module, Signal, Value
from amaranth.lib import data

from hw.config import CoreConfig

__all__ = ["MOST_PASSES", "current_pass", "passes"]

MOST_PASSES = 9
"""Of one block product: three slices of A times three of B."""


def passes(slices_a: int, slices_b: int) -> list[tuple[int, int, bool]]:
    """Passes of one block product as (slice of A, slice of B, shift the sum up before), by descending weight."""
    order = sorted(((i, j) for i in range(slices_a) for j in range(slices_b)), key=lambda p: (-p[0] - p[1], -p[0]))
    weights = [i + j for i, j in order]
    return [(i, j, n > 0 and weights[n] < weights[n - 1]) for n, (i, j) in enumerate(order)]


def current_pass(m: Module, config: CoreConfig, widths: dict[str, Value], accept: Value, pass_: Value) -> Any:
    """Slice of A, slice of B, shift and end of the pass ``pass_``; constants where the machine has one width.

    ``widths`` are the mantissa widths of "a" and "b" that the waiting job asks for, taken when it begins (``accept``).
    """
    if not config.mixed:
        return Const(0), Const(0), Const(0), Const(1)
    most = config.slices(config.mantissa_widths[-1])
    slices = {}
    for name, width in widths.items():
        slices[name] = Signal(range(most + 1), name=f"slices_{name}")
        of_width = Array(config.slices(max(w, 2)) for w in range(config.mantissa_widths[-1] + 1))
        with m.If(accept):
            m.d.sync += slices[name].eq(of_width[width])
    current = Signal(data.StructLayout({"a": range(most), "b": range(most), "shift": 1, "last": 1}))
    for count_a in range(1, most + 1):
        for count_b in range(1, most + 1):
            table = passes(count_a, count_b)
            with m.If((slices["a"] == count_a) & (slices["b"] == count_b)), m.Switch(pass_):
                for n, (slice_a, slice_b, shift) in enumerate(table):
                    with m.Case(n):
                        m.d.comb += [
                            current.a.eq(slice_a), current.b.eq(slice_b), current.shift.eq(shift),
                            current.last.eq(n == len(table) - 1),
                        ]  # fmt: skip
    return current.a, current.b, current.shift, current.last
