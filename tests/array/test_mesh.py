"""The mesh: skewed operands in, results of all units out, output tiles as close as they may be."""

from random import Random

import cocotb
import pytest

from hw.array.control import control_layout
from hw.array.mesh import Mesh
from hw.array.tile import drain_layout
from hw.config import CoreConfig
from tests.array.plan import make_plan, word_at_the_edge
from tests.bench import parameters, simulate
from tests.layouts import pack, step, unpack
from tests.streams import reset, start_clock

CONFIGS = {
    "tiles": CoreConfig(
        block_size=4, dot=2, tile_rows=1, tile_columns=2, mesh_rows=3, mesh_columns=2, interleave=2,
        accumulator_cycles=4, datapath="behavioral", clock_gating=True,
    ),
    "units": CoreConfig(
        mantissa_widths=(8,), block_size=2, tile_rows=1, tile_columns=1, mesh_rows=2, mesh_columns=3,
        datapath="behavioral",
    ),
}  # fmt: skip


@cocotb.test()
async def every_unit_equals_golden(dut):
    """Row i and column j get their operands i and j cycles late; drain column j shows its results j cycles late.

    Captures are ``drain_cycles`` apart where blocks are few, so nothing may be lost at that distance.
    """
    config, rng = CoreConfig.from_dict(parameters()["config"]), Random(1)
    mesh = Mesh(config)
    plan = make_plan(rng, config, tiles=50, distance=mesh.drain_cycles, pause=0)
    steps = {s.cycle: s for s in plan.steps}
    drain, lanes = drain_layout(config, mesh.result_width), config.tile_columns
    rows = [row for _, results in plan.tiles for row in results.reshape(-1, config.columns).tolist()]
    wanted = [[row[j * lanes : (j + 1) * lanes] for row in rows] for j in range(config.mesh_columns)]
    final, _ = plan.tiles[0]
    first = [final + mesh.result_cycles + j for j in range(config.mesh_columns)]
    start_clock(dut)
    await reset(dut, **{f"i_control__{i}": 0 for i in range(config.mesh_rows)})
    for cycle in range(plan.tiles[-1][0] + mesh.result_cycles + mesh.drain_cycles + config.mesh_columns):
        inputs = {}
        for i in range(config.mesh_rows):
            s, part = steps.get(cycle - i), slice(i * config.tile_rows, (i + 1) * config.tile_rows)
            shape = mesh.i_a[i].shape()
            inputs[f"i_a__{i}"] = pack(shape, s.a[part]) if s else rng.getrandbits(shape.size)
            inputs[f"i_control__{i}"] = pack(control_layout(config), s.control) if s else 0
        for j in range(config.mesh_columns):
            s, part = steps.get(cycle - j), slice(j * lanes, (j + 1) * lanes)
            shape = mesh.i_b[j].shape()
            inputs[f"i_b__{j}"] = pack(shape, s.b[part]) if s else rng.getrandbits(shape.size)
        for j, word in enumerate(await step(dut, [f"o_drain__{j}" for j in range(config.mesh_columns)], **inputs)):
            shown = unpack(drain, word)
            if shown.valid:
                assert cycle >= first[j]
                assert [word_at_the_edge(word, config) for word in shown.values] == wanted[j].pop(0), (cycle, j)
            else:
                assert cycle != first[j]
    assert not any(wanted)


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_mesh(name):
    component = Mesh(CONFIGS[name])
    assert simulate(component, "tests.array.test_mesh", {"config": CONFIGS[name].to_dict()}) == 1
