"""The model's cycles against the counters of compiled Verilog."""

from contextlib import nullcontext

import numpy as np
import pytest

from hw.config import CoreConfig
from sim.model import CoreModel
from sim.rtl.core import RtlCore, RtlError
from tests.sim.command_sequences import Sequence, as_product, random_rates
from tests.sim.machines import MACHINES

REFUSAL = r"^the core refused a command(: WIDTH|, but not the last one)$"
CASES = 30
"""Random sequences for each machine."""


@pytest.mark.parametrize("name", MACHINES)
def test_counters_equal_the_compiled_core(name):
    """Sequences of one to eight commands; some follow the one before without reset."""
    config: CoreConfig = MACHINES[name]
    core = RtlCore(config, quick=True)
    rng = np.random.default_rng(list(MACHINES).index(name))
    for case in range(CASES):
        if case % 3 == 0:
            core.reset()
            model, sequence = CoreModel(config), Sequence(config, rng)
        rates = random_rates(rng)
        commands = sequence.commands(int(rng.integers(1, 9)))
        refused = any(command.refused for command in commands)
        before = core.counters()["cycles"]
        with pytest.raises(RtlError, match=REFUSAL) if refused else nullcontext():
            core.run([as_product(command, config, rng) for command in commands], rates, limit=1 << 20)
        counters = core.counters()
        model.set_rates(rates)
        assert model.run(commands) == counters["cycles"] - before, (case, rates, commands)
        assert model.counters == {key: counters[key] for key in model.counters}, (case, rates, commands)
