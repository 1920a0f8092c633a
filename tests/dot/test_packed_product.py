"""Two products to a multiplication: their sum comes out of the middle of it, for every pair of pairs."""

from itertools import product
from random import Random

import pytest
from amaranth.lib import data

from hw.dot.packed_product import packed_sum
from hw.types import sign_magnitude
from tests.dot.test_carry_chain import operands, pack, total
from tests.logic import cycles, outputs

WIDTH = 12


def sums(width: int, dot: int, vectors: list[dict]) -> list[int]:
    layout = data.ArrayLayout(sign_magnitude(width), dot)
    return outputs({"a": layout, "b": layout}, lambda m, a, b: packed_sum(m, a, b, 0, None, WIDTH + 8), vectors)


@pytest.mark.parametrize("width", [2, 3])
def test_every_two_products(width):
    """Signs of the products alike and not, minus zeros, and products that differ in which is larger."""
    elements = list(product(range(1 << width), repeat=2))
    vectors = [{"a": pack(a, width), "b": pack(b, width)} for a in elements for b in elements]
    wanted = [total(width, a, b) for a in elements for b in elements]
    assert sums(width, 2, vectors) == [value % (1 << WIDTH + 8) for value in wanted]


@pytest.mark.parametrize(("width", "dot"), [(4, 2), (4, 5), (6, 3), (8, 4)])
def test_wider_mantissas_and_an_odd_one(width, dot):
    """Those that do not fit two to a block are multiplied one by one."""
    chosen = operands(width, dot, 300)
    vectors = [{"a": pack(a, width), "b": pack(b, width)} for a, b, _ in chosen]
    assert sums(width, dot, vectors) == [total(width, a, b) % (1 << WIDTH + 8) for a, b, _ in chosen]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_registers_in_front_and_behind(ranks):
    """From two ranks on the first is in front of the multipliers; the latency is the same."""
    layout, rng = data.ArrayLayout(sign_magnitude(4), 4), Random(ranks)
    chosen = [([rng.randrange(16) for _ in range(4)], [rng.randrange(16) for _ in range(4)]) for _ in range(30)]
    vectors = [{"a": pack(a, 4), "b": pack(b, 4)} for a, b in chosen] + [{}] * ranks
    found = cycles({"a": layout, "b": layout}, lambda m, a, b: (packed_sum(m, a, b, ranks, None, WIDTH), a[0].sign), vectors)
    assert [value for value, _ in found[ranks:]] == [total(4, a, b) % (1 << WIDTH) for a, b in chosen]
