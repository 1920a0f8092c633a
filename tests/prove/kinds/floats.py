"""Floating point: additions and conversions round the exact result as docs/numerics.md says.

The specification knows integers only: it aligns exactly, adds, looks for the leading one and rounds to nearest, ties to
even. It has no guard bits, no sticky bit and no swapped operands.
"""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data

from hw.accumulate.float_convert import convert_integer
from hw.accumulate.float_format import BF16, FP32, FloatFormat
from hw.accumulate.float_round import canonical
from hw.baseline.float_multiply import FloatAdd
from hw.emit import place
from tests.prove.bench import Bench
from tests.prove.property import Property, every_input

__all__ = ["PROPERTIES", "addition", "conversion"]


def nearest(m: Module, form: FloatFormat, negative: Value, magnitude: Value, unit: Value) -> data.View:
    """The word nearest to ``magnitude``, whose lowest bit is worth that of a significand with exponent field ``unit``.

    Ties go to even; below the normal range it is zero of its sign, above it infinity.
    """
    p = form.significand_width
    significand, exponent = Signal(p + 1), Signal(signed(len(unit) + 2))
    for top in range(len(magnitude)):
        low = top - p + 1  # the lowest bit that stays
        with m.If(magnitude[top:] == 1):
            m.d.comb += exponent.eq(unit + low)
            if low <= 0:
                m.d.comb += significand.eq(magnitude << -low)
            else:
                rest, half = magnitude[:low], 1 << low - 1
                odd = magnitude[low]
                m.d.comb += significand.eq(magnitude[low:] + ((rest > half) | ((rest == half) & odd)))
    word, field = Signal(form.layout), Signal(signed(len(exponent) + 1))
    m.d.comb += [field.eq(exponent + significand[p]), word.sign.eq(negative)]
    with m.If((magnitude == 0) | (field < 1)):
        m.d.comb += word.exponent.eq(0)
    with m.Elif(field >= form.largest_exponent):
        m.d.comb += word.exponent.eq(form.largest_exponent)
    with m.Else():
        m.d.comb += [word.exponent.eq(field), word.fraction.eq(Mux(significand[p], 0, significand))]
    return word


def addition(form: FloatFormat, reach: int, far: bool = False) -> Bench:
    """Two words whose exponent fields differ by ``difference``; ``swap`` says which of them is the first operand.

    A difference beyond ``reach`` counts as ``reach``. With a reach of the significand's width and two, the smaller operand
    is then less than a quarter of the larger one's last place, before and after: the sum rounds to the larger one.
    ``far`` asks for those differences only, otherwise they are left out.
    """

    def describe(bench: Bench, m: Module, platform: object) -> None:
        adder = place(m, platform, "adder", FloatAdd(form))
        large, small = form.layout(bench.large), Signal(form.layout)
        m.d.comb += [
            small.sign.eq(bench.small_sign), small.fraction.eq(bench.small_fraction),
            small.exponent.eq(large.exponent - bench.difference),
            adder.a.eq(Mux(bench.swap, small, large)), adder.b.eq(Mux(bench.swap, large, small)),
        ]  # fmt: skip
        bench.require(large.exponent >= bench.difference)
        bench.require(bench.difference > reach if far else bench.difference <= reach)
        got = Signal(form.width)
        m.d.comb += got.eq(canonical(form, adder.o))
        bench.claim(got == _sum(m, form, large, small, reach if far else bench.difference, reach))

    shapes = {"large": form.width, "small_sign": 1, "small_fraction": form.fraction_width,
              "difference": form.exponent_width, "swap": 1}  # fmt: skip
    return Bench(f"addition_{form.name}{'_far' * far}", shapes, describe)


def _sum(m: Module, form: FloatFormat, large: data.View, small: data.View, difference: Value | int, reach: int) -> Value:
    """The canonical word of the sum."""
    width = form.significand_width + reach + 1
    aligned, below, total = Signal(width), Signal(width), Signal(signed(width + 2))

    def significand(word: data.View) -> Value:
        return Mux(word.exponent == 0, 0, word.fraction | 1 << form.fraction_width)

    for shift in range(reach + 1):
        with m.If(difference == shift):
            m.d.comb += aligned.eq(significand(large) << shift)
    m.d.comb += [
        below.eq(significand(small)),
        total.eq(Mux(large.sign, -aligned, aligned) + Mux(small.sign, -below, below)),
    ]
    unit, magnitude = Signal(signed(form.exponent_width + 2)), Signal(width)
    m.d.comb += [unit.eq(large.exponent - difference), magnitude.eq(Mux(total < 0, -total, total))]
    both = large.sign & small.sign
    rounded = nearest(m, form, Mux(total == 0, both, total < 0), magnitude, unit)

    def special(word: data.View) -> tuple[Value, Value]:
        return word.exponent.all() & word.fraction[-1], word.exponent.all() & ~word.fraction[-1]

    (nan, infinite), (other_nan, other_infinite) = special(large), special(small)
    infinity = form.largest_exponent << form.fraction_width
    negative = Mux(infinite, large.sign, small.sign)
    result = Signal(form.width)
    m.d.comb += result.eq(rounded)
    with m.If(infinite | other_infinite):
        m.d.comb += result.eq(infinity | negative << form.width - 1)
    with m.If(nan | other_nan | (infinite & other_infinite & (large.sign != small.sign))):
        m.d.comb += result.eq(form.nan)
    return result


def conversion(form: FloatFormat, width: int, scale_width: int = 10) -> Bench:
    """Integers of ``width`` bits, but for the most negative code, at every scale."""

    def describe(bench: Bench, m: Module, platform: object) -> None:
        total, scale = bench.total.as_signed(), bench.scale.as_signed()
        term = convert_integer(m, form, total, scale, bench.nan)
        bench.require(total != -(1 << width - 1))
        magnitude, unit = Signal(width - 1), Signal(signed(scale_width + 2))
        m.d.comb += [magnitude.eq(Mux(total < 0, -total, total)), unit.eq(scale + form.bias + form.fraction_width)]
        word, want, got = Signal(form.layout), nearest(m, form, total < 0, magnitude, unit), Signal(form.width)
        cut = form.fraction_width - len(term.fraction)
        m.d.comb += [word.sign.eq(term.sign), word.exponent.eq(term.exponent), word.fraction.eq(term.fraction << cut)]
        m.d.comb += got.eq(canonical(form, word))
        bench.claim(got == want.as_value())
        bench.claim(term.nan == bench.nan)

    return Bench(f"conversion_{form.name}_{width}", {"total": width, "scale": scale_width, "nan": 1}, describe)


def _sizes(form: FloatFormat) -> str:
    return f"float/add ({form.exponent_width}, {form.significand_width})"


def _whole(form: FloatFormat) -> Property:
    """All at once, aligned as far as exponents can be apart."""
    reach = (1 << form.exponent_width) - 1
    return Property(
        _sizes(form), ADDED, "every input", every_input(lambda: addition(form, reach)), quick=form.exponent_width == 3
    )  # fmt: skip


def _split(form: FloatFormat, cases: bool) -> list[Property]:
    """Near and far exponents, the near ones one by one if wished."""
    reach = form.significand_width + 2
    near = [{"difference": d, "swap": swap} for d in range(reach + 1) for swap in (0, 1)] if cases else [{}]
    bound = f"every input, in {len(near)} cases" if cases else "every input"
    return [
        Property(name, ADDED, bound, proof)
        for name, bound, proof in (
            (f"{_sizes(form)}, exponents up to {reach} apart", bound, every_input(lambda: addition(form, reach), near)),
            (f"{_sizes(form)}, exponents further apart", "every input", every_input(lambda: addition(form, reach, far=True))),
        )
    ]


ADDED = (
    "the sum is the exact one rounded to nearest, ties to even, flushed and overflowing as the numerics say; NaN,"
    " infinities, signs of zero"
)
CONVERTED = "an integer times a power of two becomes the nearest word, ties to even, flushed and overflowing as the numerics say"


def _conversion(name: str, form: FloatFormat, width: int) -> Property:
    proof = every_input(lambda: conversion(form, width))
    return Property(
        f"float/convert {width} bits to {name}", CONVERTED, "every input", proof, quick=width == 13 and form is BF16
    )  # fmt: skip


PROPERTIES = [
    *(_whole(FloatFormat(*sizes)) for sizes in ((3, 4), (4, 5))),
    *_split(FloatFormat(5, 11), cases=False),
    *_split(BF16, cases=False),
    *_split(FP32, cases=True),
    *(_conversion(name, form, width) for name, form in (("bfloat16", BF16), ("FP32", FP32)) for width in (13, 17, 32)),
]
