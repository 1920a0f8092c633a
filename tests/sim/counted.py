"""Sequences of commands with what the counters of compiled Verilog say after each."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pytest

from sim.model import Rates
from sim.network.plan import Command
from sim.rtl.core import RtlCore, RtlError
from tests.sim.command_sequences import Sequence, as_product, random_rates
from tests.sim.machines import MACHINES

__all__ = ["Counted", "counted"]

REFUSAL = r"^the core refused a command(: WIDTH|, but not the last one)$"
CASES = 30
"""Random sequences for each machine."""


class Counted(NamedTuple):
    """One to eight commands; ``cycles`` they took, ``counters`` after them. ``reset``: the core was reset before."""

    reset: bool
    rates: Rates
    commands: list[Command]
    cycles: int
    counters: dict[str, int]


def counted(name: str) -> Iterator[Counted]:
    """Random sequences on the machine of this name; some follow the one before without reset."""
    config = MACHINES[name]
    core = RtlCore(config, quick=True)
    rng = np.random.default_rng(list(MACHINES).index(name))
    for case in range(CASES):
        if case % 3 == 0:
            core.reset()
            sequence = Sequence(config, rng)
        rates = random_rates(rng)
        commands = sequence.commands(int(rng.integers(1, 9)))
        refused = any(command.refused for command in commands)
        before = core.counters()["cycles"]
        with pytest.raises(RtlError, match=REFUSAL) if refused else nullcontext():
            core.run([as_product(command, config, rng) for command in commands], rates, limit=1 << 20)
        counters = core.counters()
        yield Counted(case % 3 == 0, rates, commands, counters["cycles"] - before, counters)
