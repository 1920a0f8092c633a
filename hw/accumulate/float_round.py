"""The one place where floating-point results are rounded and packed."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data

from hw.accumulate.float_format import FloatFormat

__all__ = ["canonical", "round_and_pack"]


def round_and_pack(
    m: Module, form: FloatFormat, significand: Value, exponent: Value, name: str, infinite: Value | int = 0
) -> tuple[Value, Value]:
    """Round a normalised significand to nearest, ties to even.

    Parameters
    ----------
    significand
        top bit one, or all zero; bits below the format's are rounded away, the lowest may be sticky.
    exponent
        signed; the exponent field the significand's top bit stands for, before rounding.
    infinite
        makes the result infinity whatever the rest.

    Returns
    -------
    tuple[Value, Value]
        Exponent field and fraction, the fractions of zero and infinity as of ``FloatFormat``: zero where the
        rounded result is below the normal range, infinity where above it.
    """
    p = form.significand_width
    extra = len(significand) - p
    wide = Signal(signed(len(exponent) + p - 1), name=f"{name}_rounded")
    if extra > 0:
        sticky = significand[: extra - 1].any() if extra > 1 else 0
        round_up = significand[extra - 1] & (sticky | significand[extra])
        # A carry out of the fraction enters the exponent and leaves the fraction zero: the next power of two.
        m.d.comb += wide.eq(Cat(significand[extra:-1], exponent).as_signed() + round_up)
    else:
        m.d.comb += wide.eq(Cat(Const(0, -extra), significand[:-1], exponent).as_signed())
    # Range is judged beside the rounding: a carry makes the fraction zero, so out of exponent 0 it makes the least
    # normal number, and out of the largest ordinary one infinity, without being looked at.
    field, fraction = wide[p - 1 :][: form.exponent_width], wide[: p - 1]
    below, above = (Signal(name=f"{name}_{word}") for word in ("below", "above"))
    m.d.comb += [
        above.eq(infinite | (significand[-1] & (exponent >= form.largest_exponent))),
        below.eq(~significand[-1] | (exponent < 0)),
    ]
    return Mux(above, form.largest_exponent, Mux(below, 0, field)), Cat(fraction[:-1], fraction[-1] & ~above)


def canonical(form: FloatFormat, word: data.View) -> Value:
    """``form.canonical_word`` in hardware."""
    nonzero, special = word.exponent.any(), word.exponent.all()
    keep = (nonzero & ~special).replicate(form.fraction_width - 1)
    return Cat(word.fraction[:-1] & keep, word.fraction[-1] & nonzero, word.exponent, word.sign)
