"""The sum of a dot product's bits: one explicit heap, and a count of the signs."""

from amaranth.hdl import Cat, Module
from amaranth.lib.wiring import Component, In, Out

from hw.config import signed_width
from hw.dot.bit_heap import AdderNetwork, BitHeap, constant_digits
from hw.dot.product import product_columns
from hw.enable import enable_port, enables_of
from hw.names import named

__all__ = ["CompressorTree"]


class CompressorTree(Component):
    """Sum of products that are given as bits and signs by ``Product``.

    ``sum = Σ bits << columns - bound * Σ sign``. The signs are counted once, and their count is subtracted from the
    heap once for each signed digit of ``bound`` (three). The result is in ``±dot * bound``, so arithmetic modulo
    ``2**width`` is exact. An ``addend`` joins the heap, which is smaller than an adder behind it.
    Latency is ``cycles``; throughput is one sum per cycle.

    Parameters
    ----------
    mantissa_width, dot
        of the products.
    cycles
        ranks of registers inside the tree.
    addend_width
        bits of the addend, and of the sum, which then is modulo ``2**addend_width``; only without registers.
    gated
        whether registers load only where their bit of ``enable`` is set.

    Attributes
    ----------
    bits
        ``dot`` times the bits of a product.
    signs
        ``dot`` signs.
    addend
        added to them.
    sum
        signed.
    """

    def __init__(self, mantissa_width: int, dot: int, cycles: int = 0, addend_width: int = 0, gated: bool = False) -> None:
        self.columns, self.bound = product_columns(mantissa_width), (2 ** (mantissa_width - 1) - 1) ** 2
        self.dot, self.cycles = dot, cycles
        self.width = addend_width or signed_width(-dot * self.bound, dot * self.bound)
        self.module_name = named("compressor_tree", m=mantissa_width, d=dot, c=cycles, a=addend_width, gated=gated and cycles > 0)
        super().__init__({
            "bits": In(dot * len(self.columns)),
            "signs": In(dot),
            **({"addend": In(addend_width)} if addend_width else {}),
            **enable_port(gated, cycles),
            "sum": Out(self.width),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network = AdderNetwork()
        count = BitHeap(network, self.dot.bit_length())
        for sign in self.signs:
            count.add(network.net(sign), 0)
        heap = BitHeap(network, self.width)
        for index in range(self.dot * len(self.columns)):
            heap.add(network.net(self.bits[index], depth=1), self.columns[index % len(self.columns)])
        if "addend" in self.signature.members:
            heap.add_number([network.net(bit) for bit in self.addend])
        negative = count.reduce()
        for exponent, digit in constant_digits(self.bound):
            heap.add_number(negative, exponent, -digit)
        total = network.place(m, platform, heap.reduce(), self.cycles, enables_of(self, self.cycles))
        m.d.comb += self.sum.eq(Cat(total))
        return m
