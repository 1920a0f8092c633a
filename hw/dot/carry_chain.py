"""Sums of dot products for FPGAs: a tree on carry chains, signs handled relatively; and products in lookup tables."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from amaranth.hdl import Cat, Const, Module, Signal, Value

from hw.config import signed_width
from hw.enable import load

__all__ = ["TABLE_WIDTH", "Node", "carry_chain_sum", "magnitude_product", "product_node", "table_products"]

TABLE_WIDTH = 3
"""Bits of a factor up to which every bit of a product fits in one lookup table of six inputs."""


class Node(NamedTuple):
    """A partial sum ``±value``, negative where ``sign`` is set; the value is in two's complement and in its bounds."""

    sign: Value
    value: Value
    low: int
    high: int


def product_node(sign: Value, magnitude: Value, largest: int) -> Node:
    """A product from its sign and its magnitude, which is at most ``largest``."""
    return Node(sign, Cat(magnitude, Const(0, 1)), 0, largest)


def _small_product(m: Module, name: str, a: Value, b: Value) -> Value:
    """Product of short factors as logic without a carry chain, column by column."""
    columns: list[list[Value]] = [[] for _ in range(len(a) + len(b))]
    for i in range(len(a)):
        for j in range(len(b)):
            columns[i + j].append(a[i] & b[j])
    for place, column in enumerate(columns):
        while len(column) > 1:
            x, y, z = column.pop(), column.pop(), column.pop() if column else Const(0, 1)
            total = Signal(2, name=f"{name}_column{place}_{len(column)}")
            m.d.comb += [total[0].eq(x ^ y ^ z), total[1].eq(x & y | z & (x ^ y))]
            column.append(total[0])
            if place + 1 < len(columns):  # a product's last column has no carry
                columns[place + 1].append(total[1])
    return Cat(column[0] if column else Const(0, 1) for column in columns)


def _add(m: Module, name: str, a: Value, b: Value, width: int) -> Value:
    """Sum of two unsigned numbers of less than ``width`` bits.

    The top bit is put above both, where it counts nothing: an operand that is just another sum would be merged with it
    by Yosys, into a sum of three numbers that needs more tables.
    """
    total = Signal(width, name=name)
    a, b = (Cat(x, Const(0, 1).replicate(width - 1 - len(x)), a[-1]) for x in (a, b))
    m.d.comb += total.eq(a + b)
    return total


def _chunks(width: int) -> list[int]:
    """Even parts of at most ``TABLE_WIDTH``, the wider ones first."""
    count = -(-width // TABLE_WIDTH)
    return [width // count + (i < width % count) for i in range(count)]


def magnitude_product(m: Module, name: str, a: Value, b: Value) -> Value:
    """Product of two unsigned numbers of the same width.

    Factors wider than ``TABLE_WIDTH`` are cut into chunks. Products of chunks ``i`` and ``i + d`` follow each other without
    gap or overlap for equal ``d``, so each diagonal ``d`` is one number, and only diagonals are added.
    """
    chunks = _chunks(len(a))
    starts = [sum(chunks[:i]) for i in range(len(chunks))]
    parts = {
        (i, j): _small_product(
            m, f"{name}_{i}_{j}", *(x[s : s + c] for x, s, c in ((a, starts[i], chunks[i]), (b, starts[j], chunks[j])))
        )
        for i in range(len(chunks)) for j in range(len(chunks))
    }  # fmt: skip
    total = Cat(parts[i, i] for i in range(len(chunks)))
    for d in range(1, len(chunks)):
        sides = [Cat(parts[i + lag, i + d - lag] for i in range(len(chunks) - d)) for lag in (0, d)]
        pair = _add(m, f"{name}_pair{d}", sides[0], sides[1], len(sides[0]) + 1)
        start, upper = starts[d], len(total) - starts[d]
        # A product fits its bits, but not those that ``_add`` asks for.
        total = Cat(total[:start], _add(m, f"{name}_sum{d}", total[start:], pair, upper + 1)[:upper])
    return total


def _pair(m: Module, name: str, a: Node, b: Node) -> Node:
    """``s_a * (v_a ± v_b)``: the sign of ``b`` relative to that of ``a`` inverts and is the carry in.

    On a carry chain whose tables take both operands the inversion costs nothing; the operand that is not inverted goes
    past the table. Yosys takes the one whose name comes first for that.
    """
    low, high = min(a.low + b.low, a.low - b.high), max(a.high + b.high, a.high - b.low)
    width = signed_width(low, high)
    relative = Signal(name=f"relative{name}")
    turned = Signal(width, name=f"turned{name}")
    total = Signal(width, name=f"node{name}")
    # Extended by hand: a sum in itself would be merged, see ``_add``.
    x, y = (Cat(v, v[-1].replicate(width - len(v))) for v in (a.value, b.value))
    m.d.comb += [
        relative.eq(a.sign ^ b.sign),
        turned.eq(y ^ relative.replicate(width)),
        total.eq(x + turned + relative),
    ]
    return Node(a.sign, total, low, high)


def _ranks(levels: int, cycles: int) -> list[int]:
    """Levels of additions after which registers go: the product counts as one in front, the last negation as one behind."""
    return [min(levels, max(0, round((levels + 2) * (i + 1) / (cycles + 1)) - 1)) for i in range(cycles)]


def table_products(m: Module, a: Value, b: Value) -> list[Node]:
    """Products of sign-magnitude mantissas, in lookup tables."""
    nodes = []
    for i in range(len(a)):
        product = magnitude_product(m, f"product{i}", a[i].magnitude, b[i].magnitude)
        largest = (2 ** len(a[i].magnitude) - 1) ** 2
        nodes.append(product_node(a[i].sign ^ b[i].sign, product, largest))
    return nodes


def carry_chain_sum(
    m: Module, nodes: list[Node], cycles: int, addend: Any, width: int, enables: Sequence[Value | None] | None = None
) -> Value:
    """Sum of ``nodes`` and ``addend`` modulo ``2**width``, with ``cycles`` ranks of registers.

    A balanced tree adds pairs; its root's sign is applied together with the addend, which is that of the last cycle.

    Parameters
    ----------
    m
        where the logic goes.
    nodes
        products.
    addend
        of ``width`` bits, or ``None``.
    enables
        what lets each rank of registers load.
    """
    following = iter(enables or [None] * cycles)
    levels = (len(nodes) - 1).bit_length()
    ranks = _ranks(levels, cycles)
    for level in range(levels + 1):
        for rank in range(ranks.count(level)):
            enable = next(following)
            nodes = [_registered(m, f"{level}_{rank}_{i}", node, enable) for i, node in enumerate(nodes)]
        if level < levels:
            pairs = zip(nodes[::2], nodes[1::2], strict=False)
            left = nodes[len(nodes) & ~1 :]
            nodes = [_pair(m, f"{level}_{i}", *pair) for i, pair in enumerate(pairs)] + left
    root = nodes[0]
    turned, total = Signal(width, name="turned"), Signal(width, name="total")
    extended = Cat(root.value, root.value[-1].replicate(max(0, width - len(root.value))))
    m.d.comb += [
        turned.eq(extended ^ root.sign.replicate(width)),
        total.eq((Const(0, 1) if addend is None else addend) + turned + root.sign),
    ]
    return total


def _registered(m: Module, name: str, node: Node, enable: Value | None) -> Node:
    """A node one cycle later."""
    sign = Signal(name=f"sign{name}", reset_less=True)
    value = Signal(len(node.value), name=f"value{name}", reset_less=True)
    load(m, sign, node.sign, enable)
    load(m, value, node.value, enable)
    return Node(sign, value, node.low, node.high)
