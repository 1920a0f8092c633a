"""Shifters of floating-point datapaths, as rows of multiplexers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

__all__ = ["normalise", "normalise_partly", "normalising_bits", "shift_right_sticky"]


def shift_right_sticky(m: Module, value: Value, amount: Value, name: str) -> Value:
    """``value >> amount``, with the OR of all bits shifted out in the lowest bit of the result.

    Exact for every amount; a result as wide as ``value``.
    """
    width = len(value)
    stages = max(1, (width - 1).bit_length())
    near, beyond = amount[:stages], amount[stages:].any()
    # The lost bits are found beside the shift, not in its steps one after another.
    lost = Signal(name=f"{name}_lost")
    m.d.comb += lost.eq((value & Cat(_ones_below(near)[:width])).any())
    shifted = value
    for bit in reversed(range(len(near))):
        step = 1 << bit
        following = Signal(width, name=f"{name}_{step}")
        m.d.comb += following.eq(Mux(near[bit], shifted[step:], shifted))
        shifted = following
    if len(amount) <= stages:
        return Cat(shifted[0] | lost, shifted[1:])
    final = Signal(width, name=f"{name}_beyond")
    m.d.comb += final.eq(Mux(beyond, value.any(), Cat(shifted[0] | lost, shifted[1:])))
    return final


def _ones_below(amount: Value) -> list[Value]:
    """For each place, whether it is below ``amount``."""
    if len(amount) == 0:
        return []
    rest, top = _ones_below(amount[:-1]), amount[-1]
    return [top | below for below in rest] + [top] + [top & below for below in rest]


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
