"""The joiner against the scalar definition, at each depth of its pipeline."""

import random

import pytest
from amaranth.sim import Simulator

from golden import scalar
from hw.accumulate.block_joiner import BlockJoiner

SUM_WIDTH, SCALE_WIDTH = 8, 7
LARGEST = 2 ** (SUM_WIDTH - 1) - 1
MISSING = -(2 ** (SCALE_WIDTH - 1))


def groups(rng, blocks):
    """Sums and scales of the blocks of a group: close, far apart, the first greater or the last."""
    base, spread = rng.randint(-16, 15), rng.choice((0, 3, 6, 16))
    return [
        (rng.choice((LARGEST, -LARGEST, 1, -1, 0, rng.randint(-LARGEST, LARGEST))), base + rng.randint(-spread, spread))
        for _ in range(blocks)
    ]


@pytest.mark.parametrize(("blocks", "cycles"), [(2, 0), (2, 1), (2, 2), (4, 0), (4, 1), (4, 2)])
def test_equals_the_definition(blocks, cycles):
    """A group every cycle; some lack their last blocks, in place of which there may be any sum of the missing scale."""
    rng, component = random.Random(blocks), BlockJoiner(blocks, SUM_WIDTH, SCALE_WIDTH, cycles)
    given, wanted = [], []
    for _ in range(400):
        group, flag = groups(rng, blocks), rng.getrandbits(1)
        held = rng.choice((blocks, rng.randint(1, blocks)))
        wanted.append((*scalar.join(group[:held], blocks), flag))
        given.append((group[:held] + [(total, MISSING) for total, _ in group[held:]], flag))
    levels = blocks.bit_length() - 1

    async def bench(context):
        for cycle in range(len(given) + cycles):
            group, flag = given[min(cycle, len(given) - 1)]
            for k, (total, scale) in enumerate(group):
                context.set(component.i[k].sum, total)
                context.set(component.i[k].scale, scale)
            context.set(component.nan, flag)
            if cycle >= cycles:
                found = context.get(component.o.sum), context.get(component.o.scale) - 4 * levels, context.get(component.o_nan)
                assert found == wanted[cycle - cycles], given[cycle - cycles]
            await context.tick() if cycles else await context.delay(1e-6)

    simulator = Simulator(component)
    if cycles:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
