"""From a scaled integer to floating point."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data

from hw.accumulate.float_format import FloatFormat
from hw.accumulate.float_round import round_and_pack
from hw.accumulate.float_shift import normalise_partly, normalising_bits

__all__ = ["convert_integer", "term_layout", "word_term"]


def term_layout(form: FloatFormat, sum_width: int) -> data.StructLayout:
    """A converted integer: the fields of a word, its fraction cut to the top bits an integer of this width can fill."""
    fraction_width = max(1, min(form.fraction_width, sum_width - 2))
    return data.StructLayout({"fraction": fraction_width, "exponent": form.exponent_width, "sign": 1, "nan": 1})


def convert_integer(
    m: Module, form: FloatFormat, total: Value, scale: Value, nan: Value,
    stage: Callable[[str, Any], Any] = lambda name, record: record, fraction_width: int = 0,
) -> data.View:  # fmt: skip
    """``total * 2**(scale - fraction_width)`` rounded to nearest even, as a ``term_layout``.

    Flushed to zero of its sign below the normal range; above it infinity, which is the largest exponent with fraction
    0; zero is +0. ``total`` is signed and never its most negative code. Exact while ``|total| < 2**significand_width``.
    ``stage`` is called at the boundaries "magnitude", "split" and "found", the last in front of the exponent.
    """
    width = len(total) - 1

    def record(name: str, significand: Value, count: Value, source: tuple[Value, Value, Value]) -> Any:
        layout = {"significand": width, "count": len(count), "scale": scale.shape(), "sign": 1, "nan": 1}
        result = Signal(data.StructLayout(layout), name=f"convert_{name}")
        m.d.comb += [result.significand.eq(significand), result.count.eq(count)]
        m.d.comb += [result[field].eq(value) for field, value in zip(("scale", "sign", "nan"), source, strict=True)]
        result = stage(name, result)
        return result, (result.scale, result.sign, result.nan)

    coarse, fine = normalising_bits(width)
    magnitude, rest = record("magnitude", Mux(total[-1], -total, total), Const(0, 0), (scale, total[-1], nan))
    split, rest = record("split", *normalise_partly(m, magnitude.significand, "convert_normalise", coarse), rest)
    partly, low = normalise_partly(m, split.significand, "convert_normalise", fine)
    found, _ = record("found", partly, Cat(low, split.count), rest)
    exponent = Signal(signed(max(len(scale), form.exponent_width + 1) + 1), name="convert_exponent")
    m.d.comb += exponent.eq(found.scale + (form.bias + width - 1 - fraction_width) - found.count)
    field, fraction = round_and_pack(m, form, found.significand, exponent, "convert")
    term = Signal(term_layout(form, len(total)), name="convert_term")
    m.d.comb += [
        term.fraction.eq(fraction[form.fraction_width - len(term.fraction) :]),
        term.exponent.eq(field),
        term.sign.eq(found.sign),
        term.nan.eq(found.nan),
    ]
    return term


def word_term(m: Module, form: FloatFormat, word: data.View) -> data.View:
    """A packed word as a ``term_layout`` of full width."""
    term = Signal(term_layout(form, form.fraction_width + 2), name="word_term")
    m.d.comb += [
        term.fraction.eq(word.fraction),
        term.exponent.eq(word.exponent),
        term.sign.eq(word.sign),
        term.nan.eq(word.exponent.all() & word.fraction[-1]),
    ]
    return term
