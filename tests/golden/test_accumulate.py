"""Conversion from integers, addition and accumulators on arrays are the scalar definition, bit for bit."""

import re
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest

import golden
from golden import AlignedAccumulator, FloatAccumulator, scalar
from tests.golden.samples import FAMILIES, bits, sample

KINDS = {"fp32": 24, "bf16": 8}


def integer_samples(rng, count):
    """Sums of every length with scales that hit all edges of the range."""
    lengths = rng.integers(0, 53, count)
    sums = rng.integers(0, 2**52, count) >> (52 - lengths)
    sums = np.where(rng.random(count) < 0.3, 2**lengths - rng.integers(0, 2, count), sums)
    edges = rng.choice([-126, 0, 104, 128], count) - lengths + rng.integers(-3, 4, count)
    scales = np.where(rng.random(count) < 0.8, edges, rng.integers(-1100, 1100, count))
    return sums * rng.choice([-1, 1], count), scales


@pytest.mark.parametrize("kind", KINDS)
def test_from_integer_equals_the_definition(kind):
    sums, scales = integer_samples(np.random.default_rng(30), 20000)
    convert = golden.float32_from_integer if kind == "fp32" else golden.bfloat16_from_integer
    for s, k, ours in zip(sums.tolist(), scales.tolist(), convert(sums, scales), strict=True):
        assert bits(ours) == bits(scalar.round_to_float(s * Fraction(2) ** k, KINDS[kind])), (s, k)


def test_from_integer_is_exact_below_24_bits():
    sums = np.arange(-(2**24), 2**24 + 1, 4097)
    assert (golden.float32_from_integer(sums, -20) == sums.astype(np.float64) * 2.0**-20).all()


@pytest.mark.parametrize("kind", KINDS)
def test_addition_equals_the_definition(kind):
    rng = np.random.default_rng(31)
    width = KINDS[kind]
    for family in FAMILIES:
        a, b = sample(rng, family, 3000), sample(rng, family, 3000)
        b[:300] = -a[:300]
        b[300:600] = (a[300:600].view(np.uint32) ^ 0x80000001).view(np.float32)  # neighbours of opposite sign
        if kind == "bf16":
            a, b = ((x.view(np.uint32) & 0xFFFF0000).view(np.float32) for x in (a, b))
        for p, q, ours in zip(a.tolist(), b.tolist(), golden.add(a, b, width), strict=True):
            assert bits(ours) == bits(scalar.add(p, q, width)), (p, q)


def test_addition_is_that_of_float32_hardware():
    rng = np.random.default_rng(32)
    a, b = sample(rng, "wide", 200000), sample(rng, "wide", 200000)
    assert (bits(golden.add(a, b)) == bits(a + b)).all()


def test_addition_is_that_of_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(33)
    a, b = (sample(rng, "wide", 200000).astype(ml_dtypes.bfloat16) for _ in range(2))
    assert (bits(golden.add(a, b, 8)) == bits((a + b).astype(np.float32))).all()


def test_addition_leaves_its_operands_alone():
    a = np.float32([2.0**-140, 1.0])
    before = bits(a).copy()
    golden.add(a, a)
    assert (bits(a) == before).all()


def test_nan_is_canonical():
    inf, quiet, odd = np.float32([np.inf]), bits([np.nan]), np.array([0xFFC12345], np.uint32).view(np.float32)
    assert quiet == 0x7FC00000
    for total in (golden.add(inf, -inf), golden.add(odd, odd), golden.add(odd, inf, 8)):
        assert bits(total) == quiet


@pytest.mark.parametrize("kind", KINDS)
def test_float_accumulation_equals_the_definition(kind):
    rng = np.random.default_rng(34)
    for low, high in ((-5, 5), (-160, -120), (100, 125)):
        sums = rng.integers(-3136, 3137, (12, 200)) * (rng.random((12, 200)) < 0.9)
        scales, nan = rng.integers(low, high, (12, 200)), rng.random((12, 200)) < 0.005
        state = None
        for s, k, missing in zip(sums, scales, nan, strict=True):
            state = golden.accumulate_step(state, s, k, kind, missing)
        for column in range(200):
            products = [
                None if missing else (int(s), int(k))
                for s, k, missing in zip(sums[:, column], scales[:, column], nan[:, column], strict=True)
            ]
            assert bits(state[column]) == bits(scalar.accumulate(products, kind))


@pytest.mark.parametrize(("sum_width", "window"), [(13, 32), (13, 14), (13, 20), (18, 32), (31, 32), (24, 52)])
def test_aligned_accumulation_equals_the_definition(sum_width, window):
    rng = np.random.default_rng(35)
    limit = 2 ** (sum_width - 1) - 1
    aligned = AlignedAccumulator(sum_width, window)
    for low, high in ((-5, 5), (-300, 300), (-160, -120), (0, 1)):
        sums, scales = rng.integers(-limit, limit + 1, (12, 100)), rng.integers(low, high, (12, 100))
        sums[:, :20] = limit * rng.choice([-1, 1], 20)
        nan = rng.random((12, 100)) < 0.005
        state = aligned.start((100,))
        states = [scalar.AlignedState()] * 100
        for s, k, missing in zip(sums, scales, nan, strict=True):
            state = aligned.step(state, s, k, missing)
            for column in range(100):
                product = None if missing[column] else (int(s[column]), int(k[column]))
                states[column] = scalar.step_aligned(states[column], product, window, sum_width)
        kept = ~state.nan
        assert state.nan.tolist() == [one.is_nan for one in states]
        assert state.total[kept].tolist() == [one.total for one in states if not one.is_nan]
        assert state.exponent[kept].tolist() == [one.exponent for one in states if not one.is_nan]
        for column in range(100):
            products = [
                None if missing else (int(s), int(k))
                for s, k, missing in zip(sums[:, column], scales[:, column], nan[:, column], strict=True)
            ]
            expected = scalar.accumulate_aligned(products, sum_width, window)
            assert bits(aligned.result(state)[column]) == bits(expected)


def test_strict_error_state_is_no_obstacle():
    rng = np.random.default_rng(36)
    a, b = sample(rng, "bits", 5000), sample(rng, "bits", 5000)
    sums, scales = integer_samples(rng, 5000)
    with np.errstate(all="raise"):
        golden.add(a, b)
        golden.add(b, a, 8)
        golden.accumulate_step(a, sums, scales, "bf16")


ERRORS = [
    (lambda: FloatAccumulator(11), ValueError, "significand_width must be 24 or 8, not 11"),
    (lambda: AlignedAccumulator(32, 32), ValueError, "sum_width must be between 1 and 31, not 32"),
    (lambda: AlignedAccumulator(13, 64), ValueError, "window must be between 2 and 52, not 64"),
    (lambda: golden.accumulator("fp64"), ValueError, "accumulator must be one of fp32, bf16, aligned, fp32x2, fp32x4, not fp64"),
    (lambda: golden.accumulator(32), TypeError, "accumulator must be a string, not 32"),
    (lambda: golden.accumulate_step(None, [1], [0], "aligned"), ValueError,
     "kind must be one of fp32, bf16, not aligned"),
    (lambda: AlignedAccumulator(13).start((1,), np.zeros(1, np.float32)), ValueError,
     "initial must be None with an aligned accumulator: its state is not a float32 number"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), ERRORS, ids=[text for *_, text in ERRORS])
def test_rejects(call, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        call()


def test_names_stand_for_accumulators():
    assert golden.accumulator("fp32") == FloatAccumulator() == FloatAccumulator(24)
    assert golden.accumulator("bf16") == FloatAccumulator(8)
    assert golden.accumulator("aligned", 13) == AlignedAccumulator(13) == AlignedAccumulator(13, 32)
    with pytest.raises(ValueError, match=r"^sum_width must be between 1 and 31, not 0$"):
        golden.accumulator("aligned")


def test_what_is_not_said():
    """Rounding and steps as of FP32, and no product is NaN."""
    values = np.array([1 + 2.0**-24, 1 + 3 * 2.0**-24, 1 + 2.0**-23, 1 - 2.0**-25 + 2.0**-52, 1 + 2.0**-24 + 2.0**-50])
    assert np.array_equal(golden.round_to_float(values), values.astype(np.float32))
    assert golden.accumulate_step(None, [3], [1]) == [6]
    for kind in (FloatAccumulator(), AlignedAccumulator(13)):
        assert kind.result(kind.step(kind.start((1,)), [3], [1])) == [6]


def test_a_state_begins_as_it_is_told():
    initial = np.array([1.5, -0.0, 2.0**-127, 1 + 2.0**-8], np.float32)
    assert np.array_equal(bits(FloatAccumulator().start((4,), initial)), bits([1.5, 0.0, 0.0, 1 + 2.0**-8]))
    assert np.array_equal(FloatAccumulator(8).start((4,), initial), [1.5, 0, 0, 1])


@pytest.mark.parametrize("kind", [FloatAccumulator(), AlignedAccumulator(13)])
def test_accumulators_cannot_be_changed(kind):
    with pytest.raises(FrozenInstanceError):
        kind.window = kind.significand_width = 9
