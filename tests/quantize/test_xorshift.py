"""The random generator's lanes against golden's one sequence."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden import uniforms, xorshift32_sequence
from hw.quantize.xorshift import RandomLanes, leap_rows, step


@pytest.mark.parametrize("steps", [0, 1, 2, 31, 32, 64])
def test_leaps_are_that_many_steps(steps):
    rng = np.random.default_rng(steps)
    for state in map(int, rng.integers(1, 1 << 32, 20)):
        leapt = sum(((state & row).bit_count() & 1) << bit for bit, row in enumerate(leap_rows(steps)))
        for _ in range(steps):
            state = step(state)
        assert leapt == state


def test_steps_are_goldens():
    assert [step(77), step(step(77))] == xorshift32_sequence(77, 2).tolist()


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_lanes_deal_one_sequence(lanes):
    """Two seeds one after the other, with pauses."""
    component = RandomLanes(lanes)
    dealt = []

    async def bench(ctx):
        for seed in (1, 0xDEADBEEF):
            ctx.set(component.seed, seed)
            for beat in range(40):
                ctx.set(component.restart, beat == 0)
                ctx.set(component.advance, 1)
                await ctx.tick()
                ctx.set(component.advance, 0)
                ctx.set(component.restart, beat % 2)  # means nothing without ``advance``
                if beat % 3 == 0:
                    await ctx.tick()
                dealt.extend(ctx.get(component.uniforms[lane]) for lane in range(lanes))

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert dealt == [*uniforms(1, 40 * lanes).tolist(), *uniforms(0xDEADBEEF, 40 * lanes).tolist()]
