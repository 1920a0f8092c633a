"""Dot products by pairs, with their preparation, as emitted, against Python's integers."""

import random
from itertools import product

import cocotb
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.dot.paired_dot_product import PairedDotProduct, PairSelects, PairSums
from hw.emit import place
from hw.types import sign_magnitude
from tests.bench import simulate
from tests.side_by_side import SideBySide, Vectors, compare

MODULE = "tests.dot.test_paired_dot_product"


class PreparedDotProduct(Component):
    """A dot product of elements as the tile has them, in two's complement or (``magnitudes``) sign and magnitude."""

    def __init__(self, width: int, dot: int, cycles: int = 0, magnitudes: bool = False):
        self.width, self.dot, self.cycles, self.magnitudes = width, dot, cycles, magnitudes
        self.body = PairedDotProduct(width, dot, cycles, symmetric=magnitudes)
        self.module_name = f"prepared_{self.body.module_name}{'_magnitudes' * magnitudes}"
        operand = data.ArrayLayout(sign_magnitude(width) if magnitudes else signed(width), dot)
        super().__init__({"a": In(operand), "b": In(operand), "sum": Out(signed(self.body.sum_width))})

    def elaborate(self, platform):
        m = Module()
        body = place(m, platform, "body", self.body)
        for side, part in (("a", PairSums), ("b", PairSelects)):
            prepare = place(m, platform, f"prepare_{side}", part(self.width, self.dot, self.magnitudes))
            m.d.comb += [prepare.i.eq(getattr(self, side)), getattr(body, side).eq(prepare.o)]
        m.d.comb += self.sum.eq(body.sum)
        return m


PARTS = {
    part.module_name: part
    for part in (
        PreparedDotProduct(2, 2), PreparedDotProduct(3, 2), PreparedDotProduct(3, 2, magnitudes=True),
        PreparedDotProduct(8, 4), PreparedDotProduct(8, 6, 2), PreparedDotProduct(6, 4, 1, magnitudes=True),
        PreparedDotProduct(8, 2, magnitudes=True),
    )
}  # fmt: skip


def value(part: PreparedDotProduct, code: int) -> int:
    sign, magnitude = code >> part.width - 1, code & (1 << part.width - 1) - 1
    return magnitude * (-1 if sign else 1) if part.magnitudes else code - (sign << part.width)


def operands(rng: random.Random, part: PreparedDotProduct):
    """Codes of both sides: every pair of small ones, the extremes of large ones in all combinations, and any."""
    codes, count = range(1 << part.width), 2 * part.dot
    if part.width * count <= 12:
        yield from product(codes, repeat=count)
        return
    half = 1 << part.width - 1
    extremes = (half, half - 1, half + 1, 0, 2 * half - 1)  # -128, 127, -127, 0 and -1, or with magnitudes the like
    for a, b in product(extremes, repeat=2):
        yield [a] * part.dot + [b] * part.dot
    for _ in range(3000):
        yield [rng.choice((rng.choice(extremes), rng.choice(codes), rng.choice(codes))) for _ in range(count)]


@cocotb.test()
async def sums_are_exact(dut):
    rng, vectors = random.Random(1), {}
    for name, part in PARTS.items():
        inputs, expected = {"a": [], "b": []}, []
        for drawn in operands(rng, part):
            sides = drawn[: part.dot], drawn[part.dot :]
            for port, codes in zip("ab", sides, strict=True):
                inputs[port].append(sum(code << i * part.width for i, code in enumerate(codes)))
            total = sum(value(part, x) * value(part, y) for x, y in zip(*sides, strict=True))
            expected.append(total % 2**part.body.sum_width)
        vectors[name] = Vectors(inputs, "sum", expected, part.cycles)
    await compare(dut, vectors)


def test_sums_are_exact():
    assert simulate(SideBySide("paired_dot_product", PARTS), MODULE) == 1


def test_rejects_an_element_without_its_pair():
    with pytest.raises(ValueError, match=r"^dot must be even, not 3$"):
        PairedDotProduct(8, 3)
