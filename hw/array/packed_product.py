"""Products for the multiplier blocks of FPGAs: two mantissa products and their sum by one multiplication."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed

from hw.array.carry_chain import Node
from hw.config import signed_width

__all__ = ["MULTIPLIER_WIDTH", "packed_products"]

MULTIPLIER_WIDTH = 18
"""Bits, sign included, of both factors in the multiplier blocks of the common families (Xilinx 7 has 25 for one)."""


def packed_products(m: Module, a, b) -> list[Node]:
    """Products of sign-magnitude mantissas, or sums of two of them, one multiplication each.

    With ``s`` the sign of the second product relative to the first,
    ``(|a0| + s |a1| 2**k) * (|b1| + |b0| 2**k) = |a0 b1| + (|a0 b0| + s |a1 b1|) 2**k + s |a1 b0| 2**2k``. The lowest
    term is not negative and has at most ``k`` bits, so bits ``k … 2k - 1`` are the sum of the two products, for the
    ``k`` that holds it. Mantissas for which a factor would be wider than ``MULTIPLIER_WIDTH`` are multiplied one by one.
    """
    magnitude = len(a[0].magnitude)
    largest = (2**magnitude - 1) ** 2
    k = signed_width(-largest, 2 * largest)
    paired = len(a) // 2 if k + magnitude + 1 <= MULTIPLIER_WIDTH else 0
    nodes = []
    for i in range(paired):
        a0, a1, b0, b1 = a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]
        sign, relative = Signal(name=f"sign{i}"), Signal(name=f"relative{i}")
        x, y = Signal(signed(k + magnitude + 1), name=f"x{i}"), Signal(k + magnitude, name=f"y{i}")
        product = Signal(signed(len(x) + len(y)), name=f"product{i}")
        second = Mux(relative, -a1.magnitude, a1.magnitude)
        m.d.comb += [
            sign.eq(a0.sign ^ b0.sign),
            relative.eq(sign ^ a1.sign ^ b1.sign),
            x.eq(Cat(a0.magnitude, Const(0, k - magnitude), second[: magnitude + 1])),
            y.eq(Cat(b1.magnitude, Const(0, k - magnitude), b0.magnitude)),
            product.eq(x * y),
        ]
        nodes.append(Node(sign, product[k : 2 * k], -largest, 2 * largest))
    for i in range(2 * paired, len(a)):
        product = Signal(2 * magnitude, name=f"single{i}")
        m.d.comb += product.eq(a[i].magnitude * b[i].magnitude)
        nodes.append(Node(a[i].sign ^ b[i].sign, Cat(product, Const(0, 1)), 0, largest))
    return nodes
