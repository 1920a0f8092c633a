"""Structured ports in a bench: their words from field values and back, cycle by cycle."""

from cocotb.triggers import ReadOnly, RisingEdge

__all__ = ["number", "pack", "sign_magnitudes", "signed_mantissas", "step", "unpack"]


def pack(layout, values) -> int:
    """Word of a layout; ``values`` is nested like it, missing fields are zero."""
    return layout.const(values).as_bits()


def unpack(layout, word: int):
    """Fields of a word, as attributes or by index."""
    return layout.from_bits(word)


def number(value) -> int:
    """A port's value; bits that were never assigned count as zero."""
    return int(str(value).translate(str.maketrans("xXzZuUwW-", "000000000")), 2)


async def step(dut, outputs=(), **inputs) -> list[int]:
    """One cycle: drive ``inputs``, read ``outputs``, wait for the edge."""
    for name, value in inputs.items():
        getattr(dut, name).value = value
    await ReadOnly()
    values = [number(getattr(dut, name).value) for name in outputs]
    await RisingEdge(dut.clk)
    return values


def sign_magnitudes(mantissas) -> list[dict]:
    """Mantissas as the machine has them; every other zero is a minus zero, which means the same."""
    return [{"sign": int(q < 0 or (q == 0 and n % 2)), "magnitude": abs(int(q))} for n, q in enumerate(mantissas)]


def signed_mantissas(fields) -> list[int]:
    """Integers from sign and magnitude."""
    return [-field.magnitude if field.sign else field.magnitude for field in fields]
