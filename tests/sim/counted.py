"""Sequences of commands with what the counters of compiled Verilog say after each."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from hw.command import OutputFormat
from sim.model import CoreModel, Rates
from sim.network.plan import Command
from sim.rtl.core import RtlCore, RtlError
from tests.sim.command_sequences import Sequence, as_product, random_rates
from tests.sim.machines import MACHINES

__all__ = ["Counted", "counted", "in_order"]

REFUSAL = r"^the core refused a command(: WIDTH|, but not the last one)$"
CASES = 30
"""Random sequences for each machine."""


class Counted(NamedTuple):
    """One to eight commands on a core.

    Attributes
    ----------
    reset
        the core was reset before.
    rates
        for each command, in force once the results before have left.
    commands
        as they follow one another.
    after
        for each command, those before whose results its A and its B wait for, None for none.
    latency
        cycles that these take to come back.
    cycles, counters
        that the commands took, and those after them.
    """

    reset: bool
    rates: list[Rates]
    commands: list[Command]
    after: list[list[int | None]]
    latency: int
    cycles: int
    counters: dict[str, int]


def in_order(case: Counted, model: CoreModel) -> Iterator[Command]:
    """The commands for ``model.run``, with what they wait for."""
    left = []
    for command, rates, after in zip(case.commands, case.rates, case.after, strict=True):
        model.deal(rates)
        model.hold(*(-1 if number is None else left[number] for number in after))
        yield command
        left.append(model.left)


def _before(number: int, rng: np.random.Generator) -> int | None:
    """A command before this one, most likely the last, or none."""
    choice = rng.random()
    return None if not number or choice < 0.4 else number - 1 if choice < 0.8 else int(rng.integers(number))


def _dealt(rates: Rates, commands: list[Command], rng: np.random.Generator) -> list[Rates]:
    """The same rates for every command, or others of A, B and C after each whose C leaves."""
    dealt, changes = [rates], rng.random() < 0.5
    for command in commands[:-1]:
        if changes and not command.refused and command.store and command.output != OutputFormat.RESULTS:
            other = random_rates(rng)
            operands = {"operands": other.a} if rates.operands else {"a": other.a, "b": other.b}
            rates = replace(rates, c=other.c, **operands)
        dealt.append(rates)
    return dealt


def counted(name: str) -> Iterator[Counted]:
    """Random sequences on the machine of this name; some follow the one before without reset."""
    config = MACHINES[name]
    core = RtlCore(config, quick=True)
    rng, waits = np.random.default_rng(list(MACHINES).index(name)), np.random.default_rng([list(MACHINES).index(name), 1])
    for case in range(CASES):
        if case % 3 == 0:
            core.reset()
            sequence = Sequence(config, rng)
        rates = random_rates(rng)
        commands = sequence.commands(int(rng.integers(1, 9)))
        rates = _dealt(rates, commands, waits)
        after = [[_before(number, waits) for _ in "ab"] for number in range(len(commands))]
        latency = int(waits.choice([0, 1, 40]))
        products = [
            replace(as_product(command, config, rng), after_a=of_a, after_b=of_b)
            for command, (of_a, of_b) in zip(commands, after, strict=True)
        ]
        refused = any(command.refused for command in commands)
        before = core.counters()["cycles"]
        with pytest.raises(RtlError, match=REFUSAL) if refused else nullcontext():
            core.run(products, rates, 1 << 20, latency)
        counters = core.counters()
        yield Counted(case % 3 == 0, rates, commands, after, latency, counters["cycles"] - before, counters)
