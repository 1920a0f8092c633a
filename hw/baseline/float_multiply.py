"""Floating-point multiplication, and the unsigned multiplier under it."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.float_add import add_aligned, align, normalise_sum, round_sum
from hw.accumulate.float_convert import word_term
from hw.accumulate.float_format import FloatFormat
from hw.accumulate.float_round import round_and_pack
from hw.config import FPGA_DATAPATHS
from hw.dot.bit_heap import AdderNetwork, BitHeap
from hw.dot.carry_chain import magnitude_product
from hw.emit import place
from hw.names import named

__all__ = ["FloatAdd", "FloatMultiply", "UnsignedMultiplier"]


class UnsignedMultiplier(Component):
    """``product = a * b`` as one bit heap, ``cycles`` later.

    Parameters
    ----------
    width
        of the operands.
    booth
        recode ``b`` into digits -2 … 2, which halves the partial products; smaller from about 8 bits on.
    datapath
        as of ``DotProduct``; the bodies for FPGAs have their registers behind the product.
    """

    def __init__(self, width: int, booth: bool, cycles: int = 0, datapath: str = "structural") -> None:
        self.width, self.booth, self.cycles, self.datapath = width, booth, cycles, datapath
        body = datapath if datapath in FPGA_DATAPATHS else "booth" if booth else "array"
        self.module_name = named("unsigned_multiplier", w=width, body=body, c=cycles)
        super().__init__({"a": In(width), "b": In(width), "product": Out(2 * width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.datapath in FPGA_DATAPATHS:
            product = Signal(2 * self.width, name="exact")
            on_chains = self.datapath == "carry_chain"
            m.d.comb += product.eq(magnitude_product(m, "part", self.a, self.b) if on_chains else self.a * self.b)
            for _ in range(self.cycles):
                product = registered(m, product)
            m.d.comb += self.product.eq(product)
            return m
        network = AdderNetwork()
        heap = BitHeap(network, 2 * self.width)
        if self.booth:
            self._add_digits(m, network, heap)
        else:
            for i in range(self.width):
                for j in range(self.width):
                    heap.add(network.net(self.a[i] & self.b[j]), i + j)
        m.d.comb += self.product.eq(Cat(network.place(m, platform, heap.reduce(), self.cycles)))
        return m

    def _add_digits(self, m: Module, network: AdderNetwork, heap: BitHeap) -> None:
        """Digit ``d`` of ``b`` adds ``d * a``: for a negative one the inverse and 1; its sign bit weighs negative."""
        padded = Cat(Const(0, 1), self.b, Const(0, 3))
        for digit in range(0, self.width + 1, 2):
            low, middle, high = padded[digit], padded[digit + 1], padded[digit + 2]
            one, two, negative = (Signal(name=f"{n}_{digit}") for n in ("one", "two", "negative"))
            m.d.comb += [one.eq(low ^ middle), two.eq((high ^ middle) & ~one), negative.eq(high)]
            shifted = Cat(Const(0, 1), self.a, Const(0, 1))
            row = Signal(self.width + 1, name=f"row_{digit}")
            for i in range(self.width + 1):
                m.d.comb += row[i].eq(((shifted[i + 1] & one) | (shifted[i] & two)) ^ negative)
                heap.add(network.net(row[i], depth=1), digit + i)
            if digit < self.width - self.width % 2:  # the last digit is never negative
                heap.add(network.net(negative), digit)
                # The sign bit -negative * 2**(width + 1): inverted, less a constant.
                heap.add(network.net(~negative), digit + self.width + 1)
                heap.constant -= 1 << (digit + self.width + 1)


class FloatMultiply(Component):
    """Product of two words, rounded to nearest even into ``result``. Latency is ``cycles``.

    Subnormals in and out are flushed to zero; fractions of zero, infinity and NaN are as of ``FloatFormat``.

    Parameters
    ----------
    form
        of the operands; exponent all ones is infinity or NaN if ``specials``, else an ordinary number.
    result
        of the product.
    cycles
        registers: the first behind the rounding, the second before it, others in the multiplication.
    datapath
        of the multiplication of significands.
    """

    def __init__(
        self, form: FloatFormat, result: FloatFormat, specials: bool = True, cycles: int = 0,
        datapath: str = "structural",
    ) -> None:  # fmt: skip
        self.form, self.result, self.specials, self.cycles = form, result, specials, cycles
        self.multiplier = UnsignedMultiplier(
            form.significand_width, booth=form.significand_width >= 8, cycles=max(0, cycles - 2), datapath=datapath
        )
        self.module_name = named(
            f"float_multiply_{form.name}_{result.name}", finite=not specials, c=cycles,
            body=datapath if datapath in FPGA_DATAPATHS else None,
        )  # fmt: skip
        super().__init__({"a": In(form.layout), "b": In(form.layout), "o": Out(result.layout)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        form, result, a, b = self.form, self.result, self.a, self.b
        multiplier = place(m, platform, "multiplier", self.multiplier)
        a_zero, b_zero = ~a.exponent.any(), ~b.exponent.any()
        m.d.comb += [
            multiplier.a.eq(Cat(a.fraction, Const(1, 1))),
            multiplier.b.eq(Cat(b.fraction, Const(1, 1))),
        ]
        product, high = multiplier.product, multiplier.product[-1]
        flags = {"sign": 1, "infinite": 1, "nan": 1}
        exponent = signed(max(form.exponent_width, result.exponent_width) + 2)
        beside = Signal(data.StructLayout({"exponent": exponent, "zero": 1, **flags}), name="beside")
        m.d.comb += [
            beside.exponent.eq(a.exponent + b.exponent + (result.bias - 2 * form.bias)),
            beside.zero.eq(a_zero | b_zero),
            beside.sign.eq(a.sign ^ b.sign),
        ]
        if self.specials:
            a_special, b_special = a.exponent.all(), b.exponent.all()
            m.d.comb += [
                beside.infinite.eq(a_special | b_special),
                beside.nan.eq((a_special & (a.fraction.any() | b_zero)) | (b_special & (b.fraction.any() | a_zero))),
            ]
        for _ in range(self.multiplier.cycles):
            beside = registered(m, beside)
        exact = Signal(
            data.StructLayout({"significand": 2 * form.significand_width, "exponent": exponent, **flags}), name="exact"
        )
        significand = Signal(2 * form.significand_width)
        m.d.comb += [
            significand.eq(Mux(high, product, product << 1)),
            exact.significand.eq(Cat(significand[:-1], significand[-1] & ~beside.zero)),
            exact.exponent.eq(beside.exponent + high),
            *(getattr(exact, name).eq(getattr(beside, name)) for name in flags),
        ]
        if self.cycles > 1:
            exact = registered(m, exact)
        field, fraction = round_and_pack(m, result, exact.significand, exact.exponent, "product", exact.infinite)
        word = Signal(result.layout, name="product_word")
        m.d.comb += [
            word.exponent.eq(field),
            word.fraction.eq(Cat(fraction[:-1], fraction[-1] | exact.nan)),
            word.sign.eq(exact.sign & ~exact.nan),
        ]
        m.d.comb += self.o.eq(registered(m, word) if self.cycles else word)
        return m


def registered(m: Module, record: Any) -> Any:
    """``record`` one cycle later."""
    register = Signal(record.shape(), name="registered", reset_less=True)
    m.d.sync += register.eq(record)
    return register


class FloatAdd(Component):
    """Sum of two words, rounded to nearest even; subnormals flushed, fractions of specials as of ``FloatFormat``.

    Latency is ``cycles``: registers behind the whole, then after addition, alignment, normalisation.
    """

    def __init__(self, form: FloatFormat, cycles: int = 0) -> None:
        self.form, self.cycles = form, cycles
        self.module_name = named(f"float_add_{form.name}", c=cycles)
        super().__init__({"a": In(form.layout), "b": In(form.layout), "o": Out(form.layout)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        aligned = align(m, self.form, self.a, word_term(m, self.form, self.b))
        if self.cycles > 2:
            aligned = registered(m, aligned)
        added = add_aligned(m, self.form, aligned)
        if self.cycles > 1:
            added = registered(m, added)
        normal = normalise_sum(m, self.form, added)
        if self.cycles > 3:
            normal = registered(m, normal)
        word = round_sum(m, self.form, normal)
        m.d.comb += self.o.eq(registered(m, word) if self.cycles else word)
        return m
