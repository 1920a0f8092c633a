"""Products for the multiplier blocks of FPGAs: two mantissa products and their sum by one multiplication."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from hw.config import signed_width
from hw.dot.carry_chain import Node, carry_chain_sum, product_node
from hw.enable import load

__all__ = ["MULTIPLIER_WIDTH", "packed_sum"]

MULTIPLIER_WIDTH = 18
"""Bits, sign included, of both factors in the multiplier blocks of the common families (Xilinx 7 has 25 for one)."""


def packed_sum(
    m: Module, a: Value, b: Value, cycles: int, addend: Any, width: int, enables: Sequence[Value | None] | None = None
) -> Value:
    """``Σ a[i] * b[i] + addend`` modulo ``2**width`` of sign-magnitude mantissas, with ``cycles`` ranks of registers.

    Multiplier blocks lie in a few rows, far from the tables: of two ranks or more one goes in front of them.
    """
    in_front = cycles > 1
    enables = list(enables or [None] * cycles)
    products = _packed_products(m, a, b, in_front, enables[0] if in_front else None)
    return carry_chain_sum(m, products, cycles - in_front, addend, width, enables[in_front:])


def _packed_products(m: Module, a: Value, b: Value, registered: bool, enable: Value | None) -> list[Node]:
    """Products, or sums of two of them, one multiplication each.

    With ``s`` the sign of the second product relative to the first,
    ``(|a0| + s |a1| 2**k) * (|b1| + |b0| 2**k) = |a0 b1| + (|a0 b0| + s |a1 b1|) 2**k + s |a1 b0| 2**2k``. The lowest
    term is not negative and has at most ``k`` bits, so bits ``k … 2k - 1`` are the sum of the two products, for the
    ``k`` that holds it. Mantissas for which a factor would be wider than ``MULTIPLIER_WIDTH`` are multiplied one by one.
    """
    magnitude = len(a[0].magnitude)
    largest = (2**magnitude - 1) ** 2
    k = signed_width(-largest, 2 * largest)
    paired = len(a) // 2 if k + magnitude + 1 <= MULTIPLIER_WIDTH else 0

    def multiply(name: str, sign: Any, x: Any, y: Any) -> Any:
        """The product and, as late as it, the sign."""
        given = {"sign": sign, "x": x, "y": y}
        kept = {part: Signal(value.shape(), name=f"{part}_{name}", reset_less=True) for part, value in given.items()}
        for part, value in given.items():
            if registered:
                load(m, kept[part], value, enable)
            else:
                m.d.comb += kept[part].eq(value)
        product = Signal((kept["x"] * kept["y"]).shape(), name=f"product_{name}")
        m.d.comb += product.eq(kept["x"] * kept["y"])
        return kept["sign"], product

    nodes = []
    for i in range(paired):
        a0, a1, b0, b1 = a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]
        relative = Signal(name=f"relative{i}")
        m.d.comb += relative.eq(a0.sign ^ b0.sign ^ a1.sign ^ b1.sign)
        second = Mux(relative, -a1.magnitude, a1.magnitude)
        x = Cat(a0.magnitude, Const(0, k - magnitude), second[: magnitude + 1]).as_signed()
        y = Cat(b1.magnitude, Const(0, k - magnitude), b0.magnitude)
        sign, product = multiply(f"{i}", a0.sign ^ b0.sign, x, y)
        nodes.append(Node(sign, product[k : 2 * k], -largest, 2 * largest))
    for i in range(2 * paired, len(a)):
        sign, product = multiply(f"single{i}", a[i].sign ^ b[i].sign, a[i].magnitude, b[i].magnitude)
        nodes.append(product_node(sign, product, largest))
    return nodes
