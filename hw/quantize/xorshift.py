# Ref: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003, section 3
"""The random sequence of stochastic rounding, several elements per cycle."""

from functools import cache

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.names import named

__all__ = ["STATE_BITS", "UNIFORM_BITS", "RandomLanes", "leap_rows", "step"]

STATE_BITS = 32
UNIFORM_BITS = 8


def step(state: int) -> int:
    """The state that follows ``state``."""
    state ^= state << 13 & 0xFFFFFFFF
    state ^= state >> 17
    return state ^ (state << 5 & 0xFFFFFFFF)


@cache
def leap_rows(steps: int) -> tuple[int, ...]:
    """Matrix over GF(2) that advances a state: its bit j after ``steps`` is the parity of ``state & rows[j]``."""
    columns = [1 << bit for bit in range(STATE_BITS)]
    for _ in range(steps):
        columns = [step(column) for column in columns]
    return tuple(sum((column >> row & 1) << bit for bit, column in enumerate(columns)) for row in range(STATE_BITS))


def _multiply(rows: tuple[int, ...], state: Value) -> Cat:
    return Cat((state & row).xor() for row in rows)


class RandomLanes(wiring.Component):
    """A xorshift32 sequence dealt to ``lanes`` elements per cycle.

    Lane i shows the top eight bits of the state i + 1 steps ahead; the sequence is linear over GF(2), so each lane
    is one constant matrix and the sequence does not depend on the number of lanes.
    The numbers come one cycle after ``advance``.

    Attributes
    ----------
    advance
        move on by ``lanes`` elements, or to the first ones after ``seed`` when ``restart`` is set too.
    uniforms
        numbers in [0, 256), shape (lanes,).
    """

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.module_name = named("random_lanes", l=lanes)
        super().__init__(
            {
                "advance": In(1),
                "restart": In(1),
                "seed": In(STATE_BITS),
                "uniforms": Out(data.ArrayLayout(UNIFORM_BITS, lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(STATE_BITS, init=1)
        with m.If(self.advance):
            m.d.sync += state.eq(Mux(self.restart, self.seed, _multiply(leap_rows(self.lanes), state)))
        for lane in range(self.lanes):
            m.d.comb += self.uniforms[lane].eq(_multiply(leap_rows(lane + 1)[-UNIFORM_BITS:], state))
        return m
