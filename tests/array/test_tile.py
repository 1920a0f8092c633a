"""The tile alone: every unit its own operands, results north in order, those of the south behind them."""

from random import Random

import cocotb
import pytest

from hw.array.control import control_layout
from hw.array.tile import Tile, drain_layout
from hw.config import CoreConfig
from tests.array.plan import make_plan, word_at_the_edge
from tests.bench import parameters, simulate
from tests.layouts import pack, step, unpack
from tests.streams import reset, start_clock

CONFIGS = {
    "mixed": CoreConfig(
        mantissa_widths=(4, 6), block_size=4, tile_rows=2, tile_columns=3, interleave=2, tree_cycles=1,
        accumulator_cycles=3, datapath="behavioral",
    ),
    "gated": CoreConfig(
        mantissa_widths=(6,), block_size=4, dot=2, tile_rows=2, tile_columns=2, interleave=2, tree_cycles=1,
        accumulator_cycles=3, clock_gating=True,
    ),
    "paired": CoreConfig(mantissa_widths=(6,), block_size=4, dot=2, tile_rows=2, tile_columns=2),
}  # fmt: skip


@cocotb.test()
async def results_leave_in_order_and_operands_pass_on(dut):
    """Results come ``unit_cycles + 1`` after a tile's final step, row by row and slot by slot, then the south's."""
    config = CONFIGS[parameters()["name"]]
    rng, tile, layout = Random(1), Tile(config), control_layout(config)
    own = config.rows * config.interleave
    plan = make_plan(rng, config, tiles=25, distance=4 * own)
    drain = drain_layout(config, tile.result_width)
    steps = {s.cycle: s for s in plan.steps}
    expected, south = [], {}
    for final, results in plan.tiles:
        start = final + tile.unit_cycles + 1
        words = results.transpose(0, 1, 2).reshape(own, config.columns).tolist()
        expected += [(start + n, row) for n, row in enumerate(words)]
        for cycle in sorted(rng.sample(range(start, start + 2 * own), own)):
            south[cycle] = [rng.getrandbits(tile.result_width) for _ in range(config.columns)]
            expected.append((cycle + own, [word_at_the_edge(word, config) for word in south[cycle]]))
    expected.sort()
    start_clock(dut)
    await reset(dut, i_control=0, i_drain=0)
    before, kept, gated = None, None, config.clock_gating
    for cycle in range(expected[-1][0] + 5):
        s, inputs = steps.get(cycle), {}
        for name in ("a", "b"):
            shape = getattr(tile, f"i_{name}").shape()
            inputs[f"i_{name}"] = pack(shape, getattr(s, name)) if s else rng.getrandbits(shape.size)
        noise = rng.getrandbits(layout.size) & ~1  # whatever it is, it is not valid
        inputs["i_control"] = pack(layout, s.control) if s else noise
        inputs["i_drain"] = pack(drain, {"values": south[cycle], "valid": 1}) if cycle in south else 0
        control, a, b, north = await step(dut, ["o_control", "o_a", "o_b", "o_drain"], **inputs)
        if before:
            assert control == before["i_control"]
        if kept:
            assert (a, b) == kept
        before = inputs
        if s or not gated:
            kept = inputs["i_a"], inputs["i_b"]
        shown = unpack(drain, north)
        assert shown.valid == (bool(expected) and cycle == expected[0][0]), cycle
        if shown.valid:
            assert [word_at_the_edge(word, config) for word in shown.values] == expected.pop(0)[1], cycle
    assert not expected


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_tile(name):
    tile = Tile(CONFIGS[name])
    assert tile.unit(tile.config).paired == (name in ("paired", "gated"))
    assert simulate(tile, "tests.array.test_tile", {"name": name}) == 1
