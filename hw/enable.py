"""Registers that load only where a step is in their stage: clock gates on chips, clock enables on FPGAs."""

from contextlib import nullcontext
from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib.wiring import Component, In

__all__ = ["connect_enables", "enable_port", "enables_of", "load"]


def enable_port(gated: bool, stages: int) -> dict[str, Any]:
    """Member of a component whose ``stages`` ranks of registers are gated: ``enable``, a bit for each, from the input on."""
    return {"enable": In(stages)} if gated and stages else {}


def enables_of(component: Component, stages: int) -> list[Value | None]:
    """What enables each rank of registers; ``None`` where they are not gated."""
    return list(component.enable) if "enable" in component.signature.members else [None] * stages


def connect_enables(m: Module, component: Component, enables: list[Value | None]) -> None:
    """Give a part of a component the bits of its ranks, if it takes any."""
    if "enable" in component.signature.members:
        m.d.comb += component.enable.eq(Cat(enables))


def load(m: Module, register: Any, value: Any, enable: Value | None) -> None:
    """``register`` takes ``value`` at each edge of the clock, or where there is an ``enable`` at those that it allows."""
    with nullcontext() if enable is None else m.If(enable):
        m.d.sync += register.eq(value)
