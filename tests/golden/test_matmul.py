"""Products of matrices: the scalar definition, whatever the path, the tiling and the blocks."""

import re
import sys

import numpy as np
import pytest

import golden
from golden import AlignedAccumulator, BlockFormat, BlockTensor, FloatAccumulator, matmul, quantize, scalar
from tests.golden.samples import FAMILIES, bits, sample

PAIRS = [
    (BlockFormat(4, 8), BlockFormat(4, 8)),
    (BlockFormat(4, 8), BlockFormat(6, 8)),
    (BlockFormat(6, 8), BlockFormat(4, 8)),
    (BlockFormat(12, 64), BlockFormat(12, 64)),
    (BlockFormat(2, 1), BlockFormat(9, 1)),
    (BlockFormat(8, 5), BlockFormat(8, 5)),
    (BlockFormat(4, 8, 5), BlockFormat(4, 8, 10)),
]


def scalar_rows(tensor):
    """The blocks of each row of A or column of B."""
    return [
        [scalar.Block(int(f), tuple(q.tolist())) for f, q in zip(fields, mantissas, strict=True)]
        for fields, mantissas in zip(tensor.fields, tensor.mantissas, strict=True)
    ]


def scalar_matmul(a, b, kind, initial=None):
    """The product of two block tensors by the definition, as bit patterns."""
    columns = scalar_rows(b)
    result = np.empty((a.shape[0], b.shape[1]), np.float32)
    for i, row in enumerate(scalar_rows(a)):
        for j, column in enumerate(columns):
            if kind == "aligned":
                products = [scalar.dot(p, a.format, q, b.format) for p, q in zip(row, column, strict=True)]
                result[i, j] = scalar.accumulate_aligned(products, golden.sum_width(a.format, b.format))
            else:
                start = 0.0 if initial is None else float(initial[i, j])
                result[i, j] = scalar.matmul_element(row, a.format, column, b.format, kind, start)
    return bits(result)


def random_blocks(rng, format, rows, blocks, axis, middle=0, spread=1024):
    """Blocks of any mantissas and of exponents X at most ``spread`` away from ``middle``, some of them zero blocks."""
    limit = format.max_mantissa
    mantissas = rng.integers(-limit, limit + 1, (rows, blocks, format.block_size)).astype(format.dtype)
    mantissas[rng.random((rows, blocks)) < 0.2] = limit
    low, high = np.clip([middle - spread + format.bias, middle + spread + format.bias], 1, format.max_field)
    fields = rng.integers(low, high, (rows, blocks), endpoint=True).astype(np.uint16)
    fields[rng.random((rows, blocks)) < 0.05] = 0
    mantissas[fields == 0] = 0
    shape = (rows, blocks * format.block_size) if axis == 1 else (blocks * format.block_size, rows)
    return BlockTensor(mantissas, fields, format, shape, axis)


@pytest.mark.parametrize("kind", ["fp32", "bf16", "aligned", "fp32x2", "fp32x4"])
@pytest.mark.parametrize("formats", PAIRS, ids=lambda pair: f"{pair[0]}x{pair[1]}")
def test_equals_the_definition(formats, kind):
    rng = np.random.default_rng(50)
    size = formats[0].block_size
    for family in FAMILIES:
        a, b = sample(rng, family, (4, 3 * size - size // 2)), sample(rng, "wide", (3 * size - size // 2, 5))
        if family in ("tiny", "extreme"):
            b = sample(rng, family, b.shape)
        blocks_a, blocks_b = quantize(a, formats[0]), quantize(b, formats[1], 0)
        ours = matmul(a, b, *formats, accumulator=kind)
        assert (bits(ours) == scalar_matmul(blocks_a, blocks_b, kind)).all(), family
        assert (bits(matmul(blocks_a, blocks_b, accumulator=kind)) == bits(ours)).all()


@pytest.mark.parametrize("kind", ["fp32", "bf16", "aligned", "fp32x2", "fp32x4"])
@pytest.mark.parametrize("formats", PAIRS, ids=lambda pair: f"{pair[0]}x{pair[1]}")
def test_any_blocks(formats, kind):
    """All exponents, down to subnormal products and up to infinities of both signs, which cancel to NaN."""
    rng = np.random.default_rng(51)
    places = ((0, 0), (-58, -62), (-62, -58), (60, 58), (10, -126), (-126, 126), (-120, 0), (-300, 250), (-700, 600))
    for middles, spread in [*((place, 6) for place in places), ((0, 0), 1024)]:
        a = random_blocks(rng, formats[0], 4, 6, 1, middles[0], spread)
        b = random_blocks(rng, formats[1], 4, 6, 0, middles[1], spread)
        assert (bits(matmul(a, b, accumulator=kind)) == scalar_matmul(a, b, kind)).all(), middles


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_initial_values(kind):
    rng = np.random.default_rng(52)
    format = BlockFormat(4, 8)
    for family in FAMILIES:
        a, b = sample(rng, "wide", (5, 20)), sample(rng, "wide", (20, 6))
        if family == "tiny":
            a, b = (np.ldexp(x, -60).astype(np.float32) for x in (a, b))
        initial = sample(rng, family, (5, 6))
        before = bits(initial).copy()
        ours = matmul(a, b, format, accumulator=kind, initial=initial)
        expected = scalar_matmul(quantize(a, format), quantize(b, format, 0), kind, initial)
        assert (bits(ours) == expected).all(), family
        assert (bits(initial) == before).all()


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_initial_values_that_cancel_to_subnormals(kind):
    """The products alone are harmless: small multiples of 2**-126."""
    rng = np.random.default_rng(64)
    format = BlockFormat(2, 2)
    fields = np.full((20, 2), -63 - format.scale(0), np.uint16)
    a = BlockTensor(rng.integers(-1, 2, (20, 2, 2)).astype(np.int8), fields, format, (20, 4), 1)
    b = BlockTensor(rng.integers(-1, 2, (20, 2, 2)).astype(np.int8), fields, format, (4, 20), 0)
    initial = np.ldexp(rng.uniform(-3, 3, (20, 20)), -126)
    initial = np.where(np.abs(initial) < 2.0**-126, 0, initial).astype(np.float32)
    for start in (initial, -np.abs(initial)):
        ours = matmul(a, b, accumulator=kind, initial=start)
        assert (bits(ours) == scalar_matmul(a, b, kind, start)).all()


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_continued_product_is_the_whole_product(kind):
    rng = np.random.default_rng(53)
    a, b = sample(rng, "wide", (9, 96)), sample(rng, "wide", (96, 7))
    format = BlockFormat(4, 16)
    first = matmul(a[:, :48], b[:48], format, accumulator=kind)
    both = matmul(a[:, 48:], b[48:], format, accumulator=kind, initial=first)
    assert (bits(both) == bits(matmul(a, b, format, accumulator=kind))).all()


@pytest.mark.parametrize("kind", ["fp32", "bf16", "aligned"])
def test_continued_state_is_that_of_the_whole_product(kind):
    rng = np.random.default_rng(63)
    a, b = sample(rng, "wide", (9, 96)), sample(rng, "wide", (96, 7))
    a[2, 50] = np.nan
    format = BlockFormat(4, 16)
    accumulator, state = golden.accumulator(kind, golden.sum_width(format, format)), None
    for part in (slice(0, 32), slice(32, 96)):
        blocks = quantize(a[:, part], format), quantize(b[part], format, 0)
        state = golden.accumulate_blocks(*blocks, accumulator, state)
    assert (bits(accumulator.result(state)) == bits(matmul(a, b, format, accumulator=kind))).all()


def test_sums_near_the_bottom_flush():
    """Sums of normal products that become subnormal: only the step-by-step path may take these."""
    format = BlockFormat(4, 2)
    rng = np.random.default_rng(54)
    for exponent in range(-68, -52):
        a = np.ldexp(rng.uniform(-1, 1, (8, 12)), exponent).astype(np.float32)
        b = np.ldexp(rng.uniform(-1, 1, (12, 8)), exponent).astype(np.float32)
        expected = scalar_matmul(quantize(a, format), quantize(b, format, 0), "fp32")
        assert (bits(matmul(a, b, format)) == expected).all(), exponent


@pytest.mark.parametrize("kind", ["fp32", "bf16", "aligned"])
def test_paths_agree(kind):
    rng = np.random.default_rng(55)
    for shape, scale in (((70, 300, 90), 0), ((70, 300, 90), -55), ((70, 300, 90), 62)):
        a = np.ldexp(sample(rng, "normal", shape[:2]), scale).astype(np.float32)
        b = np.ldexp(sample(rng, "wide", shape[1:]), scale).astype(np.float32)
        blocks = quantize(a, BlockFormat(4, 32)), quantize(b, BlockFormat(6, 32), 0)
        accumulator = golden.accumulator(kind, golden.sum_width(blocks[0].format, blocks[1].format))
        expected = accumulator.result(golden.accumulate_blocks(*blocks, accumulator))
        assert (bits(matmul(*blocks, accumulator=kind)) == bits(expected)).all()


def test_tiling_does_not_show(monkeypatch):
    rng = np.random.default_rng(56)
    a, b = sample(rng, "wide", (40, 100)), sample(rng, "wide", (100, 50))
    a[3, 5], b[70, 9], a[11] = np.nan, np.inf, a[11] * np.float32(1e-30)
    a[12] *= np.float32(1e-38)
    whole = matmul(a, b, BlockFormat(4, 16))
    product = sys.modules["golden.product"]
    for rows, columns in ((1, 1), (7, 13), (40, 3)):
        monkeypatch.setattr(product, "TILE_ROWS", rows)
        monkeypatch.setattr(product, "TILE_COLUMNS", columns)
        assert (bits(matmul(a, b, BlockFormat(4, 16))) == bits(whole)).all()
    for i in range(0, 40, 9):
        for j in range(0, 50, 11):
            part = matmul(a[i : i + 9], b[:, j : j + 11], BlockFormat(4, 16))
            assert (bits(part) == bits(whole[i : i + 9, j : j + 11])).all()


def test_nan_blocks_poison_their_row_and_column():
    a, b = np.ones((3, 8), np.float32), np.ones((8, 4), np.float32)
    a[1, 2], b[7, 3] = np.inf, np.nan
    c = matmul(a, b, BlockFormat(4, 4))
    expected = np.full((3, 4), 8, np.float32)
    expected[1], expected[:, 3] = np.nan, np.nan
    assert (bits(c) == bits(expected)).all()


def test_infinities_cancel_to_the_canonical_nan():
    a = np.float32([[2.0**127, -(2.0**127)]])
    b = np.float32([[2.0**126], [2.0**126]])
    assert bits(matmul(a[:, :1], b[:1], BlockFormat(4, 1))) == bits(np.inf)
    assert bits(matmul(a, b, BlockFormat(4, 1))) == 0x7FC00000
    halves = np.float32([[2.0**127, 2.0**127, -(2.0**127)]])
    ones = np.ones((3, 1), np.float32)
    assert bits(matmul(halves, ones, BlockFormat(4, 1))) == bits(np.inf)


def test_four_bit_products_of_integers_are_exact():
    rng = np.random.default_rng(57)
    a, b = rng.integers(-7, 8, (33, 130)), rng.integers(-7, 8, (130, 21))
    a[:, ::64], b[::64] = 7, 7
    c = matmul(a.astype(np.float32), b.astype(np.float32), BlockFormat(4, 64))
    assert (c == a @ b).all()


@pytest.mark.parametrize(("wide_a", "wide_b"), [(4, 6), (6, 4), (6, 6), (7, 7), (10, 10), (4, 10)])
def test_passes_over_slices_make_the_wide_product(wide_a, wide_b):
    """Dot products of three-bit slices, weighted and added as integers, are the dot product of the mantissas."""
    rng = np.random.default_rng(58)
    a = quantize(sample(rng, "wide", (5, 64)), BlockFormat(wide_a, 64))
    b = quantize(sample(rng, "wide", (64, 6)), BlockFormat(wide_b, 64), 0)
    slices_a = golden.split_mantissas(a.mantissas[:, 0], wide_a).astype(np.int64)
    slices_b = golden.split_mantissas(b.mantissas[:, 0], wide_b).astype(np.int64)
    assert len(slices_a) == golden.slice_count(wide_a)
    passes = np.array([golden.combine_slices([p @ q.T for q in slices_b]) for p in slices_a])
    assert (golden.combine_slices(passes) == golden.block_dot(a, b, 0).sums).all()
    assert (golden.combine_slices(slices_a) == a.mantissas[:, 0]).all()


def test_block_dot_is_exact():
    rng = np.random.default_rng(59)
    a = random_blocks(rng, BlockFormat(12, 1024), 3, 2, 1)
    b = random_blocks(rng, BlockFormat(12, 1024), 4, 2, 0)
    for block in range(2):
        products = golden.block_dot(a, b, block)
        for i, row in enumerate(scalar_rows(a)):
            for j, column in enumerate(scalar_rows(b)):
                expected = scalar.dot(row[block], a.format, column[block], b.format)
                assert (products.sums[i, j], products.scales[i, j]) == expected
                assert not products.nan[i, j]


def test_stochastic_operands_have_their_own_seeds():
    rng = np.random.default_rng(60)
    a, b = sample(rng, "normal", (9, 70)), sample(rng, "normal", (70, 8))
    format = BlockFormat(4, 16)
    ours = matmul(a, b, format, rounding="stochastic", seed_a=3, seed_b=4)
    blocks = quantize(a, format, 1, "stochastic", 3), quantize(b, format, 0, "stochastic", 4)
    assert (bits(ours) == bits(matmul(*blocks))).all()


def test_strict_error_state_is_no_obstacle():
    rng = np.random.default_rng(61)
    with np.errstate(all="raise"):
        for family in FAMILIES:
            for kind in ("fp32", "bf16", "aligned"):
                a, b = sample(rng, family, (20, 40)), sample(rng, family, (40, 20))
                matmul(a, b, BlockFormat(4, 8), accumulator=kind)


A, B, F = np.ones((3, 16), np.float32), np.ones((16, 4), np.float32), BlockFormat(4, 8)
ERRORS = [
    (lambda: matmul(A, B), TypeError, "format_a must be given when a is not in blocks yet"),
    (lambda: matmul(A[0], B, F), ValueError, "a must be a matrix, not of shape (16,)"),
    (lambda: matmul(A, B[:8], F), ValueError,
     "a and b must agree in the reduction axis, not have shapes (3, 16) and (8, 4)"),
    (lambda: matmul(A, B, F, BlockFormat(4, 16)), ValueError, "a and b must have the same block_size, not 8 and 16"),
    (lambda: matmul(quantize(A, F, 0), B), ValueError,
     "a must be a matrix in blocks along axis 1, not HBFP4/8 blocks of shape (3, 16) along axis 0, tile_width 1"),
    (lambda: matmul(A, quantize(B, F), F), ValueError,
     "b must be a matrix in blocks along axis 0, not HBFP4/8 blocks of shape (16, 4) along axis 1, tile_width 1"),
    (lambda: matmul(A, B.astype(np.float64), F), TypeError, "b must be float32, not float64"),
    (lambda: matmul(A, B, F, accumulator="fp16"), ValueError,
     "accumulator must be one of fp32, bf16, aligned, fp32x2, fp32x4, not fp16"),
    (lambda: matmul(A, B, F, initial=np.zeros((3, 3), np.float32)), ValueError,
     "initial must have shape (3, 4), not (3, 3)"),
    (lambda: matmul(A, B, F, initial=np.zeros((3, 4))), TypeError, "initial must be a float32 array, not float64"),
    (lambda: matmul(A, B, F, initial=np.zeros((3, 4), np.float32), accumulator="aligned"), ValueError,
     "initial must be None with an aligned accumulator: its state is not a float32 number"),
    (lambda: matmul(A, B, F, rounding="stochastic", seed_a=1), ValueError,
     "seed must be given for stochastic rounding"),
    (lambda: golden.split_mantissas([8], 4), ValueError, "mantissas must be between -7 and 7"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), ERRORS, ids=[text for *_, text in ERRORS])
def test_rejects(call, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        call()


def test_accumulators_can_be_objects():
    rng = np.random.default_rng(62)
    a, b = sample(rng, "normal", (4, 40)), sample(rng, "normal", (40, 4))
    assert (bits(matmul(a, b, F, accumulator=FloatAccumulator(8))) == bits(matmul(a, b, F, accumulator="bf16"))).all()
    narrow = matmul(a, b, F, accumulator=AlignedAccumulator(10, 12))
    assert (bits(narrow) != bits(matmul(a, b, F, accumulator="aligned"))).any()


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_sums_of_more_than_24_bits_are_rounded_once(kind):
    """Mantissas of twelve bits that are nearly all largest: partial sums in float32 would round on the way."""
    rng = np.random.default_rng(12)
    format = BlockFormat(12, 7)
    a, b = (random_blocks(rng, format, 12, 2, axis, 3, 2) for axis in (1, 0))
    for tensor in (a, b):
        tensor.mantissas[...] = np.where(tensor.fields[..., None] == 0, 0, 2047 - rng.integers(0, 60, tensor.mantissas.shape))
    assert np.array_equal(bits(golden.matmul(a, b, accumulator=kind)), scalar_matmul(a, b, kind))


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
@pytest.mark.parametrize("end", [-126, 127])
def test_products_at_the_ends_of_float32(kind, end):
    """Scales whose products are a little inside of the range, at its end, or a little beyond it."""
    rng = np.random.default_rng(13)
    for width_a, width_b, size in ((4, 4, 4), (2, 2, 1), (8, 3, 3)):
        for offset in range(-14, 15):
            a = random_blocks(rng, BlockFormat(width_a, size), 3, 2, 1, end // 2 + offset, 0)
            b = random_blocks(rng, BlockFormat(width_b, size), 3, 2, 0, end - end // 2, 0)
            assert np.array_equal(bits(golden.matmul(a, b, accumulator=kind)), scalar_matmul(a, b, kind)), (size, offset)


@pytest.mark.parametrize("state", [2.0**-102, -(2.0**-102), 1.5 * 2.0**-103, -1.25 * 2.0**-110, -(2.0**-126), 2.0**-125])
def test_small_initial_values_cancel_as_defined(state):
    """What is left of them is subnormal, or not a multiple of the products' unit."""
    format = BlockFormat(4, 2)
    rng = np.random.default_rng(14)
    initial = np.full((4, 4), np.nextafter(np.float32(state), np.float32(0)), np.float32)
    for middle in (-61, -55, -48):
        a, b = (random_blocks(rng, format, 4, 3, axis, middle, 1) for axis in (1, 0))
        found = golden.matmul(a, b, initial=initial)
        assert np.array_equal(bits(found), scalar_matmul(a, b, "fp32", initial))
