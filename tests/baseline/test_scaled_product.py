"""Small floats as emitted, decoded and multiplied, against gfloat's values of their codes."""

import random
from fractions import Fraction

import cocotb
from amaranth.hdl import Module, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out
from gfloat import decode_float

from hw.baseline.formats import FORMATS
from hw.baseline.scaled_product import ScaledDotProduct
from hw.baseline.small_float import SmallFloatDecoder, decoded_layout, element_layout
from hw.emit import place
from tests.baseline.outside import BLOCKS, every_code_ordinary
from tests.bench import simulate
from tests.side_by_side import SideBySide, Vectors, compare

MODULE = "tests.baseline.test_scaled_product"
WIDTHS = {name: (FORMATS[name].exponent_width, FORMATS[name].significand_width) for name in BLOCKS if name != "mxint8"}


class DecodedDotProduct(Component):
    """A dot product of elements as stored."""

    def __init__(self, name: str, dot: int, cycles: int = 0, addend_width: int = 0, datapath: str = "structural"):
        self.dot, self.cycles = dot, cycles
        self.body = ScaledDotProduct(*WIDTHS[name], dot, cycles, addend_width, datapath)
        self.module_name = f"decoded_{self.body.module_name}"
        operand = data.ArrayLayout(element_layout(*WIDTHS[name]), dot)
        addend = {"addend": In(signed(addend_width))} if addend_width else {}
        super().__init__({"a": In(operand), "b": In(operand), **addend, "sum": Out(signed(self.body.sum_width))})

    def elaborate(self, platform):
        m = Module()
        body = place(m, platform, "body", self.body)
        for side in "ab":
            elements = getattr(self, side)
            if self.body.prepare is not None:
                decoder = place(m, platform, f"decode_{side}", self.body.prepare())
                m.d.comb += decoder.i.eq(elements)
                elements = decoder.o
            m.d.comb += getattr(body, side).eq(elements)
        if self.body.addend_width:
            m.d.comb += body.addend.eq(self.addend)
        m.d.comb += self.sum.eq(body.sum)
        return m


def identifier(name: str) -> str:
    return name.replace("-", "_")


DECODERS = {f"{identifier(name)}_decoder": (name, SmallFloatDecoder(*WIDTHS[name], 1)) for name in WIDTHS}
EXHAUSTIVE = {
    f"{identifier(name)}_{datapath}": (name, DecodedDotProduct(name, 1, datapath=datapath))
    for name in ("mxfp4", "mxfp6-e2m3", "mxfp6-e3m2") for datapath in ("structural", "carry_chain", "dsp")
}  # fmt: skip
SUMS = {
    f"{identifier(name)}_d{dot}_c{cycles}_a{addend}{'_'.join(['', *body])}": (
        name, DecodedDotProduct(name, dot, cycles, addend, *body)
    )
    for name, dot, cycles, addend, *body in (
        ("mxfp4", 2, 0, 0), ("mxfp4", 8, 2, 0), ("mxfp4", 4, 3, 0), ("mxfp4", 7, 0, 13), ("mxfp4", 4, 0, 20),
        ("mxfp6-e2m3", 4, 1, 0), ("mxfp6-e2m3", 4, 0, 21), ("mxfp6-e3m2", 3, 3, 0), ("mxfp6-e3m2", 4, 0, 24),
        ("mxfp8-e4m3", 1, 0, 0), ("mxfp8-e4m3", 3, 1, 0), ("mxfp8-e5m2", 1, 0, 0), ("mxfp8-e5m2", 2, 0, 73),
        ("mxfp4", 7, 2, 0, "carry_chain"), ("mxfp4", 7, 0, 13, "dsp"), ("mxfp6-e2m3", 4, 1, 0, "carry_chain"),
        ("mxfp6-e2m3", 5, 0, 21, "dsp"), ("mxfp8-e5m2", 2, 0, 73, "carry_chain"), ("mxfp8-e4m3", 3, 0, 0, "dsp"),
    )
}  # fmt: skip


def integers(name: str) -> list[int]:
    """Every code's value in units of the smallest subnormal."""
    info = every_code_ordinary(BLOCKS[name].etype)
    values = [Fraction(decode_float(info, code).fval) / Fraction(info.smallest_subnormal) for code in range(2**info.k)]
    assert all(value.denominator == 1 for value in values)
    return [int(value) for value in values]


@cocotb.test()
async def every_element_decodes(dut):
    vectors = {}
    for key, (name, _) in DECODERS.items():
        layout, values = data.ArrayLayout(decoded_layout(*WIDTHS[name]), 1), integers(name)

        def value(word, layout=layout):
            element = layout.from_bits(word)[0]
            return (element.significand << element.shift) * (-1 if element.sign else 1)

        vectors[key] = Vectors({"i": range(len(values))}, "o", values, read=value)
    await compare(dut, vectors)


@cocotb.test()
async def every_product_is_exact(dut):
    vectors = {}
    for key, (name, part) in EXHAUSTIVE.items():
        values = integers(name)
        codes = range(len(values))
        vectors[key] = Vectors(
            {"a": [a for a in codes for _ in codes], "b": [b for _ in codes for b in codes]},
            "sum", [x * y % 2**part.body.sum_width for x in values for y in values],
        )  # fmt: skip
    await compare(dut, vectors)


@cocotb.test()
async def sums_are_exact(dut):
    """Of elements of any kind, all the largest of either sign, and minus zeros; with an addend modulo its width."""
    rng, vectors = random.Random(1), {}
    for key, (name, part) in SUMS.items():
        values = integers(name)
        half, bits = len(values) // 2, BLOCKS[name].element_bits
        inputs = {port: [] for port in part.signature.members if port != "sum"}
        expected = []
        for n in range(2000):
            fixed = [half - 1 + half * (n >> side & 1) for side in range(2)]
            if n < 4:
                codes = [[fixed[side]] * part.dot for side in range(2)]
            elif n < 8:
                codes = [[half] * part.dot, [fixed[1]] * part.dot]
            else:
                codes = [
                    [rng.choice((rng.randrange(2 * half), fixed[side])) for _ in range(part.dot)] for side in (0, 1)
                ]
            total = sum(values[x] * values[y] for x, y in zip(*codes, strict=True))
            if "addend" in inputs:
                inputs["addend"].append(rng.getrandbits(part.body.addend_width))
                total += inputs["addend"][-1]
            for port, side in zip("ab", codes, strict=True):
                inputs[port].append(sum(code << i * bits for i, code in enumerate(side)))
            expected.append(total % 2**part.body.sum_width)
        vectors[key] = Vectors(inputs, "sum", expected, part.cycles)
    await compare(dut, vectors)


def test_emitted_decoders_and_dot_products():
    parts = {key: part for table in (DECODERS, EXHAUSTIVE, SUMS) for key, (_, part) in table.items()}
    assert simulate(SideBySide("scaled_product", parts), MODULE) == 3
