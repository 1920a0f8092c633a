"""The unit against golden's accumulators, block by block."""

from random import Random

import cocotb
import pytest

from hw.array.processing_element import ProcessingElement
from hw.config import CoreConfig
from tests.array.plan import make_plan, word_at_the_edge
from tests.bench import parameters, simulate
from tests.layouts import pack, step
from tests.streams import reset, start_clock

CONFIGS = {
    "mixed": CoreConfig(
        mantissa_widths=(4, 6), block_size=8, dot=4, tile_rows=1, tile_columns=1, interleave=2, accumulator_cycles=3,
        tree_cycles=1, datapath="behavioral",
    ),
    "joined": CoreConfig(
        mantissa_widths=(4, 6), block_size=8, dot=4, tile_rows=1, tile_columns=1, interleave=2, accumulator_cycles=3,
        tree_cycles=2, datapath="carry_chain",
    ),
    "whole_block": CoreConfig(
        mantissa_widths=(5,), block_size=3, tile_rows=1, tile_columns=1, accumulator="bf16", datapath="behavioral"
    ),
}  # fmt: skip


@cocotb.test()
async def every_sum_equals_golden(dut):
    """Each input comes in the cycle in which the unit samples it, and noise in all others."""
    config, rng = CoreConfig.from_dict(parameters()["config"]), Random(1)
    unit = ProcessingElement(config)
    plan = make_plan(rng, config, tiles=60, distance=1)
    block_sum = config.tree_cycles + 1
    read, write = block_sum + unit.accumulator.read_cycle, block_sum + unit.accumulator.write_cycle
    inputs: dict[int, dict] = {}
    expected = {}
    for s in plan.steps:
        (a,), (b,), control = s.a, s.b, s.control
        at = lambda delay, cycle=s.cycle: inputs.setdefault(cycle + delay, {})  # noqa: E731
        for name, operand in (("a", a), ("b", b)):
            at(0)[name] = pack(getattr(unit, name).shape(), operand["mantissas"])
        if unit.sums:
            sums = {"clear": control["clear"], "shift": control["shift"]}
            at(config.tree_cycles)["sum_control"] = pack(unit.sum_control.shape(), sums)
        if control["block"]:
            for name, operand in (("a", a), ("b", b)):
                at(block_sum)[f"scale_{name}"] = operand["scale"] % (1 << config.scale_width)
                at(block_sum)[f"nan_{name}"] = operand["nan"]
            at(read)["read"] = pack(unit.read.shape(), {"slot": control["slot"], "first": control["first"]})
            at(write)["write"] = pack(unit.write.shape(), {"slot": control["slot"], "enable": 1})
            expected[s.cycle + write] = int(s.words[0, 0])
    widths = {name: len(getattr(dut, name)) for name in set().union(*inputs.values())}
    start_clock(dut)
    await reset(dut, write=0)
    for cycle in range(max(inputs) + 1):
        noise = {name: rng.getrandbits(width) for name, width in widths.items()} | {"write": 0}
        (value,) = await step(dut, ["value"], **noise | inputs.get(cycle, {}))
        if cycle in expected:
            value = word_at_the_edge(value, config)
            assert value == expected[cycle], f"cycle {cycle}: {value:#x} instead of {expected[cycle]:#x}"


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_processing_element(name):
    component = ProcessingElement(CONFIGS[name])
    assert simulate(component, "tests.array.test_processing_element", {"config": CONFIGS[name].to_dict()}) == 1
