"""Shifters of floating-point datapaths, as rows of multiplexers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

__all__ = ["leading_zeros", "normalise", "normalise_partly", "normalising_bits", "shift_left", "shift_right_sticky"]

SHIFT_ORDER = (3, 2, 4, 1, 0, 5)
"""Bits of an amount in the order in which a shift that loses bits goes by them: by trial, of fourteen orders the smallest
FP32 accumulator in NanGate 45. Late short shifts leave the search for lost bits, which is deeper than a shift, few of them."""


def shift_right_sticky(m: Module, value: Value, amount: Value, name: str) -> Value:
    """``value >> amount``, with the OR of all bits shifted out in the lowest bit of the result.

    For a normalised ``value``; one whose top bit is zero counts as zero. Exact for every amount; a result as wide as
    ``value``.
    """
    width = len(value)
    stages = max(1, (width - 1).bit_length())
    near, beyond = amount[:stages], amount[stages:].any()
    lost, shifted = value[-1] & beyond, value & (value[-1] & ~beyond).replicate(width)
    for bit in sorted(range(len(near)), key=SHIFT_ORDER.index):
        step = 1 << bit
        following = Signal(width, name=f"{name}_{step}")
        found = Signal(name=f"{name}_lost_{step}")
        m.d.comb += [
            following.eq(Mux(near[bit], shifted[step:], shifted)),
            found.eq(lost | (near[bit] & shifted[:step].any())),
        ]
        lost, shifted = found, following
    return Cat(shifted[0] | lost, shifted[1:])


def normalise(m: Module, value: Value, name: str) -> tuple[Value, Value]:
    """``value`` shifted left until its top bit is one, and by how many places.

    A value of zero stays zero, with the largest count the stages can make.
    """
    coarse, fine = normalising_bits(len(value))
    value, high = normalise_partly(m, value, name, coarse)
    value, low = normalise_partly(m, value, name, fine)
    return value, Cat(low, high)


def normalising_bits(width: int) -> tuple[range, range]:
    """Bits of the count of places a value of ``width`` bits can need, highest first: those from 4 places on, the rest."""
    bits = (width - 1).bit_length()
    return range(bits - 1, 1, -1), range(min(bits, 2) - 1, -1, -1)


def normalise_partly(m: Module, value: Value, name: str, bits: range) -> tuple[Value, Value]:
    """The stages of ``normalise`` that find these bits of the count; returns the value shifted so far and the bits."""
    count = leading_zeros(m, value, name, bits)
    return shift_left(m, value, count, name, bits), count


def leading_zeros(m: Module, value: Value, name: str, bits: range) -> Value:
    """These bits of the count of zeros above the leading one.

    They are found in a short word that says which groups of ``value`` are empty, and which is shifted as well, so that
    they need not wait for the long one.
    """
    if not bits:
        return Const(0, 0)
    width = len(value)
    counts: list[Value] = []
    group = 1 << bits[-1]
    filled = Signal(-(-width // group), name=f"{name}_filled_{group}")
    m.d.comb += filled.eq(Cat(value[max(0, end - group) : end].any() for end in range(width, 0, -group)))
    for bit in bits:
        step = 1 << bit
        empty = Signal(name=f"{name}_empty_{step}")
        m.d.comb += empty.eq(~filled[: step // group].any())
        if bit != bits[-1]:
            rest = Signal(len(filled), name=f"{name}_filled_{group}_{step}")
            m.d.comb += rest.eq(Mux(empty, filled[step // group :], filled))
            filled = rest
        counts.insert(0, empty)
    return Cat(counts)


def shift_left(m: Module, value: Value, count: Value, name: str, bits: range) -> Value:
    """``value`` shifted left by the places that these bits of a count, ``count``, stand for; the longest shift first."""
    for bit in bits:
        step = 1 << bit
        following = Signal(len(value), name=f"{name}_{step}")
        m.d.comb += following.eq(Mux(count[bit - bits[-1]], Cat(Const(0, step), value[:-step]), value))
        value = following
    return value
