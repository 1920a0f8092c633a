"""What the small components must compute, held to plain arithmetic, and a mapped one that does something else."""

import struct
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from hw.accumulate.float_format import BF16, FP32
from hw.baseline.formats import format_named
from synth.density import components
from synth.density.components import adder, check, float_adder, float_multiplier, multiplier, relu
from synth.mapping.netlist import Mismatch


def word(value) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def test_adders_drop_the_carry():
    assert adder(4).expected(9, 8) == 1
    assert adder(4).component.module_name == "adder_4"


def test_relu_is_of_the_sign_alone():
    assert relu().expected(word(-2.5)) == 0
    assert relu().expected(word(2.5)) == word(2.5)
    assert relu().expected(0x80000000) == 0


def test_a_product_of_mantissas_is_sign_and_magnitude():
    part = multiplier(format_named("hbfp4"))
    assert part.output == "sum"
    width = part.component.sum_width
    for a in range(16):
        for b in range(16):
            x, y = ((w & 7) * (-1 if w & 8 else 1) for w in (a, b))
            assert part.expected(a, b) == x * y % 2**width


def test_a_product_of_small_floats_is_scaled():
    part, form = multiplier(format_named("mxfp6-e2m3")), format_named("mxfp6-e2m3")
    e, s = form.exponent_width, form.significand_width
    rng = Random(1)
    for _ in range(100):
        a, b = part.sample(rng), part.sample(rng)
        (x, y) = ((w & (1 << s) - 1) << (w >> s & 3) for w in (a, b))
        sign = -1 if (a ^ b) >> s + 2 & 1 else 1
        assert part.expected(a, b) == sign * x * y % 2**part.component.sum_width
        assert all(w >> s + 2 <= 1 and (w >> s & 3) <= 2**e - 2 for w in (a, b))


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_floats_add_and_multiply_as_numpy_does(kind):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 50)).astype(np.float32)
    if kind == "fp32":
        added, product = float_adder(FP32), float_multiplier(format_named("fp32"), FP32)
        for x, y in zip(a, b, strict=True):
            assert added.expected(word(x), word(y)) == word(x + y)
            assert product.expected(word(x), word(y)) == word(x * y)
    else:
        product = float_multiplier(format_named("bf16"), FP32)
        for x, y in zip(a, b, strict=True):
            short = [word(v) >> 16 for v in (x, y)]
            exact = np.prod([np.uint32(w << 16).view(np.float32) for w in short], dtype=np.float32)
            assert product.expected(*short) == word(exact)
        assert float_adder(BF16).expected(word(1.0) >> 16, word(2.0) >> 16) == word(3.0) >> 16


def test_samples_are_words_with_close_exponents_among_them():
    part, rng = float_adder(FP32), Random(2)
    words = [part.sample(rng) for _ in range(400)]
    assert all(0 <= w < 1 << 32 for w in words)
    close = sum(abs((w >> 23 & 0xFF) - 128) <= 3 for w in words)
    assert 200 < close < 380


class Fixed:
    """A netlist of an adder of four bits that forgets a carry where ``wrong`` says so."""

    wrong = False

    def __init__(self, synthesis, library, lanes, top):
        self.ports = {"a": ("input", range(4)), "b": ("input", range(4)), "o": ("output", range(4))}

    def evaluate(self, inputs):
        self.lanes = list(zip(inputs["a"], inputs["b"], strict=True))

    def output(self, port):
        return [a ^ b if self.wrong else (a + b) % 16 for a, b in self.lanes]


def test_a_mapped_component_is_compared(monkeypatch):
    monkeypatch.setattr(components, "Netlist", Fixed)
    synthesis = SimpleNamespace(top="adder_4")
    assert check(adder(4), synthesis, None, lanes=40) == 40
    monkeypatch.setattr(Fixed, "wrong", True)
    with pytest.raises(Mismatch, match=r"^adder_4 of \[\d+, \d+\] gives 0x\w+ instead of 0x\w+$"):
        check(adder(4), synthesis, None)
