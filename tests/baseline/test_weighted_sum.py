"""Sums with weights of one or two bits, against NumPy's products."""

from itertools import product

import numpy as np
import pytest

from hw.baseline.weighted_sum import PairTerms, PairWeights, WeightedSum
from tests.baseline.units import WEIGHTS
from tests.logic import outputs


def sums(width: int, weight_width: int, dot: int, cycles: int, operands: list[tuple[list[int], list[int]]]) -> list[int]:
    """What comes out for each pair of elements and codes of weights."""
    terms, weights = PairTerms(width, weight_width, dot), PairWeights(weight_width, dot)
    shapes = {"a": terms.i.shape(), "b": weights.i.shape()}

    def logic(m, a, b):
        m.submodules += [terms, weights, part := WeightedSum(width, weight_width, dot, cycles)]
        m.d.comb += [terms.i.eq(a), weights.i.eq(b), part.a.eq(terms.o), part.b.eq(weights.o)]
        return part.sum

    vectors = [
        {name: shape.const(values).as_bits() for (name, shape), values in zip(shapes.items(), pair, strict=True)}
        for pair in [*operands, *[operands[-1]] * cycles]
    ]
    return outputs(shapes, logic, vectors, clocked=cycles > 0)[cycles:]


@pytest.mark.parametrize("weight_width", [1, 2])
def test_every_pair(weight_width):
    elements, codes = list(product(range(-4, 4), repeat=2)), list(product(range(2**weight_width), repeat=2))
    operands = [(list(a), list(b)) for a in elements for b in codes]
    expected = [int(np.dot(a, [WEIGHTS[weight_width][code] for code in b])) for a, b in operands]
    assert sums(3, weight_width, 2, 0, operands) == expected


@pytest.mark.parametrize(("weight_width", "dot", "cycles"), [(1, 8, 0), (2, 8, 2), (2, 6, 1)])
def test_sums_and_their_largest_values(weight_width, dot, cycles):
    rng, values = np.random.default_rng(1), WEIGHTS[weight_width]
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
