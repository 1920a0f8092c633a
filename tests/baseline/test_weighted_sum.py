"""Sums with weights of one or two bits, against NumPy's products."""

from itertools import product

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from hw.baseline.weighted_sum import PairTerms, PairWeights, WeightedSum

VALUES = {1: [1, -1], 2: [0, 1, 0, -1]}
"""Of each code of a weight; minus zero is zero."""


def sums(width: int, weight_width: int, dot: int, cycles: int, operands: list[tuple[list[int], list[int]]]) -> list[int]:
    """What comes out for each pair of elements and codes of weights."""
    m = Module()
    m.submodules.terms = terms = PairTerms(width, weight_width, dot)
    m.submodules.weights = weights = PairWeights(weight_width, dot)
    m.submodules.sum = part = WeightedSum(width, weight_width, dot, cycles)
    m.d.comb += [part.a.eq(terms.o), part.b.eq(weights.o)]
    found = []

    async def bench(ctx):
        for n, (a, codes) in enumerate([*operands, *[operands[-1]] * cycles]):
            ctx.set(terms.i, a)
            ctx.set(weights.i, codes)
            if n >= cycles:
                found.append(ctx.get(part.sum))
            if cycles:
                await ctx.tick()
            else:
                await ctx.delay(1e-9)
                found[-1] = ctx.get(part.sum)

    simulator = Simulator(m)
    if cycles:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("weight_width", [1, 2])
def test_every_pair(weight_width):
    elements, codes = list(product(range(-4, 4), repeat=2)), list(product(range(2**weight_width), repeat=2))
    operands = [(list(a), list(b)) for a in elements for b in codes]
    expected = [int(np.dot(a, [VALUES[weight_width][code] for code in b])) for a, b in operands]
    assert sums(3, weight_width, 2, 0, operands) == expected


@pytest.mark.parametrize(("weight_width", "dot", "cycles"), [(1, 8, 0), (2, 8, 2), (2, 6, 1)])
def test_sums_and_their_largest_values(weight_width, dot, cycles):
    rng, values = np.random.default_rng(1), VALUES[weight_width]
    drawn = [([extreme] * dot, [code] * dot) for extreme in (-128, 127) for code in range(2**weight_width)]
    drawn += [(rng.integers(-128, 128, dot).tolist(), rng.integers(0, 2**weight_width, dot).tolist()) for _ in range(40)]
    expected = [int(np.dot(a, [values[code] for code in b])) for a, b in drawn]
    assert sums(8, weight_width, dot, cycles, drawn) == expected


@pytest.mark.parametrize(("shape", "message"), [
    ((8, 3, 4), "weight_width must be 1 or 2, not 3"), ((8, 2, 5), "dot must be even, not 5"),
])  # fmt: skip
def test_rejects_what_it_cannot_make(shape, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        WeightedSum(*shape)
