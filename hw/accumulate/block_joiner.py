"""Sums of several blocks become one, exactly while their exponents are close: one floating-point addition for all of them."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import JOIN_GUARD
from hw.enable import enable_port, enables_of, load
from hw.names import named

__all__ = ["BlockJoiner", "feed_block"]


def feed_block(m: Module, unit: Any, product: Any, block: int) -> None:
    """Connect a dot product to its part of a unit's operands, which hold blocks one behind the other."""
    for side in "ab":
        whole, part = Value.cast(getattr(unit, side)), Value.cast(getattr(product, side))
        m.d.comb += part.eq(whole[block * len(part) : (block + 1) * len(part)])


def _terms(sum_width: int, scale_width: int) -> data.StructLayout:
    return data.StructLayout({"sum": signed(sum_width), "scale": signed(scale_width)})


class BlockJoiner(Component):
    """``sum * 2**(scale - fraction_width)`` is the sum of blocks ``i[k].sum * 2**i[k].scale``, two and two joined.

    Of two the greater scale counts. The other one's sum is shifted right to it, rounded to ``JOIN_GUARD`` bits below the
    greater one's unit, ties up; then they are added. So the result is exact while scales differ by at most
    ``JOIN_GUARD``, and off by at most half of the last of these bits else. A block whose scale lies further below than
    its sum has bits counts as zero. Four are joined as two pairs, in the same way. Sums are never their most negative
    code.
    Latency is ``cycles``; throughput is one group per cycle.

    Parameters
    ----------
    blocks
        2 or 4.
    sum_width, scale_width
        bits of a block's sum and of its scale.
    cycles
        ranks of registers, 0 … 2.
    gated
        whether registers load only where their bit of ``enable`` is set.

    Attributes
    ----------
    i
        blocks, in the order of the reduction.
    nan, o_nan
        a flag that goes along.
    o
        ``sum`` with ``JOIN_GUARD + 1`` bits more for each time two are joined, ``scale`` of the greatest block.
    """

    def __init__(self, blocks: int, sum_width: int, scale_width: int, cycles: int = 0, gated: bool = False) -> None:
        self.blocks, self.sum_width, self.scale_width, self.cycles = blocks, sum_width, scale_width, cycles
        self.module_name = named(
            "block_joiner", b=blocks, s=sum_width, e=scale_width, c=cycles, gated=gated and cycles > 0
        )
        levels = blocks.bit_length() - 1
        registered = [*(f"{kind}{level}" for level in range(levels) for kind in ("compare", "join"))][-1:]
        if cycles == 2:
            registered.insert(0, "compare0" if levels == 1 else "join0")
        self.registered = registered if cycles else []
        super().__init__({
            "i": In(data.ArrayLayout(_terms(sum_width, scale_width), blocks)),
            "nan": In(1),
            "o": Out(_terms(sum_width + levels * (JOIN_GUARD + 1), scale_width)),
            "o_nan": Out(1),
            **enable_port(gated, cycles),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        terms: list[Any] = [self.i[k] for k in range(self.blocks)]
        nan, level = self.nan, 0
        while len(terms) > 1:
            pairs = [
                self._compare(m, terms[k], terms[k + 1], f"{level}_{k // 2}") for k in range(0, len(terms), 2)
            ]
            pairs, nan = self._stage(m, f"compare{level}", pairs, nan)
            terms = [self._join(m, pair, f"{level}_{k}") for k, pair in enumerate(pairs)]
            terms, nan = self._stage(m, f"join{level}", terms, nan)
            level += 1
        m.d.comb += [self.o.eq(terms[0]), self.o_nan.eq(nan)]
        return m

    def connect(self, m: Module, unit: Any, sums: list[Signal], total: Any) -> None:
        """Put this between the block sums of a unit, which has their scales and flags, and its accumulator's ``total``."""
        for k, block_sum in enumerate(sums):
            m.d.comb += [self.i[k].sum.eq(block_sum), self.i[k].scale.eq(unit.scale_a[k] + unit.scale_b[k])]
        m.d.comb += [
            self.nan.eq(unit.nan_a | unit.nan_b),
            total.sum.eq(self.o.sum), total.scale.eq(self.o.scale), total.nan.eq(self.o_nan),
        ]  # fmt: skip

    def _stage(self, m: Module, name: str, records: list[Any], nan: Value) -> tuple[list[Any], Value]:
        """The same a cycle later, where there are registers."""
        if name not in self.registered:
            return records, nan
        enable = enables_of(self, self.cycles)[self.registered.index(name)]
        held = []
        for place, record in enumerate(records):
            register = Signal(record.shape(), name=f"after_{name}_{place}", reset_less=True)
            load(m, register, record, enable)
            held.append(register)
        flag = Signal(name=f"after_{name}_nan", reset_less=True)
        load(m, flag, nan, enable)
        return held, flag

    def _compare(self, m: Module, first: Any, second: Any, name: str) -> Any:
        """Which of two is the greater, and how far the other must move; beyond all of its bits it is cleared."""
        width = len(first.sum)
        places = (width + JOIN_GUARD).bit_length()
        pair = Signal(
            data.StructLayout({
                "high": signed(width), "low": signed(width), "amount": places, "scale": signed(self.scale_width),
            }),
            name=f"pair_{name}",
        )  # fmt: skip
        difference = Signal(signed(self.scale_width + 1), name=f"difference_{name}")
        distance = Signal(self.scale_width + 1, name=f"distance_{name}")
        later = difference[-1]
        near = ~distance[places:].any()
        m.d.comb += [
            difference.eq(first.scale - second.scale),
            distance.eq(Mux(later, -difference, difference)),
            pair.amount.eq(distance),
            pair.scale.eq(Mux(later, second.scale, first.scale)),
            pair.high.eq(Mux(later, second.sum, first.sum)),
            pair.low.eq(Mux(later, first.sum, second.sum) & near.replicate(width)),
        ]
        return pair

    def _join(self, m: Module, pair: Any, name: str) -> Any:
        """Their sum: the lower one moved, rounded by the last bit that it loses."""
        moved = Cat(Const(0, JOIN_GUARD + 1), pair.low).as_signed()
        for bit in range(len(pair.amount)):
            following = Signal(signed(len(moved)), name=f"moved_{name}_{1 << bit}")
            m.d.comb += following.eq(Mux(pair.amount[bit], moved >> (1 << bit), moved))
            moved = following
        joined = Signal(_terms(len(pair.high) + JOIN_GUARD + 1, self.scale_width), name=f"joined_{name}")
        m.d.comb += [
            joined.sum.eq((pair.high << JOIN_GUARD) + moved[1:].as_signed() + moved[0]),
            joined.scale.eq(pair.scale),
        ]
        return joined
