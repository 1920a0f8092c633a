"""Shifters of floating-point datapaths, as rows of multiplexers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

__all__ = ["normalise", "shift_right_sticky"]


def shift_right_sticky(m: Module, value: Value, amount: Value, name: str) -> Value:
    """``value >> amount``, with the OR of all bits shifted out in the lowest bit of the result.

    Exact for every amount; a result as wide as ``value``.
    """
    width = len(value)
    stages = max(1, (width - 1).bit_length())
    for bit in reversed(range(min(stages, len(amount)))):
        step = 1 << bit
        lost = value[: step + 1].any() if step + 1 < width else value.any()
        shifted = Cat(lost, value[step + 1 :], Const(0, min(step, width - 1)))
        following = Signal(width, name=f"{name}_{step}")
        m.d.comb += following.eq(Mux(amount[bit], shifted, value))
        value = following
    if len(amount) > stages:
        beyond = amount[stages:].any()
        final = Signal(width, name=f"{name}_beyond")
        m.d.comb += final.eq(Mux(beyond, value.any(), value))
        value = final
    return value


def normalise(m: Module, value: Value, name: str) -> tuple[Value, Value]:
    """``value`` shifted left until its top bit is one, and by how many places.

    A value of zero stays zero, with the largest count the stages can make.
    """
    width = len(value)
    counts = []
    for bit in reversed(range(max(1, (width - 1).bit_length()))):
        step = 1 << bit
        if step >= width:
            continue
        empty = Signal(name=f"{name}_empty_{step}")
        following = Signal(width, name=f"{name}_{step}")
        m.d.comb += [
            empty.eq(~value[width - step :].any()),
            following.eq(Mux(empty, Cat(Const(0, step), value[: width - step]), value)),
        ]
        counts.insert(0, empty)
        value = following
    return value, Cat(counts) if counts else Const(0, 1)
