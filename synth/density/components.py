"""Small components that the published accountings count one by one, each with what it must compute."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib.wiring import Component, In, Out

from golden import scalar
from hw.accumulate.float_format import FP32, FloatFormat
from hw.baseline.float_multiply import FloatAdd, FloatMultiply
from hw.baseline.formats import NumberFormat
from hw.baseline.scaled_product import ScaledDotProduct
from hw.dot.bit_heap import AdderNetwork, BitHeap
from hw.dot.dot_product import DotProduct
from synth.mapping.flow import Synthesis
from synth.mapping.liberty import Library
from synth.mapping.netlist import Mismatch, Netlist
from synth.mapping.oracle import float_word, word_product, word_value

__all__ = ["Adder", "Checked", "Relu", "adder", "check", "float_adder", "float_multiplier", "multiplier", "relu"]


class Adder(Component):
    """``o = a + b`` without the carry; combinational, carries ripple through full-adder cells."""

    def __init__(self, width: int):
        self.width = width
        self.module_name = f"adder_{width}"
        super().__init__({"a": In(width), "b": In(width), "o": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network = AdderNetwork()
        heap = BitHeap(network, self.width)
        for operand in (self.a, self.b):
            heap.add_number([network.net(bit) for bit in operand])
        m.d.comb += self.o.eq(Cat(network.place(m, platform, heap.reduce())))
        return m


class Relu(Component):
    """``o = i`` unless that is negative, else +0. Combinational."""

    module_name = "relu"

    def __init__(self) -> None:
        super().__init__({"i": In(32), "o": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.o.eq(Mux(self.i[-1], 0, self.i))
        return m


@dataclass(frozen=True)
class Checked:
    """A combinational component, and its output as a function of its inputs, all as words.

    ``sample`` draws an input; ``canonical`` makes the output's word comparable.
    """

    component: Component
    expected: Callable[..., int]
    output: str = "o"
    sample: Callable[[Random], int] | None = None
    canonical: Callable[[int], int] = int


def adder(width: int) -> Checked:
    """An adder of plain integers."""
    return Checked(Adder(width), lambda a, b: (a + b) % 2**width)


def relu() -> Checked:
    """ReLU on FP32 words."""
    return Checked(Relu(), lambda i: 0 if i >> 31 else i)


def multiplier(form: NumberFormat) -> Checked:
    """One exact product of a format's elements."""
    if form.kind == "scaled":
        e, s = form.exponent_width, form.significand_width
        product, places = ScaledDotProduct(e, s, 1), 2 if e == 2 else e

        def decoded(word: int) -> int:
            shift = word >> s & (1 << places) - 1
            return ((word & (1 << s) - 1) << shift) * (-1 if word >> s + places else 1)

        def sample(rng: Random) -> int:
            shift = rng.choice((0, rng.randrange(2**e - 1), 2**e - 2))
            return rng.choice((rng.getrandbits(s), (1 << s) - 1)) | shift << s | rng.getrandbits(1) << s + places

        width = product.sum_width
        return Checked(product, lambda a, b: decoded(a) * decoded(b) % 2**width, "sum", sample)
    product, bits = DotProduct(form.significand_width, 1), form.significand_width - 1

    def value(word: int) -> int:
        return (word & (1 << bits) - 1) * (-1 if word >> bits else 1)

    return Checked(product, lambda a, b: value(a) * value(b) % 2**product.sum_width, "sum")


def _close_words(e: int, s: int) -> Callable[[Random], int]:
    """Words of neighbouring exponents, where additions cancel and round, and any others."""

    def sample(rng: Random) -> int:
        if rng.random() < 0.3:
            return rng.getrandbits(e + s)
        exponent = (1 << e - 1) + rng.randint(-3, 3)
        return (rng.getrandbits(1) << e | exponent) << s - 1 | rng.getrandbits(s - 1)

    return sample


def float_multiplier(form: NumberFormat, total: FloatFormat) -> Checked:
    """A rounded product of a format's words."""
    specials = not form.name.startswith("fp8-e4m3")
    e, s = form.exponent_width, form.significand_width

    def expected(a: int, b: int) -> int:
        value = word_product(word_value(a, e, s, specials), word_value(b, e, s, specials), total.significand_width)
        return float_word(value, total.significand_width)

    product = FloatMultiply(form.float_format, total, specials)
    return Checked(product, expected, sample=_close_words(e, s), canonical=total.canonical_word)


def float_adder(form: FloatFormat = FP32) -> Checked:
    """A rounded sum of words."""
    e, s = form.exponent_width, form.significand_width

    def expected(a: int, b: int) -> int:
        return float_word(scalar.add(float(word_value(a, e, s)), float(word_value(b, e, s)), s), s)

    return Checked(FloatAdd(form), expected, sample=_close_words(e, s), canonical=form.canonical_word)


def check(part: Checked, synthesis: Synthesis, library: Library, *, lanes: int = 96, seed: int = 1) -> int:
    """Compare a mapped component with what it must compute; returns the number of results compared.

    Raises
    ------
    Mismatch
        naming the first result that differs.
    """
    netlist = Netlist(synthesis, library, lanes, synthesis.top)
    rng, names = Random(seed), [name for name, (way, _) in netlist.ports.items() if way == "input"]
    widths = [len(netlist.ports[name][1]) for name in names]

    def word(width: int) -> int:
        if part.sample:
            return part.sample(rng)
        return rng.choice((rng.getrandbits(width), (1 << width) - 1 - rng.getrandbits(1), 1 << width - 1))

    words = [[word(width) for width in widths] for _ in range(lanes)]
    netlist.evaluate({name: [lane[i] for lane in words] for i, name in enumerate(names)})
    for lane, got in zip(words, netlist.output(part.output), strict=True):
        expected = part.expected(*lane)
        if part.canonical(got) != expected:
            raise Mismatch(f"{synthesis.top} of {lane} gives {got:#x} instead of {expected:#x}")
    return lanes
