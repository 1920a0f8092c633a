"""One product of two sign-magnitude mantissas, left as a few weighted bits for the compressor tree."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from hw.dot.adder_cells import FullAdder
from hw.emit import place
from hw.names import named
from hw.types import sign_magnitude

__all__ = ["Product", "product_columns"]


def _reduction(width: int) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, int]]]:
    """Full adders (three net indices, column) over the partial products, and the nets (index, column) that remain.

    Only threes are added: a half adder would cost an adder and save no bit.
    """
    columns: list[list[int]] = [[] for _ in range(2 * width)]
    for index in range(width * width):
        columns[index // width + index % width].append(index)
    adders: list[tuple[int, int, int, int]] = []
    count = width * width
    for column, nets in enumerate(columns):
        while len(nets) >= 3:
            first, second, third, *nets[:] = nets
            adders.append((first, second, third, column))
            nets.append(count)
            columns[column + 1].append(count + 1)
            count += 2
    return adders, [(net, column) for column, nets in enumerate(columns) for net in nets]


def product_columns(mantissa_width: int) -> tuple[int, ...]:
    """Columns (log2 of the weights) of the bits a product of this mantissa width is made of."""
    return tuple(column for _, column in _reduction(mantissa_width - 1)[1])


class Product(Component):
    """Sign-magnitude product whose sign enters each partial product, in front of the adders that all its bits share.

    With ``bound = (2**(m-1) - 1)**2``, the product is ``sum(bits[i] << columns[i]) - bound * sign``: for a negative
    product every partial product is inverted, and a full adder of inverted bits gives inverted results. A bit of ``b`` is
    inverted once, and ``a[i] ? b[j] ^ sign : sign`` is one and-or-invert gate, so that inverting costs an exclusive or for
    each bit of ``b`` and not for each bit of the product. Exact for every code, minus zero included: its partial products
    are all inverted, which makes ``bound``. Combinational.

    Parameters
    ----------
    mantissa_width
        m, sign included, at least 2.

    Attributes
    ----------
    a, b
        sign-magnitude mantissas.
    bits
        the product's bits, of weights ``2**columns[i]``.
    sign
        whether the product counts negative.
    """

    def __init__(self, mantissa_width: int) -> None:
        self.width = mantissa_width - 1
        self._adders, nets = _reduction(self.width)
        self._nets = [net for net, _ in nets]
        self.columns = product_columns(mantissa_width)
        self.bound = (2**self.width - 1) ** 2
        self.module_name = named("product", m=mantissa_width)
        shape = sign_magnitude(mantissa_width)
        super().__init__({"a": In(shape), "b": In(shape), "bits": Out(len(nets)), "sign": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        positive = ~(self.a.sign ^ self.b.sign)
        a, inverse = self.a.magnitude, Signal(self.width)
        m.d.comb += [self.sign.eq(~positive), inverse.eq(self.b.magnitude ^ positive.replicate(self.width))]
        nets = [~((a[i] & inverse[j]) | (~a[i] & positive)) for i in range(self.width) for j in range(self.width)]
        for number, (*inputs, _column) in enumerate(self._adders):
            adder = place(m, platform, f"adder{number}", FullAdder())
            m.d.comb += [getattr(adder, port).eq(nets[net]) for port, net in zip("abc", inputs, strict=True)]
            nets += [adder.sum, adder.carry]
        m.d.comb += self.bits.eq(Cat(nets[net] for net in self._nets))
        return m
