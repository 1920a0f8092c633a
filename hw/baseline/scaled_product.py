# Ref: Open Compute Project, "OCP Microscaling Formats (MX) Specification", version 1.0, 2023, section 5.3
"""Dot products of small floating-point elements, summed exactly as integers."""

from functools import partial
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.baseline.small_float import (
    SmallFloatDecoder,
    decode,
    decoded_layout,
    element_layout,
    fixed_layout,
    scaled_magnitude,
)
from hw.config import FPGA_DATAPATHS, signed_width
from hw.dot.adder_cells import FullAdder, HalfAdder
from hw.dot.bit_heap import AdderNetwork, BitHeap, constant_digits
from hw.dot.carry_chain import TABLE_WIDTH, Node, magnitude_product, product_node
from hw.dot.sum_of_products import SumOfProducts
from hw.emit import place
from hw.names import named

__all__ = ["ScaledDotProduct"]


class ScaledProduct(Component):
    """Magnitude of a product of two decoded elements, inverted where the sign is negative.

    ``bits - (2**len(bits) - 1) * sign`` is the product. Significands are multiplied with full adders, shifted by both
    exponents, inverted last. Combinational.
    """

    def __init__(self, exponent_width: int, significand_width: int) -> None:
        self.exponent_width, self.significand_width = exponent_width, significand_width
        self.width = 2 * significand_width + 2 * (2**exponent_width - 2)
        self.module_name = named("scaled_product", e=exponent_width, s=significand_width)
        shape = decoded_layout(exponent_width, significand_width)
        super().__init__({"a": In(shape), "b": In(shape), "bits": Out(self.width), "sign": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self.significand_width
        columns: list[list[Value]] = [[] for _ in range(2 * p + 1)]
        for i in range(p):
            for j in range(p):
                columns[i + j].append(self.a.significand[i] & self.b.significand[j])
        number, bits = 0, []
        for column, following in pairwise(columns):
            while len(column) > 1:
                full = len(column) > 2
                adder = place(m, platform, f"adder{number}", FullAdder() if full else HalfAdder())
                number += 1
                for port, bit in zip("abc"[: 2 + full], [column.pop(0) for _ in range(2 + full)], strict=True):
                    m.d.comb += getattr(adder, port).eq(bit)
                column.append(adder.sum)
                following.append(adder.carry)
            bits.append(column[0] if column else Const(0, 1))
        magnitude = scaled_magnitude(m, self.a, self.b, bits)
        m.d.comb += [
            self.sign.eq(self.a.sign ^ self.b.sign),
            self.bits.eq(magnitude[: self.width] ^ self.sign.replicate(self.width)),
        ]
        return m


class ScaledTree(Component):
    """Sum of products given as inverted magnitudes and signs, like ``CompressorTree``; ``bound`` bounds a product."""

    def __init__(self, width: int, dot: int, bound: int, cycles: int = 0, addend_width: int = 0) -> None:
        self.bits_width, self.dot, self.cycles = width, dot, cycles
        self.width = addend_width or signed_width(-dot * bound, dot * bound)
        self.module_name = named("scaled_tree", w=width, d=dot, s=self.width, c=cycles, a=addend_width)
        addend = {"addend": In(addend_width)} if addend_width else {}
        super().__init__({"bits": In(dot * width), "signs": In(dot), **addend, "sum": Out(self.width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network = AdderNetwork()
        factor = 2**self.bits_width - 1
        count = BitHeap(network, self.dot.bit_length())
        for sign in self.signs:
            count.add(network.net(sign), 0)
        heap = BitHeap(network, self.width)
        for index in range(self.dot * self.bits_width):
            heap.add(network.net(self.bits[index], depth=4), index % self.bits_width)
        if "addend" in self.signature.members:
            heap.add_number([network.net(bit) for bit in self.addend])
        negative = count.reduce()
        for exponent, digit in constant_digits(factor):
            heap.add_number(negative, exponent, -digit)
        m.d.comb += self.sum.eq(Cat(network.place(m, platform, heap.reduce(), self.cycles)))
        return m


class ScaledDotProduct(SumOfProducts):
    """Exact sum of products of elements, in units of the square of the smallest subnormal. Latency ``cycles``.

    The operands are what ``prepare`` makes of elements, at the tile's edge, or as they are where it is ``None``.

    Parameters
    ----------
    exponent_width, significand_width
        of the elements.
    dot
        products.
    cycles
        ranks of registers inside.
    addend_width
        bits of ``addend``, if there is one, and of ``sum``, which is modulo ``2**addend_width`` then.
    datapath
        as of ``DotProduct``; the behavioral body is the structural one here.
    """

    def __init__(
        self, exponent_width: int, significand_width: int, dot: int, cycles: int = 0, addend_width: int = 0,
        datapath: str = "structural",
    ) -> None:  # fmt: skip
        self.element = element = (exponent_width, significand_width)
        self.dot, self.datapath = dot, datapath
        largest = (2**significand_width - 1) << (2**exponent_width - 2)
        self.bound = largest**2
        self.module_name = named(
            "scaled_dot_product", e=exponent_width, s=significand_width, d=dot, c=cycles, a=addend_width,
            body=datapath if datapath in FPGA_DATAPATHS else None,
        )  # fmt: skip
        # Where a table takes both magnitudes, it decodes them as well.
        small = datapath == "carry_chain" and exponent_width + significand_width - 1 <= TABLE_WIDTH
        self.prepare = None if small else partial(SmallFloatDecoder, *element, dot, fixed=datapath == "dsp")
        shape = element_layout if small else fixed_layout if datapath == "dsp" else decoded_layout
        operands = data.ArrayLayout(shape(*element), dot)
        sum_width = addend_width or signed_width(-dot * self.bound, dot * self.bound)
        super().__init__(operands, sum_width, cycles, addend_width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.datapath in FPGA_DATAPATHS:
            self.sum_on_fpga(m, self.datapath, lambda: self._table_products(m))
            return m
        products = [place(m, platform, f"product{i}", ScaledProduct(*self.element)) for i in range(self.dot)]
        tree = place(
            m, platform, "tree", ScaledTree(products[0].width, self.dot, self.bound, self.cycles, self.addend_width)
        )
        self.sum_in_tree(m, products, tree)
        return m

    def _table_products(self, m: Module) -> list[Node]:
        """Products in lookup tables."""
        nodes = []
        for i in range(self.dot):
            sides = [self.a[i], self.b[i]]
            if self.prepare is None:
                sides = [Signal(decoded_layout(*self.element), name=f"decoded_{side}{i}") for side in "ab"]
                decode(m, self.a[i], sides[0])
                decode(m, self.b[i], sides[1])
            product = magnitude_product(m, f"product{i}", *(side.significand for side in sides))
            magnitude = scaled_magnitude(m, sides[0], sides[1], list(product), f"{i}")[: self.bound.bit_length()]
            nodes.append(product_node(sides[0].sign ^ sides[1].sign, magnitude, self.bound))
        return nodes
