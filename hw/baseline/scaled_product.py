# Ref: Open Compute Project, "OCP Microscaling Formats (MX) Specification", version 1.0, 2023, section 5.3
"""Dot products of small floating-point elements, summed exactly as integers."""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.array.adder_cells import FullAdder, HalfAdder
from hw.array.bit_heap import AdderNetwork, BitHeap, constant_digits
from hw.config import signed_width
from hw.emit import place

__all__ = ["ScaledDotProduct", "SmallFloatDecoder", "element_layout"]


def element_layout(exponent_width: int, significand_width: int) -> data.StructLayout:
    """A small float as stored: no infinity, no NaN; exponent 0 means no hidden bit."""
    return data.StructLayout({"fraction": significand_width - 1, "exponent": exponent_width, "sign": 1})


def decoded_layout(exponent_width: int, significand_width: int) -> data.StructLayout:
    """Significand with its hidden bit, and the shift: lines for 1 and 2 places if the exponent has two bits."""
    shift = 2 if exponent_width == 2 else exponent_width
    return data.StructLayout({"significand": significand_width, "shift": shift, "sign": 1})


class SmallFloatDecoder(Component):
    """Elements of one operand, decoded once at the tile's edge for all units of its row or column.

    The value is ``±significand << shift`` in units of the smallest subnormal, with ``shift = max(exponent - 1, 0)``.
    Combinational.
    """

    def __init__(self, exponent_width: int, significand_width: int, dot: int):
        self.exponent_width, self.significand_width, self.dot = exponent_width, significand_width, dot
        self.module_name = f"small_float_decoder_e{exponent_width}s{significand_width}_d{dot}"
        super().__init__(
            {
                "i": In(data.ArrayLayout(element_layout(exponent_width, significand_width), dot)),
                "o": Out(data.ArrayLayout(decoded_layout(exponent_width, significand_width), dot)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for i in range(self.dot):
            element, decoded = self.i[i], self.o[i]
            normal = element.exponent.any()
            m.d.comb += [decoded.significand.eq(Cat(element.fraction, normal)), decoded.sign.eq(element.sign)]
            if self.exponent_width == 2:
                m.d.comb += decoded.shift.eq(Cat(element.exponent == 2, element.exponent == 3))
            else:
                m.d.comb += decoded.shift.eq(element.exponent - normal)
        return m


def shift_one_hot(m: Module, bits: list, shift, name: str) -> list:
    """``bits`` shifted left by 0, 1 or 2 places; ``shift`` has a line for 1 and one for 2."""
    lines = [~shift.any(), shift[0], shift[1]]
    result = Signal(len(bits) + 2, name=name)
    for i in range(len(bits) + 2):
        terms = [bits[i - k] & line for k, line in enumerate(lines) if 0 <= i - k < len(bits)]
        value = terms[0]
        for term in terms[1:]:
            value = value | term
        m.d.comb += result[i].eq(value)
    return [result[i] for i in range(len(bits) + 2)]


class ScaledProduct(Component):
    """Magnitude of a product of two decoded elements, inverted where the sign is negative.

    ``bits - (2**len(bits) - 1) * sign`` is the product. Significands are multiplied with full adders, shifted by both
    exponents, inverted last. Combinational.
    """

    def __init__(self, exponent_width: int, significand_width: int):
        self.exponent_width, self.significand_width = exponent_width, significand_width
        self.width = 2 * significand_width + 2 * (2**exponent_width - 2)
        self.module_name = f"scaled_product_e{exponent_width}s{significand_width}"
        shape = decoded_layout(exponent_width, significand_width)
        super().__init__({"a": In(shape), "b": In(shape), "bits": Out(self.width), "sign": Out(1)})

    def elaborate(self, platform):
        m = Module()
        p = self.significand_width
        columns = [[] for _ in range(2 * p + 1)]
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
        if self.exponent_width == 2:
            bits = shift_one_hot(m, bits, self.a.shift, "shifted_a")
            bits = shift_one_hot(m, bits, self.b.shift, "shifted_b")
            magnitude = Cat(bits)
        else:
            shift = Signal(self.exponent_width + 1)
            m.d.comb += shift.eq(self.a.shift + self.b.shift)
            magnitude = Cat(bits) << shift
        m.d.comb += [
            self.sign.eq(self.a.sign ^ self.b.sign),
            self.bits.eq(magnitude[: self.width] ^ self.sign.replicate(self.width)),
        ]
        return m


class ScaledTree(Component):
    """Sum of products given as inverted magnitudes and signs, like ``CompressorTree``; ``bound`` bounds a product."""

    def __init__(self, width: int, dot: int, bound: int, cycles: int = 0, addend_width: int = 0):
        self.bits_width, self.dot, self.cycles = width, dot, cycles
        self.width = addend_width or signed_width(-dot * bound, dot * bound)
        self.module_name = (
            f"scaled_tree_w{width}_d{dot}_s{self.width}{f'_c{cycles}' * (cycles > 0)}{'_a' * (addend_width > 0)}"
        )
        addend = {"addend": In(addend_width)} if addend_width else {}
        super().__init__({"bits": In(dot * width), "signs": In(dot), **addend, "sum": Out(self.width)})

    def elaborate(self, platform):
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


class ScaledDotProduct(Component):
    """Exact sum of products of decoded elements, in units of the square of the smallest subnormal. Latency ``cycles``.

    With ``addend_width`` bits of an ``addend``, which is added modulo ``2**addend_width``, as in ``DotProduct``.
    """

    def __init__(self, exponent_width: int, significand_width: int, dot: int, cycles: int = 0, addend_width: int = 0):
        self.product = (exponent_width, significand_width)
        self.dot, self.cycles = dot, cycles
        largest = (2**significand_width - 1) << (2**exponent_width - 2)
        self.bound = largest**2
        self.addend_width = addend_width
        self.sum_width = addend_width or signed_width(-dot * self.bound, dot * self.bound)
        ranks = f"_c{cycles}" * (cycles > 0) + f"_a{addend_width}" * (addend_width > 0)
        self.module_name = f"scaled_dot_product_e{exponent_width}s{significand_width}_d{dot}{ranks}"
        operands = data.ArrayLayout(decoded_layout(exponent_width, significand_width), dot)
        addend = {"addend": In(signed(addend_width))} if addend_width else {}
        super().__init__({"a": In(operands), "b": In(operands), **addend, "sum": Out(signed(self.sum_width))})

    def elaborate(self, platform):
        m = Module()
        products = [place(m, platform, f"product{i}", ScaledProduct(*self.product)) for i in range(self.dot)]
        tree = place(
            m, platform, "tree", ScaledTree(products[0].width, self.dot, self.bound, self.cycles, self.addend_width)
        )
        for i, product in enumerate(products):
            m.d.comb += [product.a.eq(self.a[i]), product.b.eq(self.b[i])]
        m.d.comb += [
            tree.bits.eq(Cat(product.bits for product in products)),
            tree.signs.eq(Cat(product.sign for product in products)),
            self.sum.eq(tree.sum),
            *([tree.addend.eq(self.addend)] if self.addend_width else []),
        ]
        return m
