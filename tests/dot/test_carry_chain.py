"""Products and sums on carry chains, against integers."""

from itertools import product
from random import Random

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data
from amaranth.sim import Simulator

from hw.dot.carry_chain import carry_chain_sum, magnitude_product, table_products
from hw.dot.dot_product import DotProduct
from hw.types import sign_magnitude
from tests.logic import cycles, outputs


@pytest.mark.parametrize("width", range(1, 8))
def test_magnitudes_of_every_pair(width):
    """Factors that fit one table, and those that are cut into chunks."""
    vectors = [{"a": a, "b": b} for a in range(1 << width) for b in range(1 << width)]
    found = outputs({"a": width, "b": width}, lambda m, a, b: magnitude_product(m, "p", a, b), vectors)
    assert found == [vector["a"] * vector["b"] for vector in vectors]


def number(element: int, width: int) -> int:
    magnitude = element & (1 << width - 1) - 1
    return -magnitude if element >> width - 1 else magnitude


def pack(elements: list[int], width: int) -> int:
    return sum(element << width * i for i, element in enumerate(elements))


def operands(width: int, dot: int, count: int) -> list[tuple[list[int], list[int], int]]:
    """Elements of a and b and an addend: extremes of either sign, minus zero, then at random."""
    rng, top = Random(width * 100 + dot), (1 << width) - 1
    ends = [top, top >> 1, 1 << width - 1, 0]
    chosen = [([x] * dot, [y] * dot, rng.randrange(-50, 50)) for x in ends for y in ends]
    while len(chosen) < count:
        chosen.append([rng.randrange(1 << width) for _ in range(dot)] for _ in range(2))
        chosen[-1] = (*chosen[-1], rng.randrange(-50, 50))
    return chosen


def total(width: int, a: list[int], b: list[int]) -> int:
    return sum(number(x, width) * number(y, width) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("ranks", [0, 1, 3])
@pytest.mark.parametrize(("width", "dot"), [(2, 7), (4, 1), (4, 5), (6, 4)])
def test_sum_after_its_ranks(width, dot, ranks):
    """Every sum is there ``ranks`` cycles later, with the addend of that cycle."""
    sum_width = 20
    layout = data.ArrayLayout(sign_magnitude(width), dot)

    def logic(m: Module, a, b, addend):
        return carry_chain_sum(m, table_products(m, a, b), ranks, addend, sum_width), Signal()

    chosen = operands(width, dot, 60)
    vectors = [{"a": pack(a, width), "b": pack(b, width), "addend": n} for a, b, n in chosen]
    vectors += [{"addend": 0}] * ranks
    found = cycles({"a": layout, "b": layout, "addend": signed(sum_width)}, logic, vectors)
    for at, (a, b, _) in enumerate(chosen):
        wanted = total(width, a, b) + vectors[at + ranks]["addend"]
        assert found[at + ranks][0] == wanted % (1 << sum_width)


def test_sum_without_an_addend():
    layout = data.ArrayLayout(sign_magnitude(4), 3)
    chosen = operands(4, 3, 40)
    vectors = [{"a": pack(a, 4), "b": pack(b, 4)} for a, b, _ in chosen]
    found = outputs(
        {"a": layout, "b": layout}, lambda m, a, b: carry_chain_sum(m, table_products(m, a, b), 0, None, 12), vectors
    )
    assert found == [total(4, a, b) % 4096 for a, b, _ in chosen]


@pytest.mark.parametrize("mantissa_width", range(2, 9))
def test_carry_chain_product_is_exact(mantissa_width):
    """Every pair; of the two widest, every multiplicand with the extremes and with a few others."""
    body = DotProduct(mantissa_width, 1, "carry_chain")
    largest = 2 ** (mantissa_width - 1) - 1

    async def bench(ctx):
        others = range(largest + 1) if mantissa_width < 7 else (0, 1, 0x13, 0x2A, largest - 1, largest)
        for a, b in product(range(largest + 1), others):
            for signs in range(4) if mantissa_width < 6 else [(a ^ b >> 2) & 3]:
                ctx.set(body.a[0], {"magnitude": a, "sign": signs & 1})
                ctx.set(body.b[0], {"magnitude": b, "sign": signs >> 1})
                await ctx.delay(1e-9)
                assert ctx.get(body.sum) == a * b * (-1 if signs in (1, 2) else 1), (a, b, signs)

    simulator = Simulator(body)
    simulator.add_testbench(bench)
    simulator.run()
