"""Dot products by pairs: sums of neighbours are made at the tile's edge, and selected by bits of the other operand."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import signed_width
from hw.dot.bit_heap import AdderNetwork, BitHeap
from hw.emit import place
from hw.enable import connect_enables, enable_port, enables_of
from hw.names import named
from hw.types import sign_magnitude

__all__ = ["PairSelects", "PairSums", "PairedDotProduct"]


def _sums_layout(width: int, dot: int) -> data.ArrayLayout:
    pair = data.StructLayout({"first": signed(width), "second": signed(width), "sum": signed(width + 1)})
    return data.ArrayLayout(pair, dot // 2)


def _selects_layout(width: int, dot: int) -> data.ArrayLayout:
    pair = data.StructLayout({"first": width, "second": width, "both": width})
    return data.ArrayLayout(pair, dot // 2)


class _Prepared(Component):
    """Elements ``i`` of one operand, in two's complement or (``magnitudes``) sign and magnitude, on their way to ``o``."""

    def __init__(self, name: str, width: int, dot: int, layout: Any, magnitudes: bool) -> None:
        self.width, self.dot, self.magnitudes = width, dot, magnitudes
        self.module_name = named(name, m=width, d=dot, magnitudes=magnitudes)
        element = sign_magnitude(width) if magnitudes else signed(width)
        super().__init__({"i": In(data.ArrayLayout(element, dot)), "o": Out(layout)})

    def numbers(self, m: Module) -> list[Value]:
        """The elements as signed numbers."""
        if not self.magnitudes:
            return [self.i[index] for index in range(self.dot)]
        values = []
        for index in range(self.dot):
            value, element = Signal(signed(self.width), name=f"value_{index}"), self.i[index]
            m.d.comb += value.eq(Mux(element.sign, -element.magnitude, element.magnitude))
            values.append(value)
        return values


class PairSums(_Prepared):
    """Each pair of elements with its sum, for all units of a row. Combinational."""

    def __init__(self, width: int, dot: int, magnitudes: bool = False) -> None:
        super().__init__("pair_sums", width, dot, _sums_layout(width, dot), magnitudes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        numbers = self.numbers(m)
        for i, (first, second) in enumerate(zip(numbers[::2], numbers[1::2], strict=True)):
            m.d.comb += [self.o[i].first.eq(first), self.o[i].second.eq(second), self.o[i].sum.eq(first + second)]
        return m


class PairSelects(_Prepared):
    """For each pair of elements and each of their bits, which of the two have it, for a column. Combinational."""

    def __init__(self, width: int, dot: int, magnitudes: bool = False) -> None:
        super().__init__("pair_selects", width, dot, _selects_layout(width, dot), magnitudes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        numbers = self.numbers(m)
        for i, (first, second) in enumerate(zip(numbers[::2], numbers[1::2], strict=True)):
            m.d.comb += [
                self.o[i].first.eq(first & ~second),
                self.o[i].second.eq(second & ~first),
                self.o[i].both.eq(first & second),
            ]
        return m


class PairedTree(Component):
    """Sum of selected rows, given inverted: and-or-invert gates make them, and full adders do not mind.

    ``rows`` holds ``width`` rows of ``width + 1`` bits for each pair; row ``j`` weighs ``2**j``, the last one and the
    top bit of each row negative. Bits of negative weight come uninverted, so with ``T`` the plain weighted sum of what
    comes, ``sum = K - T = ~(T - K - 1)``. Latency is ``cycles``.
    """

    def __init__(self, width: int, dot: int, sum_width: int, cycles: int = 0, gated: bool = False) -> None:
        self.element_width, self.dot, self.sum_width, self.cycles = width, dot, sum_width, cycles
        self.module_name = named("paired_tree", m=width, d=dot, s=sum_width, c=cycles, gated=gated and cycles > 0)
        rows = dot // 2 * width * (width + 1)
        super().__init__({"rows": In(rows), "sum": Out(self.sum_width), **enable_port(gated, cycles)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network, width = AdderNetwork(), self.element_width
        heap, place_of = BitHeap(network, self.sum_width), 0
        total = 0
        for _ in range(self.dot // 2):
            for j in range(width):
                for i in range(width + 1):
                    heap.add(network.net(self.rows[place_of], depth=1), i + j)
                    place_of += 1
                    total += 1 << i + j if (i == width) == (j == width - 1) else 0
        heap.constant = -total - 1
        inverse = network.place(m, platform, heap.reduce(), self.cycles, enables_of(self, self.cycles))
        m.d.comb += self.sum.eq(~Cat(inverse))
        return m


class PairedDotProduct(Component):
    """``sum = Σ a[i] * b[i]`` of integers, ``a`` given as pair sums and ``b`` as pair selects.

    Each pair contributes one row per bit of ``b``: nothing, one element of ``a``, the other, or the sum of both; about
    half the bits of separate products. Exact for every code of the largest magnitude that ``sum`` is wide enough for.
    Latency is ``cycles``; throughput is one dot product per cycle.

    Parameters
    ----------
    width
        bits of an element.
    dot
        number of products, even.
    cycles
        ranks of registers inside.
    symmetric
        no element is ``-2**(width - 1)``.
    gated
        whether registers load only where their bit of ``enable`` is set.
    """

    def __init__(
        self, width: int, dot: int, cycles: int = 0, symmetric: bool = False, gated: bool = False
    ) -> None:
        if dot % 2:
            raise ValueError(f"dot must be even, not {dot}")
        self.width, self.dot = width, dot
        largest = dot * (2 ** (width - 1) - symmetric) ** 2
        self.sum_width = signed_width(-largest, largest)
        self.tree = PairedTree(width, dot, self.sum_width, cycles, gated)
        self.module_name = named(
            "paired_dot_product", m=width, d=dot, s=self.sum_width, c=cycles, gated=gated and cycles > 0
        )
        super().__init__({
            "a": In(_sums_layout(width, dot)), "b": In(_selects_layout(width, dot)), "sum": Out(signed(self.sum_width)),
            **enable_port(gated, cycles),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tree = place(m, platform, "tree", self.tree)
        connect_enables(m, tree, enables_of(self, self.tree.cycles))
        width, rows = self.width, []
        for pair in range(self.dot // 2):
            sums, selects = self.a[pair], self.b[pair]
            values = [Cat(x, x[-1]) for x in (sums.first, sums.second)] + [sums.sum]
            for j in range(width):
                lines = [selects.first[j], selects.second[j], selects.both[j]]
                row = Signal(width + 1, name=f"row_{pair}_{j}")
                chosen = [value & line.replicate(width + 1) for value, line in zip(values, lines, strict=True)]
                # The top bit weighs negative, and so does the last row: their own bits are not inverted.
                plain = 1 << width if j < width - 1 else (1 << width) - 1
                m.d.comb += row.eq(~(chosen[0] | chosen[1] | chosen[2]) ^ plain)
                rows.append(row)
        m.d.comb += [tree.rows.eq(Cat(rows)), self.sum.eq(tree.sum)]
        return m
