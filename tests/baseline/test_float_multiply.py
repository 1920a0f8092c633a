"""Multipliers and adders as emitted, against integers, NumPy and ml_dtypes."""

import random
from functools import partial

import cocotb
import numpy as np

from hw.accumulate.float_format import BF16, FP32
from hw.baseline.float_multiply import FloatAdd, FloatMultiply, UnsignedMultiplier
from hw.baseline.formats import FORMATS
from hw.config import FPGA_DATAPATHS
from tests.baseline import outside
from tests.baseline.outside import BFLOAT16, FLOATS, to_words, written
from tests.baseline.stimuli import pairs
from tests.bench import simulate
from tests.side_by_side import SideBySide, Vectors, compare

MODULE = "tests.baseline.test_float_multiply"
DTYPES = {FP32: np.float32, BF16: BFLOAT16}


def multiplier(name: str, cycles: int) -> FloatMultiply:
    """The multiplier that units of a format are made of."""
    form = FORMATS[name]
    result = BF16 if form.accumulator == "bf16" else FP32
    return FloatMultiply(form.float_format, result, specials=name != "fp8-e4m3", cycles=cycles)


INTEGERS = {
    f"{kind}{width}_c{cycles}": UnsignedMultiplier(
        width, kind == "booth", cycles, kind if kind in FPGA_DATAPATHS else "structural"
    )
    for kind, width, cycles in (
        ("array", 1, 0), ("array", 3, 0), ("array", 4, 1), ("array", 5, 0),
        ("booth", 1, 0), ("booth", 2, 0), ("booth", 3, 0), ("booth", 4, 0), ("booth", 5, 2), ("booth", 8, 0),
        ("carry_chain", 2, 0), ("carry_chain", 5, 2), ("carry_chain", 8, 0), ("carry_chain", 11, 1), ("dsp", 8, 1),
    )
}  # fmt: skip
DEPTHS = {"fp32": (3,), "fp16": (4,), "bf16-bf16": (1, 3)}  # wide ones take long to build; units have the others
PRODUCTS = {
    f"{name.replace('-', '_')}_c{cycles}": (name, multiplier(name, cycles))
    for name in FLOATS
    for cycles in DEPTHS.get(name, range(5))
}
NARROW = {name.replace("-", "_"): (name, multiplier(name, 0)) for name in ("fp8-e4m3", "fp8-e5m2")}
SUMS = {
    f"{name}_sum_c{cycles}": (name, FloatAdd(form, cycles))
    for name, form in (("fp32", FP32), ("bf16", BF16))
    for cycles in (range(5) if form == BF16 else (0, 2, 4))
}


@cocotb.test()
async def integer_products_are_exact(dut):
    rng, vectors = random.Random(1), {}
    for name, part in INTEGERS.items():
        largest = 2**part.width - 1
        operands = [(a, b) for a in range(largest + 1) for b in range(largest + 1)] if part.width < 7 else [
            tuple(rng.choice((0, 1, largest, largest - 1, rng.getrandbits(part.width))) for _ in "ab")
            for _ in range(4000)
        ]  # fmt: skip
        a, b = zip(*operands, strict=True)
        products = [x * y for x, y in operands]
        vectors[name] = Vectors({"a": a, "b": b}, "product", products, part.cycles)
    await compare(dut, vectors)


def product_vectors(name: str, part: FloatMultiply, operands) -> Vectors:
    """Products as NumPy has them."""
    a, b = np.array(operands).T
    dtype = DTYPES[part.result]
    expected = to_words(outside.multiply(*(outside.values_of(FLOATS[name], side) for side in (a, b)), dtype))
    return Vectors({"a": a, "b": b}, "o", expected, part.cycles, partial(written, dtype=dtype))


@cocotb.test()
async def products_are_rounded_once(dut):
    drawn = {name: pairs(random.Random(2), FORMATS[name].float_format, 4000) for name in FLOATS}
    await compare(dut, {key: product_vectors(name, part, drawn[name]) for key, (name, part) in PRODUCTS.items()})


@cocotb.test()
async def every_narrow_product_is_exact(dut):
    """Of every pair of magnitudes, with signs at random."""
    rng = random.Random(4)
    every = [(a | rng.randrange(2) << 7, b | rng.randrange(2) << 7) for a in range(128) for b in range(128)]
    await compare(dut, {key: product_vectors(name, part, every) for key, (name, part) in NARROW.items()})


@cocotb.test()
async def sums_are_rounded_once(dut):
    """Of quiet NaN only: there is no other behind the multipliers, which make infinities of any fraction below its top."""
    vectors = {}
    for key, (name, part) in SUMS.items():
        (a, b), dtype = np.array(pairs(random.Random(3), part.form, 5000)).T, DTYPES[part.form]
        expected = to_words(outside.add(*(outside.values_of(FLOATS[name], side) for side in (a, b)), dtype))
        vectors[key] = Vectors({"a": a, "b": b}, "o", expected, part.cycles, partial(written, dtype=dtype))
    await compare(dut, vectors)


def test_emitted_multipliers_and_adders():
    parts = {key: part for table in (PRODUCTS, NARROW, SUMS) for key, (_, part) in table.items()}
    assert simulate(SideBySide("float_multiply", INTEGERS | parts), MODULE) == 4
