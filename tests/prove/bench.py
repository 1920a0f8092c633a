"""What a proof is asked about: a design, free inputs, premises on them and claims about what comes out."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Module, ResetSignal, Signal, Value
from amaranth.lib.wiring import Component, In, Out

__all__ = ["Bench", "Stage"]


class Bench(Component):
    """A combinational bench: ``bad`` where all premises hold and a claim does not.

    Parameters
    ----------
    name
        of the module.
    inputs
        shapes of the free inputs, by name.
    describe
        ``describe(bench, m, platform)`` builds the design and calls ``require`` and ``claim``.
    """

    def __init__(self, name: str, inputs: dict[str, Any], describe: Callable) -> None:
        self.module_name, self.describe = f"bench_{name}", describe
        self.premises: list[Value] = []
        self.claims: list[Value] = []
        super().__init__({name: In(shape) for name, shape in inputs.items()} | {"bad": Out(1)})

    def require(self, condition: Value) -> None:
        """A premise."""
        self.premises.append(condition)

    def claim(self, condition: Value) -> None:
        """What shall hold."""
        self.claims.append(condition)

    def _collect(self, m: Module, conditions: list[Value], name: str) -> Signal:
        conditions = [*conditions, Const(1)]
        flags = Signal(len(conditions), name=name)
        m.d.comb += flags.eq(Cat(Value.cast(condition).any() for condition in conditions))
        return flags.all()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.premises, self.claims = [], []
        self.describe(self, m, platform)
        m.d.comb += self.bad.eq(self._collect(m, self.premises, "premises") & ~self._collect(m, self.claims, "claims"))
        return m


class Stage(Bench):
    """A bench with a clock: after one cycle of reset, ``bad`` where a claim fails and all premises have held so far.

    Registers start with anything; what reset does not reach keeps it.

    Parameters
    ----------
    premises_end_before
        a claim may rest on premises of the cycles before only. Parts that are proved so can be put together in a ring:
        what each claims of a cycle rests on what the others claimed of earlier ones.
    """

    def __init__(self, name: str, inputs: dict[str, Any], describe: Callable, premises_end_before: bool = False) -> None:
        super().__init__(name, inputs, describe)
        self.premises_end_before = premises_end_before

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.premises, self.claims = [], []
        m.domains.sync = ClockDomain()
        self.started = started = Signal(name="started", reset_less=True)
        broken, holds = Signal(), Signal()
        m.d.power += started.eq(1)
        m.d.comb += [ClockSignal().eq(ClockSignal("power")), ResetSignal().eq(~started)]
        self.describe(self, m, platform)
        m.d.comb += [
            holds.eq(self._collect(m, self.premises, "premises") & ~broken),
            self.bad.eq(started & (~broken if self.premises_end_before else holds) & ~self._collect(m, self.claims, "claims")),
        ]
        m.d.sync += broken.eq(~holds)
        return m
