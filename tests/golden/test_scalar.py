"""The scalar definition against numbers from elsewhere: NumPy's float32, ml_dtypes' bfloat16, published sequences."""

from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import islice
from math import copysign, inf, isnan, nan

import numpy as np
import pytest

from golden import BlockFormat, scalar
from golden.scalar import AlignedState, Block
from tests.golden.samples import bits, sample


def test_xorshift32_is_the_published_one():
    """The values of the paper's seed, as in many published implementations."""
    state, states = 2463534242, []
    for _ in range(3):
        draw = next(scalar.xorshift32(state))
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        states.append(state)
        assert draw == state >> 24
    assert states == [723471715, 2497366906, 2064144800]
    assert list(islice(scalar.xorshift32(2463534242), 3)) == [value >> 24 for value in states]


def test_rounding_is_that_of_float32_hardware():
    rng = np.random.default_rng(20)
    x = rng.standard_normal(4000) * np.exp2(rng.integers(-110, 120, 4000).astype(float))
    x[:1000] = (x[:1000].astype(np.float32).astype(np.float64)) * (1 + 2.0**-24)  # ties
    for value, expected in zip(x.tolist(), x.astype(np.float32), strict=True):
        assert bits(scalar.round_to_float(Fraction(value))) == bits(expected)


def test_rounding_is_that_of_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(21)
    x = sample(rng, "finite_bits", 4000)
    x[:500] = (x[:500].view(np.uint32) & 0xFFFF0000 | 0x8000).view(np.float32)  # ties
    x = x[np.abs(x) >= 2.0**-126]
    expected = x.astype(ml_dtypes.bfloat16).astype(np.float32)
    for value, theirs in zip(x.tolist(), expected, strict=True):
        assert bits(scalar.round_to_float(Fraction(value), 8)) == bits(theirs)


@pytest.mark.parametrize("width", [8, 24])
def test_edges_of_the_range(width):
    tiny, ulp = Fraction(1, 2**126), Fraction(1, 2 ** (126 + width))
    for sign in (1, -1):
        zero, least = copysign(0.0, sign), sign * 2.0**-126
        assert scalar.round_to_float(sign * tiny, width) == least
        # The exponent is unbounded while rounding: half an ulp below is a tie and goes up to the even 2**-126.
        assert scalar.round_to_float(sign * (tiny - ulp / 2), width) == least
        below = scalar.round_to_float(sign * (tiny - ulp * 3 / 4), width)
        assert (below, copysign(1, below)) == (zero, sign)
        largest, half = 2**128 - 2 ** (128 - width), 2 ** (127 - width)
        assert scalar.round_to_float(Fraction(sign * largest), width) == sign * largest
        assert scalar.round_to_float(Fraction(sign * (largest + half)), width) == sign * inf
        assert scalar.round_to_float(Fraction(sign * (largest + half - 1)), width) == sign * largest
    assert copysign(1, scalar.round_to_float(Fraction(0), width)) == 1


def test_addition_is_that_of_float32_hardware():
    rng = np.random.default_rng(22)
    a = rng.standard_normal(5000).astype(np.float32)
    b = (rng.standard_normal(5000) * np.exp2(rng.integers(-26, 27, 5000))).astype(np.float32)
    b[:500] = -a[:500] * np.float32(1 + 2**-23)
    b[500:600] = -a[500:600]
    for p, q, total in zip(a.tolist(), b.tolist(), a + b, strict=True):
        assert bits(scalar.add(p, q)) == bits(total)


def test_addition_is_that_of_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(23)
    a = rng.standard_normal(3000).astype(ml_dtypes.bfloat16)
    b = (rng.standard_normal(3000) * np.exp2(rng.integers(-10, 11, 3000))).astype(ml_dtypes.bfloat16)
    for p, q, total in zip(a.tolist(), b.tolist(), (a + b).astype(np.float32), strict=True):
        assert bits(scalar.add(p, q, 8)) == bits(total)


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [
        (0.0, 0.0, 0.0), (-0.0, -0.0, -0.0), (0.0, -0.0, 0.0), (-0.0, 0.0, 0.0), (1.5, -1.5, 0.0), (-1.5, 1.5, 0.0),
        (2.0**-126, -(2.0**-127), 2.0**-126), (2.0**-140, 2.0**-140, 0.0), (-(2.0**-140), -0.0, -0.0),
        (1.5 * 2.0**-126, -(2.0**-126), 0.0), (-1.5 * 2.0**-126, 2.0**-126, -0.0), (inf, 1.0, inf), (-inf, -inf, -inf),
        (inf, -inf, nan), (nan, 1.0, nan), (3.4028234663852886e38, 3.4028234663852886e38, inf),
        (3.4028234663852886e38, 2.0**103, inf), (3.4028234663852886e38, 2.0**102, 3.4028234663852886e38),
    ],
)  # fmt: skip
def test_special_additions(a, b, total):
    assert bits(scalar.add(a, b)) == bits(total)


def test_dot_product_of_blocks():
    format_a, format_b = BlockFormat(4, 3), BlockFormat(6, 3)
    a, b = Block(127, (7, -7, 3)), Block(130, (31, 30, -2))
    assert scalar.dot(a, format_a, b, format_b) == (7 * 31 - 7 * 30 - 6, (1 - 3) + (4 - 5))
    assert scalar.dot(Block(255, (0, 0, 0)), format_a, b, format_b) is None
    assert scalar.dot(Block(0, (0, 0, 0)), format_a, b, format_b) == (0, -126 - 3 + 4 - 5)


@pytest.mark.parametrize("width", range(2, 11))
def test_slices_of_a_mantissa(width):
    for mantissa in range(-(2 ** (width - 1)) + 1, 2 ** (width - 1)):
        count = -(-(width - 1) // 3)
        slices = scalar.split_mantissa(mantissa, count)
        assert sum(part << 3 * i for i, part in enumerate(slices)) == mantissa
        assert all(abs(part) <= 7 and part * mantissa >= 0 for part in slices)


def test_aligned_sum_is_exact_while_nothing_leaves_the_window():
    rng = np.random.default_rng(24)
    products = [(int(s), int(k)) for s, k in zip(rng.integers(-3136, 3137, 40), rng.integers(0, 9, 40), strict=True)]
    exact = sum(Fraction(s) * Fraction(2) ** k for s, k in products)
    assert scalar.accumulate_aligned(products, 13) == float(exact)


def test_aligned_window_never_overflows_and_loses_little():
    rng = np.random.default_rng(25)
    for window, sum_width in ((14, 13), (16, 13), (20, 13), (24, 8)):
        limit = 2 ** (sum_width - 1) - 1
        for scales in (rng.integers(-40, 40, 60), np.zeros(60, int), np.arange(60)):
            for sums in (rng.integers(-limit, limit + 1, 60), np.full(60, limit), np.full(60, -limit)):
                state, exact, guard, ulps = AlignedState(), Fraction(0), window - 1 - sum_width, Fraction(0)
                for s, k in zip(sums.tolist(), scales.tolist(), strict=True):
                    state = scalar.step_aligned(state, (s, k), window, sum_width)
                    exact += Fraction(s) * Fraction(2) ** k
                    unit = Fraction(2) ** (state.exponent - guard)
                    ulps += 2 * unit  # two floors
                    assert -(2 ** (window - 1)) <= state.total < 2 ** (window - 1)
                    assert 0 <= exact - state.total * unit < ulps


def test_aligned_nan_stays():
    assert isnan(scalar.accumulate_aligned([(1, 0), None, (5, 3)], 13))


def test_accumulation_starts_from_plus_zero():
    assert bits(scalar.accumulate([(-1, -200)])) == bits(0.0)
    assert bits(scalar.accumulate([(-1, -200)], initial=-0.0)) == bits(0.0)
    assert isnan(scalar.accumulate([(1, 0), None, (5, 3)]))


FORMAT = BlockFormat(4, 4)


@pytest.mark.parametrize(
    ("values", "field", "mantissas"),
    [
        ([1.0, -1.75, 0.5, 0.0], 127, (4, -7, 2, 0)),  # maxima in 1 … 2 have an interval of a quarter
        ([1.0], 127, (4, 0, 0, 0)),
        ([0.125, 0.375, -0.125, 1.0], 127, (0, 2, 0, 4)),  # ties go to even
        ([1.875, -1.9, 1.8, -1.0], 127, (7, -7, 7, -4)),  # what would round to 8 saturates
        ([2.0, -1.5, 1.0, -0.25], 128, (4, -3, 2, 0)),
        ([0.99, 0.5, -0.06, 0.07], 126, (7, 4, 0, 1)),
        ([3.4e38, 1e38, 0, 0], 254, (7, 2, 0, 0)),
        ([2.0**-126, -(2.0**-126), 0, 0], 1, (4, -4, 0, 0)),
        ([2.0**-126, 2.0**-127, -(2.0**-127), 0], 1, (4, 0, 0, 0)),  # subnormals count as zero
        ([2.0**-127, -(2.0**-149), 0, -0.0], 0, (0, 0, 0, 0)),
        ([0.0, -0.0, 0, 0], 0, (0, 0, 0, 0)),
        ([nan, 1.0, 2.0, 0], 255, (0, 0, 0, 0)),
        ([1.0, -inf, 2.0, 0], 255, (0, 0, 0, 0)),
    ],
)
def test_blocks_worked_out_by_hand(values, field, mantissas):
    assert scalar.quantize_block(values, FORMAT) == Block(field, mantissas)


@pytest.mark.parametrize(
    ("rounding", "uniform", "mantissas"),
    [
        ("truncate", 0, (4, -6, 0, 2)), ("nearest", 0, (4, -6, 0, 2)), ("stochastic", 0, (4, -6, 0, 2)),
        ("stochastic", 127, (4, -6, 0, 2)), ("stochastic", 128, (4, -7, 0, 2)), ("stochastic", 192, (4, -7, 1, 3)),
        ("stochastic", 255, (4, -7, 1, 3)),
    ],
)  # fmt: skip
def test_roundings_worked_out_by_hand(rounding, uniform, mantissas):
    """Of 4, 6 1/2, 1/4 and 2 1/4 intervals; a uniform number of 256ths is added before the rest is dropped."""
    values = [1.0, -1.625, 0.0625, 0.5625]
    assert scalar.quantize_block(values, FORMAT, rounding, iter([uniform] * 4)) == Block(127, mantissas)


def test_a_short_block_draws_for_its_padding():
    draws = iter(range(100))
    scalar.quantize_block([1.0], FORMAT, "stochastic", draws)
    assert next(draws) == 4


@pytest.mark.parametrize(
    ("value", "rule", "field", "mantissa"),
    [
        (1.0, "exact", 127, 4), (1.0, "saturate", 126, 7), (-2.0, "saturate", 127, -7), (1.5, "saturate", 127, 6),
        (0.75, "saturate", 126, 6), (2.0**-126, "saturate", 0, 0), (2.0**-126, "exact", 1, 4),
    ],
)  # fmt: skip
def test_both_rules_for_powers_of_two(value, rule, field, mantissa):
    assert scalar.quantize_block([value], FORMAT, power_of_two_rule=rule) == Block(field, (mantissa, 0, 0, 0))


def test_narrow_exponents_end_in_zero_blocks_and_saturated_ones():
    """Four bits: fields 1 … 14, of a maximum in 1 … 2 the field is 7."""
    format = BlockFormat(4, 1, 4)
    for exponent, field, mantissa in ((-7, 0, 0), (-6, 1, 4), (0, 7, 4), (7, 14, 4), (8, 14, 7)):
        assert scalar.quantize_block([2.0**exponent], format) == Block(field, (mantissa,))
    assert scalar.quantize_block([inf], format) == Block(15, (0,))


def test_values_of_a_block():
    assert scalar.dequantize_block(Block(127, (4, -7, 0, 1)), FORMAT) == [1, Fraction(-7, 4), 0, Fraction(1, 4)]
    assert scalar.dequantize_block(Block(255, (0, 0, 0, 0)), FORMAT) is None


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_an_element_of_a_product(kind):
    row, column = [Block(127, (4, 0, 0, 0)), Block(127, (1, 0, 0, 0))], [Block(127, (5, 0, 0, 0)), Block(119, (1, 0, 0, 0))]
    small = 2.0**-12 if kind == "fp32" else 0.0  # below the last bit of bfloat16's 1.25
    assert scalar.matmul_element(row, FORMAT, column, FORMAT, kind) == 1.25 + small
    assert scalar.matmul_element(row, FORMAT, column, FORMAT, kind, 1.0) == 2.25 + small
    with pytest.raises(ValueError, match="shorter"):
        scalar.matmul_element(row, FORMAT, column[:1], FORMAT, kind)


def test_an_aligned_sum_grows_when_its_two_top_bits_differ():
    """At the largest sums that are not crowded, and at the next ones."""
    half = 2**12
    for total, grows in ((half - 1, 0), (half, 1), (-half, 0), (-half - 1, 1)):
        state = scalar.step_aligned(AlignedState(total, 5), (0, 0), 14, 13)
        assert state == AlignedState(total >> grows, 5 + grows)
    assert scalar.accumulate_aligned([(1, -3)] * 3, 31) == scalar.accumulate_aligned([(1, -3)] * 3, 31, 32) == 0.375


def test_nothing_of_it_can_be_changed():
    for value, name in ((Block(1, ()), "field"), (AlignedState(), "total")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 2)
    assert AlignedState().total == 0


def test_sums_have_24_bits_or_8():
    """A tie goes to even; the next number up is a bit of its own."""
    for kind, width in (("fp32", 24), ("bf16", 8)):
        assert scalar.accumulate([(1, 0), (1, -width)], kind) == 1
        assert scalar.accumulate([(1, 0), (1, 1 - width)], kind) == 1 + 2.0 ** (1 - width)


def test_aligned_sums_of_no_guard_bits_and_of_exponent_zero():
    assert scalar.accumulate_aligned([(1, 0), (1, -1)], 31) == 1.0
    assert scalar.accumulate_aligned([(3, 0)], 13) == 3.0
    assert scalar.accumulate_aligned([], 13) == 0.0


def test_blocks_of_a_dot_product_have_one_size():
    with pytest.raises(ValueError, match="shorter"):
        scalar.dot(Block(1, (1, 2)), BlockFormat(4, 2), Block(1, (1,)), BlockFormat(4, 1))


@pytest.mark.parametrize(
    ("products", "count", "joined"),
    [
        ([(3, 0)], 1, (3, 0)),
        ([(3, 0), (5, -1)], 2, (3 * 16 + 5 * 8, -4)),
        ([(3, 0)], 2, (3 * 16, -4)),
        ([(1, 0), (1, 2), (3, -6), (1, -6)], 4, ((4 + 16) * 16 + 4, -6)),
        ([(1, 0), (1, 2), (3, -6)], 4, ((4 + 16) * 16 + 3, -6)),
        ([(1, 0), (1, -5)], 2, (17, -4)),  # a tie goes up
        ([(1, 0), (-1, -5)], 2, (16, -4)),
        ([(1, 0), None], 2, None),
    ],
)
def test_joined_products_worked_out_by_hand(products, count, joined):
    assert scalar.join(products, count) == joined
