"""Heaps of weighted bits, reduced to numbers by a network of full and half adders."""

import heapq
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Const, Module, Signal, Value

from hw.dot.adder_cells import FullAdder, HalfAdder, HalfAdderPlusOne
from hw.emit import place
from hw.enable import load

__all__ = ["AdderNetwork", "BitHeap", "constant_digits"]

BEFORE, BEHIND = 2, 1
"""Levels of logic before the network's inputs (a product's) and behind its outputs (the block sum's addition)."""

CELLS = {"full": FullAdder, "half": HalfAdder, "plus_one": HalfAdderPlusOne}


class PlacedAdder(NamedTuple):
    """One adder of a network, between nets."""

    kind: str
    inputs: tuple[int, ...]
    sum: int
    carry: int | None


def constant_digits(value: int) -> list[tuple[int, int]]:
    """Signed digits (exponent, +1 or -1) of a positive constant: binary, or non-adjacent form where that has fewer."""
    binary = [(i, 1) for i in range(value.bit_length()) if value >> i & 1]
    sparse, rest, exponent = [], value, 0
    while rest:
        if rest & 1:
            digit = 2 - (rest & 3)
            sparse.append((exponent, digit))
            rest -= digit
        rest, exponent = rest >> 1, exponent + 1
    return min(binary, sparse, key=len)


class AdderNetwork:
    """Adders between nets, planned as plain numbers first, so that registers can be put where few nets cross.

    A net is an index; its depth is the number of adders before it.
    """

    def __init__(self) -> None:
        self.values: list[Value | None] = []
        self.depths: list[float] = []
        self.cells: list[PlacedAdder] = []
        self.inverted: dict[int, int] = {}

    def net(self, value: Value | None = None, depth: float = 0) -> int:
        """A net driven by ``value``, or by a cell to come."""
        self.values.append(value)
        self.depths.append(depth)
        return len(self.values) - 1

    def invert(self, net: int) -> int:
        """The inverse of a net."""
        result = self.net(depth=self.depths[net])
        self.inverted[result] = net
        return result

    def add(self, kind: str, inputs: list[int], keep_carry: bool) -> PlacedAdder:
        """One adder after its latest input."""
        depth = max(self.depths[net] for net in inputs) + 1
        cell = PlacedAdder(kind, tuple(inputs), self.net(depth=depth), self.net(depth=depth) if keep_carry else None)
        self.cells.append(cell)
        return cell

    def place(
        self, m: Module, platform: object, outputs: list[int | None], cycles: int = 0,
        enables: Sequence[Value | None] | None = None,
    ) -> list[Value]:  # fmt: skip
        """Put the adders into ``m`` with ``cycles`` ranks of registers; returns the values of ``outputs``, in step.

        Registers of a rank that has one of ``enables`` load only where it is set.
        """
        enables = enables or [None] * cycles
        cuts = self._cuts(outputs, cycles)
        values: list[Value | None] = list(self.values)
        delayed: dict[tuple[int, int], Value] = {}
        made: dict[int, Signal] = {}
        for cell in self.cells:
            for net in cell.sum, cell.carry:
                if net is not None:
                    values[net] = made[net] = Signal(name=f"net{net}")

        def stage_of(net: int) -> int:  # the logic whose depth an input has stands before the network, so before every register
            return 0 if self.values[net] is not None else bisect_left(cuts, self.depths[net])

        def at(net: int, stage: int) -> Value:
            if net in self.inverted:
                return ~at(self.inverted[net], stage)
            if isinstance(values[net], Const) or stage_of(net) >= stage:
                return values[net]
            if (net, stage) not in delayed:
                delayed[net, stage] = Signal(name=f"rank{stage}_{net}", reset_less=True)
                load(m, delayed[net, stage], at(net, stage - 1), enables[stage - 1])
            return delayed[net, stage]

        for number, cell in enumerate(self.cells):
            stage = bisect_left(cuts, self.depths[cell.sum])
            adder = place(m, platform, f"adder{number}", CELLS[cell.kind]())
            m.d.comb += [getattr(adder, p).eq(at(net, stage)) for p, net in zip("abc", cell.inputs, strict=False)]
            m.d.comb += made[cell.sum].eq(adder.sum)
            if cell.carry is not None:
                m.d.comb += made[cell.carry].eq(adder.carry)
        return [Const(0, 1) if net is None else at(net, cycles) for net in outputs]

    def _cuts(self, outputs: list[int | None], cycles: int) -> list[int]:
        """Depths after which registers go: near an even split, where the fewest nets cross."""
        last = {net: self.depths[cell.sum] for cell in self.cells for net in cell.inputs}
        deepest = int(max(self.depths, default=0))
        last.update({net: deepest + 1 for net in outputs if net is not None})
        cuts: list[int] = []
        for i in range(1, cycles + 1):
            middle = max(0, round((BEFORE + deepest + BEHIND) * i / (cycles + 1)) - BEFORE)
            reach = deepest // (cycles + 1) // 4
            least = cuts[-1] + 1 if cuts else 0
            choices = range(max(least, middle - reach), max(least, middle + reach) + 1)
            cuts.append(min(choices, key=lambda cut: sum(self.depths[n] <= cut < end for n, end in last.items())))
        return cuts


class BitHeap:
    """Bits with weights, whose sum modulo ``2**width`` a network of adders computes.

    Every adder takes bits of one weight, so it keeps the weighted sum; a column's bits are taken earliest first.
    """

    def __init__(self, network: AdderNetwork, width: int, constant: int = 0) -> None:
        self.network, self.width, self.constant = network, width, constant
        self.columns: list[list[tuple[float, int]]] = [[] for _ in range(width + 1)]

    def add(self, net: int, column: int) -> None:
        """Add one bit of weight ``2**column``; a weight beyond the width counts for nothing."""
        if column < self.width:
            heapq.heappush(self.columns[column], (self.network.depths[net], net))

    def add_number(self, nets: Sequence[int | None], column: int = 0, sign: int = 1) -> None:
        """Add or subtract an unsigned number, least significant bit first, ``None`` for zero: ``-x = ~x - (2**len(x) - 1)``."""
        for i, net in enumerate(nets):
            if net is not None:
                self.add(net if sign > 0 else self.network.invert(net), column + i)
            elif sign < 0:  # a zero, inverted
                self.constant += 1 << column + i
        if sign < 0:
            self.constant -= (2 ** len(nets) - 1) << column

    def reduce(self) -> list[int | None]:
        """Nets of the sum, least significant first; ``None`` is zero."""
        return [self._reduce_column(i) for i in range(self.width)]

    def _reduce_column(self, i: int) -> int | None:
        column, one = self.columns[i], self.constant >> i & 1
        while len(column) >= 3:
            self._adder("full", i, 3)
        if len(column) == 2:
            self._adder("plus_one" if one else "half", i, 2)
        elif one and column:
            _, net = column.pop()
            self.add(net, i + 1)
            return self.network.invert(net)
        elif one:
            return self.network.net(Const(1, 1))
        return column[0][1] if column else None

    def _adder(self, kind: str, i: int, count: int) -> None:
        nets = [heapq.heappop(self.columns[i])[1] for _ in range(count)]
        cell = self.network.add(kind, nets, keep_carry=i + 1 < self.width)
        self.add(cell.sum, i)
        if cell.carry is not None:
            self.add(cell.carry, i + 1)
