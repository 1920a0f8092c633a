"""Joined blocks: the joiner against the sum of its blocks, worked out in the greatest one's units."""

from amaranth.hdl import Module, Mux, Signal, Value, signed

from hw.accumulate.block_joiner import BlockJoiner
from hw.config import JOIN_GUARD
from hw.emit import place
from tests.prove.bench import Bench
from tests.prove.property import Property, every_input

__all__ = ["PROPERTIES"]


def term(m: Module, total: Value, distance: Value, name: str) -> Signal:
    """``floor(total * 2**(JOIN_GUARD - distance) + 1/2)``: a block so far below the greatest, in units of the guard bits."""
    most = len(total) + JOIN_GUARD
    wide, moved = Signal(signed(len(total) + most + 2), name=f"wide_{name}"), Signal(signed(most), name=f"moved_{name}")
    m.d.comb += wide.eq(total << (most + 1))
    with m.Switch(distance):
        for places in range(most + 1):
            with m.Case(places):
                # So many places right of where the guard bits end; half of the last one is added.
                right = most + 1 - JOIN_GUARD + places
                m.d.comb += moved.eq((wide + (1 << right - 1)) >> right)
        with m.Default():
            m.d.comb += moved.eq(0)
    return moved


def joiner(blocks: int, sum_width: int, scale_width: int) -> Bench:
    """Blocks two and two, of any scales; sums are never their most negative code."""

    def describe(bench: Bench, m: Module, platform: object) -> None:
        part = place(m, platform, "joiner", BlockJoiner(blocks, sum_width, scale_width))
        terms: list[tuple[Value, Value]] = []
        for k in range(blocks):
            total, scale = getattr(bench, f"sum{k}"), getattr(bench, f"scale{k}")
            m.d.comb += [part.i[k].sum.eq(total), part.i[k].scale.eq(scale)]
            bench.require(total != -(1 << sum_width - 1))
            terms.append((total, scale))
        level = 0
        while len(terms) > 1:
            joined = []
            for n in range(0, len(terms), 2):
                pair = terms[n : n + 2]
                greater = Signal(signed(scale_width), name=f"greater{level}_{n}")
                total = Signal(signed(len(pair[0][0]) + JOIN_GUARD + 1), name=f"total{level}_{n}")
                m.d.comb += greater.eq(Mux(pair[0][1] > pair[1][1], pair[0][1], pair[1][1]))
                ones = [term(m, one, greater - scale, f"{level}_{n}_{i}") for i, (one, scale) in enumerate(pair)]
                m.d.comb += total.eq(ones[0] + ones[1])
                joined.append((total, greater))
            terms, level = joined, level + 1
        bench.claim(part.o.sum == terms[0][0])
        bench.claim(part.o.scale == terms[0][1])

    shapes = {f"{name}{k}": signed(width) for k in range(blocks) for name, width in (("sum", sum_width), ("scale", scale_width))}
    return Bench(f"joiner_{blocks}_{sum_width}_{scale_width}", shapes, describe)


JOINED = (
    "the sum is that of the blocks, two and two, each rounded to the guard bits of the greater one's unit, ties up; the scale is "
    "the greatest one's"
)


def _joiner(blocks: int, sum_width: int, scale_width: int) -> Property:
    name = f"joined/{blocks} blocks, sums of {sum_width} bits, scales of {scale_width}"
    proof = every_input(lambda: joiner(blocks, sum_width, scale_width))
    return Property(name, JOINED, "every input", proof, quick=(blocks, sum_width) == (2, 6))


PROPERTIES = [_joiner(*sizes) for sizes in ((2, 6, 5), (2, 13, 9), (4, 6, 5), (4, 13, 9))]
