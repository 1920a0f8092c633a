"""Sums of integers whose weights are minus one, one and perhaps zero: what networks with binary or ternary weights multiply by."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import signed_width
from hw.dot.bit_heap import AdderNetwork, BitHeap
from hw.names import named

__all__ = ["PairTerms", "PairWeights", "WeightedSum"]


def _terms_layout(width: int, weight_width: int, dot: int) -> data.ArrayLayout:
    """What a pair may contribute, but for its sign; one element alone only where weights may be zero."""
    alone = {"first": signed(width), "second": signed(width)} if weight_width == 2 else {}
    return data.ArrayLayout(data.StructLayout({"sum": signed(width + 1), "difference": signed(width + 1), **alone}), dot // 2)


def _weights_layout(weight_width: int, dot: int) -> data.StructLayout:
    """Which of its terms each pair contributes, whether it is negated, and how many pairs are."""
    alone = {"sum": 1, "first": 1, "second": 1} if weight_width == 2 else {}
    pair = data.StructLayout({"difference": 1, **alone, "negative": 1})
    return data.StructLayout({"pairs": data.ArrayLayout(pair, dot // 2), "negatives": (dot // 2).bit_length()})


class PairTerms(Component):
    """Sum and difference of each pair of elements, for all units of a row. Combinational."""

    def __init__(self, width: int, weight_width: int, dot: int) -> None:
        self.dot, self.weight_width = dot, weight_width
        self.module_name = named("pair_terms", m=width, w=weight_width, d=dot)
        super().__init__({
            "i": In(data.ArrayLayout(signed(width), dot)), "o": Out(_terms_layout(width, weight_width, dot)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for pair in range(self.dot // 2):
            first, second, terms = self.i[2 * pair], self.i[2 * pair + 1], self.o[pair]
            m.d.comb += [terms.sum.eq(first + second), terms.difference.eq(first - second)]
            if self.weight_width == 2:
                m.d.comb += [terms.first.eq(first), terms.second.eq(second)]
        return m


class PairWeights(Component):
    """What the weights of each pair select, for all units of a column. Combinational.

    A weight of one bit is minus one if it is set, else one; of two bits, sign and magnitude, minus one, one or zero.
    """

    def __init__(self, weight_width: int, dot: int) -> None:
        self.dot, self.weight_width = dot, weight_width
        self.module_name = named("pair_weights", w=weight_width, d=dot)
        super().__init__({"i": In(data.ArrayLayout(weight_width, dot)), "o": Out(_weights_layout(weight_width, dot))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network = AdderNetwork()
        heap = BitHeap(network, len(self.o.negatives))
        for pair in range(self.dot // 2):
            first, second, o = self.i[2 * pair], self.i[2 * pair + 1], self.o.pairs[pair]
            differ = first[-1] ^ second[-1]
            if self.weight_width == 1:
                m.d.comb += [o.difference.eq(differ), o.negative.eq(first[-1])]
            else:
                both = first[0] & second[0]
                m.d.comb += [
                    o.sum.eq(both & ~differ), o.difference.eq(both & differ), o.first.eq(first[0] & ~second[0]),
                    o.second.eq(~first[0] & second[0]), o.negative.eq(Mux(first[0], first[1], second[0] & second[1])),
                ]  # fmt: skip
            heap.add(network.net(o.negative, depth=1), 0)
        m.d.comb += self.o.negatives.eq(Cat(network.place(m, platform, heap.reduce())))
        return m


class WeightedSum(Component):
    """``sum = Σ a[i] * b[i]``, exact, ``a`` given as ``PairTerms`` and ``b`` as ``PairWeights``, in half the bits of products.

    A pair adds one row: one of its terms, inverted if it is negative; the ones that negating takes besides are counted
    once for all units of a column. Latency is ``cycles``; throughput is one sum per cycle.

    Parameters
    ----------
    width
        bits of an element of ``a``.
    weight_width
        1 for weights ±1, 2 for those and zero.
    dot
        number of products, even.
    cycles
        ranks of registers inside.
    """

    def __init__(self, width: int, weight_width: int, dot: int, cycles: int = 0) -> None:
        if weight_width not in (1, 2):
            raise ValueError(f"weight_width must be 1 or 2, not {weight_width}")
        if dot % 2:
            raise ValueError(f"dot must be even, not {dot}")
        self.width, self.weight_width, self.dot, self.cycles = width, weight_width, dot, cycles
        largest = dot << width - 1
        self.sum_width = signed_width(-largest, largest)
        self.module_name = named("weighted_sum", m=width, w=weight_width, d=dot, c=cycles)
        super().__init__({
            "a": In(_terms_layout(width, weight_width, dot)), "b": In(_weights_layout(weight_width, dot)),
            "sum": Out(signed(self.sum_width)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network = AdderNetwork()
        # The top bit of a row weighs negative: it comes inverted, and 2**width less for each pair.
        heap = BitHeap(network, self.sum_width, constant=-(self.dot // 2) << self.width)
        for pair in range(self.dot // 2):
            terms, weights = self.a[pair], self.b.pairs[pair]
            row = Signal(self.width + 1, name=f"row_{pair}")
            m.d.comb += row.eq(self._chosen(terms, weights) ^ weights.negative.replicate(self.width + 1))
            for bit in range(self.width):
                heap.add(network.net(row[bit], depth=1), bit)
            heap.add(network.net(~row[-1], depth=1), self.width)
        heap.add_number([network.net(bit, depth=1) for bit in self.b.negatives])
        m.d.comb += self.sum.eq(Cat(network.place(m, platform, heap.reduce(), self.cycles)))
        return m

    def _chosen(self, terms: Any, weights: Any) -> Any:
        """The term that a pair contributes."""
        if self.weight_width == 1:
            return Mux(weights.difference, terms.difference, terms.sum)
        chosen = Const(0, self.width + 1)
        for name in ("sum", "difference", "first", "second"):
            term = getattr(terms, name)
            extended = Cat(term, term[-1])[: self.width + 1]
            chosen = chosen | extended & getattr(weights, name).replicate(self.width + 1)
        return chosen
