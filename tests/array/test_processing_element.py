"""The unit against golden's accumulators, block by block."""

import json
from random import Random

import cocotb
import pytest

from hw.array.processing_element import ProcessingElement
from hw.config import CoreConfig
from hw.emit import emit_verilog
from hw.host.tools import yosys
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
    "gated": CoreConfig(
        mantissa_widths=(4, 6), block_size=8, dot=4, tile_rows=1, tile_columns=1, interleave=3, accumulator_cycles=5,
        tree_cycles=2, clock_gating=True,
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
    enables: dict[int, int] = {}
    expected = {}
    for s in plan.steps:
        (a,), (b,), control = s.a, s.b, s.control
        for rank in range(unit.ranks if control["block"] else block_sum):
            enables[s.cycle + rank] = enables.get(s.cycle + rank, 0) | 1 << rank
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
    gated = config.clock_gating
    await reset(dut, write=0, **{"enable": 0} if gated else {})
    for cycle in range(max(inputs) + 1):
        noise = {name: rng.getrandbits(width) for name, width in widths.items()} | {"write": 0}
        if gated:
            noise["enable"] = enables.get(cycle, 0)
        (value,) = await step(dut, ["value"], **noise | inputs.get(cycle, {}))
        if cycle in expected:
            value = word_at_the_edge(value, config)
            assert value == expected[cycle], f"cycle {cycle}: {value:#x} instead of {expected[cycle]:#x}"


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_processing_element(name):
    component = ProcessingElement(CONFIGS[name])
    assert simulate(component, "tests.array.test_processing_element", {"config": CONFIGS[name].to_dict()}) == 1


GATED = {
    "paired": {"mantissa_widths": (6,), "dot": 2, "tile_rows": 2, "tile_columns": 2},
    "carry_chain": {"datapath": "carry_chain"},
    "dsp": {"datapath": "dsp"},
    "behavioral": {"datapath": "behavioral"},
    "joined_blocks": {"accumulator": "fp32x2", "dot": 8},
    "aligned": {"accumulator": "aligned"},
}


@pytest.mark.parametrize("name", GATED)
def test_every_register_of_a_gated_unit_has_an_enable(name, tmp_path):
    """Yosys finds registers that load always only in a unit without clock gating."""
    usual = {"block_size": 4, "dot": 4, "tile_rows": 1, "tile_columns": 1, "tree_cycles": 2, "accumulator_cycles": 4,
             "interleave": 3}  # fmt: skip
    found = {}
    for gated in (False, True):
        unit = ProcessingElement(CoreConfig(**usual | GATED[name], clock_gating=gated))
        folder = tmp_path / str(gated)
        folder.mkdir()
        (folder / "unit.v").write_text(emit_verilog(unit))
        yosys(f"read_verilog unit.v\nhierarchy -top {unit.module_name}\nproc\nflatten\nopt\nwrite_json unit.json\n", folder)
        cells = json.loads((folder / "unit.json").read_text())["modules"][unit.module_name]["cells"].values()
        found[gated] = sum(int(c["parameters"]["WIDTH"], 2) for c in cells if c["type"] == "$dff")
    assert found[False] > 50
    assert found[True] == 0
