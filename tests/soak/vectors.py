"""FP32 additions and conversions on compiled Verilog, by the million: ``python -m tests.soak.vectors``."""

import argparse
import ctypes
import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.float_add import add_aligned, align, normalise_sum, round_sum
from hw.accumulate.float_convert import convert_integer, word_term
from hw.accumulate.float_format import BF16, FP32
from hw.accumulate.float_round import canonical
from sim.rtl import compile_library
from tests.soak import corners, oracle

__all__ = ["Arithmetic", "Compiled", "measure"]

SHIM = Path(__file__).with_name("arithmetic.cpp")
TOTAL_WIDTH, SCALE_WIDTH = 29, 10
"""Of the widest block sums that a machine has: 1024 products of 10-bit mantissas, of two 9-bit scales."""


class Arithmetic(Component):
    """The adder and the converters of the accumulators, between registers that are not there. Combinational."""

    module_name = "arithmetic"

    def __init__(self):
        super().__init__({
            "a": In(32), "b": In(32), "sum": Out(32),
            "total": In(signed(TOTAL_WIDTH)), "scale": In(signed(SCALE_WIDTH)), "fp32": Out(32), "bf16": Out(32),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        a, b = (Signal(FP32.layout, name=f"word_{name}") for name in "ab")
        m.d.comb += [a.as_value().eq(self.a), b.as_value().eq(self.b)]
        added = add_aligned(m, FP32, align(m, FP32, a, word_term(m, FP32, b)))
        m.d.comb += self.sum.eq(canonical(FP32, round_sum(m, FP32, normalise_sum(m, FP32, added))))
        for form, port in ((FP32, self.fp32), (BF16, self.bf16)):
            term = convert_integer(m, form, self.total, self.scale, Const(0, 1))
            word = Signal(form.layout, name=f"term_{form.name}")
            fraction = Cat(Const(0, form.fraction_width - len(term.fraction)), term.fraction)
            m.d.comb += [word.fraction.eq(fraction), word.exponent.eq(term.exponent), word.sign.eq(term.sign)]
            m.d.comb += port.eq(Cat(Const(0, 32 - form.width), canonical(form, word)))
        return m


class Compiled:
    """``Arithmetic``, compiled once per content, on arrays."""

    def __init__(self):
        masks = {"TOTAL_MASK": (1 << TOTAL_WIDTH) - 1, "SCALE_MASK": (1 << SCALE_WIDTH) - 1}
        defines = [f"-D{name}={value}u" for name, value in masks.items()]
        library = ctypes.CDLL(str(compile_library(Arithmetic(), SHIM, "arithmetic", "arithmetic", defines)))
        library.arithmetic_open.restype = ctypes.c_void_p
        for name, arrays in (("add", 3), ("convert", 4)):
            function = getattr(library, f"arithmetic_{name}")
            function.argtypes, function.restype = [*[ctypes.c_void_p] * (arrays + 1), ctypes.c_int64], None
        self._library, self._handle = library, library.arithmetic_open()

    def add(self, a, b) -> np.ndarray:
        """Words of sums: uint32."""
        a, b = (np.ascontiguousarray(x, np.uint32) for x in (a, b))
        result = np.empty(a.shape, np.uint32)
        self._library.arithmetic_add(self._handle, a.ctypes.data, b.ctypes.data, result.ctypes.data, a.size)
        return result

    def convert(self, totals, scales) -> tuple[np.ndarray, np.ndarray]:
        """FP32 words of converted integers, of 24 bits and of 8: uint32."""
        totals, scales = (np.ascontiguousarray(x, np.int32) for x in (totals, scales))
        words = np.empty((2, totals.size), np.uint32)
        self._library.arithmetic_convert(
            self._handle, totals.ctypes.data, scales.ctypes.data, words[0].ctypes.data, words[1].ctypes.data, totals.size
        )
        return words[0], words[1]


def measure(count: int, seed: int = 0, device: Compiled | None = None) -> dict:
    """Run ``count`` additions and as many conversions to each format; counts, different results and the first of them."""
    device = device or Compiled()
    found: dict = {"seed": seed, "cases": dict.fromkeys(("add", "to fp32", "to bf16"), 0), "different": 0, "first": []}

    def compare(name, operands, actual, wanted):
        wrong = np.flatnonzero(actual != wanted)
        found["cases"][name] += actual.size
        found["different"] += wrong.size
        for i in wrong[: 10 - len(found["first"])]:
            found["first"].append([name, *(int(x[i]) for x in (*operands, actual, wanted))])

    start = perf_counter()
    for a, b in corners.word_pairs(count, seed):
        compare("add", (a, b), device.add(a, b), oracle.sums(a, b))
    for totals, scales in corners.integers(count, TOTAL_WIDTH, SCALE_WIDTH, seed):
        fp32, bf16 = device.convert(totals, scales)
        compare("to fp32", (totals, scales), fp32, oracle.converted(totals, scales, 24))
        compare("to bf16", (totals, scales), bf16, oracle.converted(totals, scales, 8))
    return found | {"seconds": round(perf_counter() - start, 1)}


def main(arguments: list[str] | None = None) -> int:
    """Print what was found as JSON; the status is 1 if a result differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.vectors", description=__doc__)
    parser.add_argument("--count", type=int, default=12_000_000, help="additions, and conversions to each format")
    parser.add_argument("--seed", type=int, default=0, help="of the random part (default: 0)")
    options = parser.parse_args(arguments)
    found = measure(options.count, options.seed)
    print(json.dumps(found, indent=2))
    return int(found["different"] > 0)


if __name__ == "__main__":
    sys.exit(main())
