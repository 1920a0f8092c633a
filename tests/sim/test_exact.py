"""The model's cycles against the counters of compiled Verilog."""

import pytest

from sim.model import CoreModel
from tests.sim import counted
from tests.sim.machines import MACHINES


@pytest.mark.parametrize("name", MACHINES)
def test_counters_equal_the_compiled_core(name):
    for case in counted.counted(name):
        if case.reset:
            model = CoreModel(MACHINES[name])
        model.set_rates(case.rates[0])
        model.latency = case.latency
        assert model.run(counted.in_order(case, model)) == case.cycles, case
        assert model.counters == {key: case.counters[key] for key in model.counters}, case
