"""Shifters of floating-point datapaths, as rows of multiplexers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

__all__ = ["normalise", "normalise_partly", "normalising_bits", "shift_right_sticky"]


def shift_right_sticky(m: Module, value: Value, amount: Value, name: str) -> Value:
    """``value >> amount``, with the OR of all bits shifted out in the lowest bit of the result.

    For a normalised ``value``; one whose top bit is zero counts as zero. Exact for every amount; a result as wide as
    ``value``.
    """
    width = len(value)
    stages = max(1, (width - 1).bit_length())
    near, beyond = amount[:stages], amount[stages:].any()
    lost, shifted = beyond, value
    for bit in range(len(near)):
        step = 1 << bit
        following = Signal(width, name=f"{name}_{step}")
        found = Signal(name=f"{name}_lost_{step}")
        m.d.comb += [
            following.eq(Mux(near[bit], shifted[step:], shifted)),
            found.eq(lost | (near[bit] & shifted[:step].any())),
        ]
        lost, shifted = found, following
    left = shifted & (value[-1] & ~beyond).replicate(width)
    return Cat(left[0] | (lost & value[-1]), left[1:])


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
    """The stages of ``normalise`` that find these bits of the count; returns the value shifted so far and the bits.

    The bits are found in a short word that says which groups of ``value`` are empty, and which is shifted as well, so
    that they need not wait for the long one.
    """
    width, counts = len(value), []
    if not bits:
        return value, Const(0, 0)
    group = 1 << bits[-1]
    filled = Signal(-(-width // group), name=f"{name}_filled_{group}")
    m.d.comb += filled.eq(Cat(value[max(0, end - group) : end].any() for end in range(width, 0, -group)))
    for bit in bits:
        step = 1 << bit
        empty = Signal(name=f"{name}_empty_{step}")
        following = Signal(width, name=f"{name}_{step}")
        m.d.comb += [
            empty.eq(~filled[: step // group].any()),
            following.eq(Mux(empty, Cat(Const(0, step), value[: width - step]), value)),
        ]
        if bit != bits[-1]:
            rest = Signal(len(filled), name=f"{name}_filled_{group}_{step}")
            m.d.comb += rest.eq(Mux(empty, filled[step // group :], filled))
            filled = rest
        counts.insert(0, empty)
        value = following
    return value, Cat(counts)
