"""What the dot products of all kinds of elements have in common: ports, and the wiring of each body."""

from collections.abc import Callable, Sequence
from typing import Any

from amaranth.hdl import Cat, Module, signed
from amaranth.lib.wiring import Component, In, Out

from hw.dot.carry_chain import Node, carry_chain_sum
from hw.dot.packed_product import packed_sum
from hw.enable import connect_enables, enable_port, enables_of

__all__ = ["SumOfProducts"]


class SumOfProducts(Component):
    """``sum = Σ a[i] * b[i]``; or that and ``addend``, modulo ``2**addend_width``. Latency is ``cycles``.

    Parameters
    ----------
    operands
        layout of ``a`` and ``b``.
    sum_width
        bits of ``sum``.
    cycles
        ranks of registers inside.
    addend_width
        bits of ``addend`` and ``sum``, if there is one.
    gated
        whether registers load only where their bit of ``enable`` is set.
    """

    def __init__(self, operands: Any, sum_width: int, cycles: int, addend_width: int, gated: bool = False) -> None:
        self.sum_width, self.cycles, self.addend_width = sum_width, cycles, addend_width
        addend = {"addend": In(signed(addend_width))} if addend_width else {}
        super().__init__({
            "a": In(operands), "b": In(operands), **addend, "sum": Out(signed(sum_width)), **enable_port(gated, cycles),
        })  # fmt: skip

    def sum_on_fpga(self, m: Module, datapath: str, products: Callable[[], list[Node]]) -> None:
        """Bodies for FPGAs: ``products`` in tables, added on carry chains, or two of them in each multiplier block."""
        addend, enables = self.addend if self.addend_width else None, enables_of(self, self.cycles)
        if datapath == "dsp":
            total = packed_sum(m, self.a, self.b, self.cycles, addend, self.sum_width, enables)
        else:
            total = carry_chain_sum(m, products(), self.cycles, addend, self.sum_width, enables)
        m.d.comb += self.sum.eq(total)

    def sum_in_tree(self, m: Module, products: Sequence[Any], tree: Any) -> None:
        """Bodies for chips: ``products``, a component for each, leave ``bits`` and a ``sign``, which ``tree`` adds up."""
        connect_enables(m, tree, enables_of(self, self.cycles))
        for i, product in enumerate(products):
            m.d.comb += [product.a.eq(self.a[i]), product.b.eq(self.b[i])]
        m.d.comb += [
            tree.bits.eq(Cat(product.bits for product in products)),
            tree.signs.eq(Cat(product.sign for product in products)),
            self.sum.eq(tree.sum),
            *([tree.addend.eq(self.addend)] if self.addend_width else []),
        ]
