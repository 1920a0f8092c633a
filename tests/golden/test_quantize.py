"""The vectorised conversion is the scalar definition, and that is what others say it is."""

import re
import sys
from fractions import Fraction

import numpy as np
import pytest

import golden
from golden import BlockFormat, Health, dequantize, quantize, scalar
from tests.golden.samples import FAMILIES, bits, sample

FORMATS = [
    BlockFormat(4, 8), BlockFormat(2, 4), BlockFormat(3, 1), BlockFormat(6, 16), BlockFormat(8, 8), BlockFormat(9, 5),
    BlockFormat(12, 8), BlockFormat(4, 8, 4), BlockFormat(5, 4, 6), BlockFormat(12, 8, 7), BlockFormat(4, 8, 10),
    BlockFormat(16, 8), BlockFormat(16, 8, 10),
]  # fmt: skip


def scalar_blocks(x, format, rounding="nearest", seed=None, power_of_two="exact"):
    """A matrix quantized along its rows by the definition."""
    draws = scalar.xorshift32(seed) if rounding == "stochastic" else None
    rows = [[float(value) for value in row] for row in x]
    starts = range(0, x.shape[1], format.block_size)
    return [
        [scalar.quantize_block(row[k : k + format.block_size], format, rounding, draws, power_of_two) for k in starts]
        for row in rows
    ]


def assert_same(tensor, blocks):
    assert tensor.fields.tolist() == [[block.field for block in row] for row in blocks]
    assert tensor.mantissas.tolist() == [[list(block.mantissas) for block in row] for row in blocks]


@pytest.mark.parametrize("rounding", ["nearest", "stochastic", "truncate"])
@pytest.mark.parametrize("power_of_two", ["exact", "saturate"])
@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_equals_the_definition(format, power_of_two, rounding):
    rng = np.random.default_rng(1)
    for family in FAMILIES:
        x = sample(rng, family, (6, 3 * format.block_size - format.block_size // 2))
        seed = int(rng.integers(1, 2**32))
        tensor = quantize(x, format, -1, rounding, seed, power_of_two)
        assert_same(tensor, scalar_blocks(x, format, rounding, seed, power_of_two))


@pytest.mark.parametrize("format", [BlockFormat(4, 8), BlockFormat(12, 8), BlockFormat(16, 8), BlockFormat(5, 8, 5)], ids=str)
def test_every_exponent_of_the_maximum(format):
    """A block for each FP32 exponent, with elements at every distance below its maximum."""
    rng = np.random.default_rng(2)
    exponents = np.arange(-149, 128)
    x = np.ldexp(rng.uniform(0.5, 1, (len(exponents), 8)), exponents[:, None] + 1 - np.arange(8) * 2)
    x = x.astype(np.float32) * rng.choice(np.float32([-1, 1]), x.shape)
    for rounding in ("nearest", "stochastic", "truncate"):
        assert_same(quantize(x, format, -1, rounding, 7), scalar_blocks(x, format, rounding, 7))


def test_interval_is_that_of_frexp():
    x = np.float32([[2.0**e * f] for e in range(-126, 128) for f in (1.0, 1.0 + 2**-23, 2.0 - 2**-23)])
    tensor = quantize(x, BlockFormat(4, 1))
    assert (tensor.scales[:, 0] == np.frexp(x[:, 0])[1] - 3).all()


def test_ties_round_to_even():
    x = np.float32([[4, 0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5]])
    assert quantize(x, BlockFormat(4, 8)).mantissas.tolist() == [[[4, 0, 2, 2, 4, 0, -2, -2]]]


def test_power_of_two_rules():
    x = np.float32([[4, 2, -1, 0.5]])
    exact = quantize(x, BlockFormat(4, 4))
    assert exact.mantissas.tolist() == [[[4, 2, -1, 0]]]
    saturate = quantize(x, BlockFormat(4, 4), power_of_two="saturate")
    assert saturate.mantissas.tolist() == [[[7, 4, -2, 1]]]
    assert saturate.health == Health(saturated=1)


def test_special_values():
    nan, inf = np.float32(np.nan), np.float32(np.inf)
    x = np.float32([[1, nan], [inf, 1], [-inf, nan], [2.0**-127, -(2.0**-149)], [-0.0, 0.0], [2.0**-126, 2.0**-127]])
    tensor = quantize(x, BlockFormat(12, 2))
    assert tensor.fields[:, 0].tolist() == [255, 255, 255, 0, 0, 1]
    assert tensor.mantissas.tolist() == [[[0, 0]]] * 5 + [[[1024, 0]]]
    assert tensor.health == Health(flushed=3, nan_blocks=3)


def test_narrow_exponents_flush_below_and_saturate_above():
    format = BlockFormat(4, 2, 4)  # bias 7, fields 1 … 14: maxima from 2**-6 to below 2**8
    x = np.float32([[2.0**-6, 0], [1.9 * 2.0**-7, 1e-3], [255, -1], [256, -31], [1e30, -3]])
    tensor = quantize(x, format)
    assert tensor.fields[:, 0].tolist() == [1, 0, 14, 14, 14]
    assert tensor.mantissas[:, 0].tolist() == [[4, 0], [0, 0], [7, 0], [7, -1], [7, 0]]
    assert tensor.health == Health(saturated=3, flushed=4)


@pytest.mark.parametrize("rounding", ["nearest", "stochastic", "truncate"])
def test_health_counts(rounding):
    rng = np.random.default_rng(3)
    format = BlockFormat(4, 8, 5)
    x = np.concatenate([sample(rng, family, (40, 20)) for family in FAMILIES])
    tensor = quantize(x, format, -1, rounding, 99)
    expected = Health()
    draws = scalar.xorshift32(99)
    for row, fields in zip(x, tensor.fields, strict=True):
        padded = np.concatenate([row, np.zeros(4, np.float32)]).reshape(3, 8)
        for block, field in zip(padded, fields, strict=True):
            uniforms = [next(draws) for _ in range(8)]
            if field == format.nan_field:
                expected += Health(nan_blocks=1)
                continue
            for value, uniform in zip(block.tolist(), uniforms, strict=True):
                normal = abs(value) >= 2.0**-126 and field > 0
                quotient = abs(Fraction(value)) / Fraction(2) ** format.scale(int(field)) if normal else Fraction(0)
                unlimited = scalar.round_magnitude(quotient, 2**300, rounding, uniform)
                expected += Health(saturated=int(unlimited > 7), flushed=int(value != 0 and unlimited == 0))
    assert tensor.health == expected


@pytest.mark.parametrize("shape", [(7,), (130,), (3, 70), (2, 3, 65), (2, 5, 3, 4)])
def test_axes_and_shapes(shape):
    rng = np.random.default_rng(4)
    x = sample(rng, "wide", shape)
    format = BlockFormat(5, 16)
    for axis in range(-len(shape), len(shape)):
        for rounding in ("nearest", "stochastic"):
            tensor = quantize(x, format, axis, rounding, 5)
            moved = np.ascontiguousarray(np.moveaxis(x, axis, -1))
            rows = moved.reshape(-1, moved.shape[-1])
            reference = quantize(rows, format, -1, rounding, 5)
            assert_same(reference, scalar_blocks(rows, format, rounding, 5))
            assert tensor.mantissas.reshape(reference.mantissas.shape).tolist() == reference.mantissas.tolist()
            assert tensor.fields.reshape(reference.fields.shape).tolist() == reference.fields.tolist()
            assert tensor.axis == axis % len(shape)
            values = dequantize(tensor)
            assert values.shape == shape
            back = dequantize(reference).reshape(moved.shape)
            assert (bits(np.moveaxis(values, axis, -1)) == bits(back)).all()


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_chunks_do_not_show(rounding, monkeypatch):
    rng = np.random.default_rng(5)
    for shape, axis in (((300, 1000), 1), ((1000, 300), 0), ((70000,), 0), ((2, 130, 600), 2)):
        x = sample(rng, "wide", shape)
        tensors = []
        for chunk in (1, 1 << 12, 1 << 24):
            monkeypatch.setattr(sys.modules["golden.quantize"], "CHUNK", chunk)
            tensors.append(quantize(x, BlockFormat(4, 64), axis, rounding, 11, tile_width=1 if len(shape) < 3 else 7))
        for other in tensors[1:]:
            assert (other.mantissas == tensors[0].mantissas).all()
            assert (other.fields == tensors[0].fields).all()
            assert other.health == tensors[0].health


def test_input_is_left_alone():
    x = np.float32([[np.nan, 1, 2.0**-140, 3e38]])
    before = bits(x).copy()
    quantize(x, BlockFormat(4, 2))
    assert (bits(x) == before).all()


def test_strict_error_state_is_no_obstacle():
    rng = np.random.default_rng(6)
    with np.errstate(all="raise"):
        for family in FAMILIES:
            for format in FORMATS:
                dequantize(quantize(sample(rng, family, (20, 20)), format, -1, "stochastic", 3))


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_dequantize_is_exact(format):
    rng = np.random.default_rng(7)
    for family in FAMILIES:
        x = sample(rng, family, (10, 2 * format.block_size))
        tensor = quantize(x, format)
        values = dequantize(tensor, np.float64).reshape(tensor.mantissas.shape)
        for row, fields, mantissas in zip(values, tensor.fields, tensor.mantissas, strict=True):
            for block, field, integers in zip(row, fields, mantissas, strict=True):
                exact = scalar.dequantize_block(scalar.Block(int(field), tuple(integers.tolist())), format)
                if exact is None:
                    assert np.isnan(block).all()
                else:
                    assert [Fraction(value) for value in block.tolist()] == exact
        assert (bits(dequantize(tensor)) == bits(values.reshape(x.shape))).all()


def test_quantizing_twice_changes_nothing():
    rng = np.random.default_rng(8)
    x = sample(rng, "wide", (50, 64))
    once = dequantize(quantize(x, BlockFormat(6, 16)))
    assert (bits(dequantize(quantize(once, BlockFormat(6, 16)))) == bits(once)).all()


@pytest.mark.parametrize("tile_width", [2, 4, 16])
def test_tiles_share_an_exponent(tile_width):
    rng = np.random.default_rng(9)
    x = sample(rng, "wide", (2, 10, 50))
    format = BlockFormat(4, 16)
    tensor = quantize(x, format, tile_width=tile_width)
    for matrix in range(2):
        for row in range(0, 10, tile_width):
            for block in range(4):
                tile = x[matrix, row : row + tile_width, 16 * block : 16 * (block + 1)]
                square = np.zeros((1, tile_width * 16), np.float32)
                square[0, : tile.size] = tile.reshape(-1)
                reference = quantize(square, BlockFormat(4, tile_width * 16))
                assert (tensor.fields[matrix, row : row + tile_width, block] == reference.fields[0, 0]).all()
                mantissas = tensor.mantissas[matrix, row : row + tile_width, block, : tile.shape[1]]
                assert mantissas.reshape(-1).tolist() == reference.mantissas[0, 0, : tile.size].tolist()


def test_square_tiles_serve_both_axes():
    rng = np.random.default_rng(10)
    for shape in ((32, 48), (33, 40), (5, 50), (16, 1)):
        w = sample(rng, "wide", shape)
        tensor = quantize(w, BlockFormat(4, 16), 0, tile_width=16)
        other = tensor.transposed()
        assert other.axis == 1
        assert (bits(dequantize(other)) == bits(dequantize(tensor))).all()
        direct = quantize(w, BlockFormat(4, 16), 1, tile_width=16)
        assert (other.fields == direct.fields).all()
        assert (other.mantissas == direct.mantissas).all()
        assert (other.transposed().mantissas == tensor.mantissas).all()


def test_values_are_those_of_mxint8():
    """OCP MXINT8: blocks of 32 with a power-of-two scale, elements in units of 2**-6, to nearest even."""
    gfloat = pytest.importorskip("gfloat")
    formats = pytest.importorskip("gfloat.formats")
    rng = np.random.default_rng(11)
    x = np.concatenate([sample(rng, family, (100, 32)) for family in ("normal", "wide", "powers", "ties")])
    x = x[np.abs(x).max(axis=1) > 0].astype(np.float64)
    ours = dequantize(quantize(x.astype(np.float32), BlockFormat(8, 32)))
    for row, values in zip(x, ours, strict=True):
        scale = 2.0 ** (np.frexp(np.abs(row).max())[1] - 1)
        elements = gfloat.round_ndarray(formats.format_info_ocp_int8, row / scale, sat=True)
        theirs = np.maximum(elements, -127 / 64) * scale
        assert (bits(theirs.astype(np.float32) + np.float32(0)) == bits(values + np.float32(0))).all()


@pytest.mark.parametrize("width", [4, 6, 8])
def test_saturating_rule_is_that_of_the_published_emulator(width):
    """Exponent ``ceil(log2(maximum))``, which float64 computes well enough here; both rules agree elsewhere."""
    rng = np.random.default_rng(12)
    x = np.concatenate([sample(rng, family, (100, 16)) for family in ("normal", "wide", "powers")])
    largest = np.abs(x).max(axis=1).astype(np.float64)
    intervals = np.exp2(np.ceil(np.log2(largest)) - (width - 1))[:, None]
    limit = 2 ** (width - 1) - 1
    theirs = np.clip(np.rint(x / intervals), -limit, limit) * intervals
    format = BlockFormat(width, 16)
    assert (dequantize(quantize(x, format, power_of_two="saturate"), np.float64) == theirs).all()
    power = np.frexp(largest)[0] == 0.5
    assert 100 <= power.sum() < len(x)
    assert (dequantize(quantize(x[~power], format), np.float64) == theirs[~power]).all()


FORMAT = BlockFormat(4, 8)
ERRORS = [
    (([1.0, 2.0], FORMAT), {}, TypeError, "x must be float32, not float64"),
    ((np.zeros(3, np.int32), FORMAT), {}, TypeError, "x must be float32, not int32"),
    ((np.zeros(3, np.float32), 4), {}, TypeError, "format must be a BlockFormat, not 4"),
    ((np.float32(3), FORMAT), {}, ValueError, "x must have at least one element along each axis, not shape ()"),
    ((np.zeros((3, 0), np.float32), FORMAT), {}, ValueError,
     "x must have at least one element along each axis, not shape (3, 0)"),
    ((np.zeros(3, np.float32), FORMAT), {"axis": 1}, ValueError, "axis must be between -1 and 0, not 1"),
    ((np.zeros(3, np.float32), FORMAT), {"axis": 0.0}, TypeError, "axis must be an integer, not 0.0"),
    ((np.zeros(3, np.float32), FORMAT), {"rounding": "up"}, ValueError,
     "rounding must be one of nearest, stochastic, truncate, not up"),
    ((np.zeros(3, np.float32), FORMAT), {"rounding": None}, TypeError, "rounding must be a string, not None"),
    ((np.zeros(3, np.float32), FORMAT), {"power_of_two": "ceil"}, ValueError,
     "power_of_two must be one of exact, saturate, not ceil"),
    ((np.zeros(3, np.float32), FORMAT), {"rounding": "stochastic"}, ValueError,
     "seed must be given for stochastic rounding"),
    ((np.zeros(3, np.float32), FORMAT), {"rounding": "stochastic", "seed": 0}, ValueError,
     "seed must be between 1 and 4294967295, not 0"),
    ((np.zeros(3, np.float32), FORMAT), {"rounding": "stochastic", "seed": 2**32}, ValueError,
     "seed must be between 1 and 4294967295, not 4294967296"),
    ((np.zeros(3, np.float32), FORMAT), {"tile_width": 0}, ValueError, "tile_width must be between 1 and 1024, not 0"),
    ((np.zeros(3, np.float32), FORMAT), {"tile_width": 2}, ValueError, "tile_width must be 1 for a vector, not 2"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "options", "error", "text"), ERRORS, ids=[text for *_, text in ERRORS])
def test_rejects(arguments, options, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        quantize(*arguments, **options)


def test_dequantize_rejects_other_types():
    tensor = quantize(np.ones(3, np.float32), FORMAT)
    with pytest.raises(TypeError, match=r"^dtype must be float32 or float64, not float16$"):
        golden.dequantize(tensor, np.float16)


def test_transposed_rejects_other_tiles():
    x = np.ones((16, 20), np.float32)
    found = "HBFP4/8 blocks of shape (16, 20) along axis 1, tile_width 1"
    text = f"only a matrix in 8x8 tiles can change its axis, not {found}"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        quantize(x, FORMAT).transposed()


@pytest.mark.parametrize(("shape", "tile_width"), [((5000, 4), 3), ((9000, 8), 16), ((40000, 2), 5), ((3000, 64), 7)])
def test_tiles_do_not_depend_on_the_chunks_a_tall_tensor_is_cut_into(shape, tile_width):
    """Rows in tiles of their own, whatever piece of the work they fall into."""
    x = np.random.default_rng(1).standard_normal(shape, np.float32)
    x *= np.exp2(np.arange(shape[0]) % 7).astype(np.float32)[:, None]
    whole = golden.quantize(x, BlockFormat(4, 4), axis=1, tile_width=tile_width)
    for start in range(0, shape[0], 97 * tile_width):
        rows = slice(start, start + tile_width)
        tile = golden.quantize(x[rows], BlockFormat(4, 4), axis=1, tile_width=tile_width)
        assert np.array_equal(whole.mantissas[rows], tile.mantissas)
        assert np.array_equal(whole.fields[rows], tile.fields)


def test_rejects_a_masked_array():
    """Its mask would be ignored, in silence."""
    masked = np.ma.masked_array(np.ones((2, 4), np.float32), [[0, 1, 0, 0]] * 2)
    for call in (lambda: golden.quantize(masked, BlockFormat(4, 4)), lambda: golden.matmul(masked, masked.T, BlockFormat(4, 4))):
        with pytest.raises(TypeError, match=r"^[xa] must be an array without a mask$"):
            call()


@pytest.mark.parametrize("tile_width", [2, 3, 5, 48])
@pytest.mark.parametrize(("shape", "size"), [((40, 4000), 8), ((3, 7, 40), 8), ((130, 600), 8), ((130, 1), 1)])
def test_tiles_lie_in_their_own_matrix_and_nowhere_else(shape, size, tile_width):
    """Tensors wide, tall and stacked: each tile by itself gives the same."""
    rng, format = np.random.default_rng(31), BlockFormat(4, size)
    x = sample(rng, "wide", shape)
    whole = quantize(x, format, tile_width=tile_width)
    for index in np.ndindex(shape[:-2]):
        for row in range(0, shape[-2], tile_width):
            part = quantize(x[index][row : row + tile_width], format, tile_width=tile_width)
            assert np.array_equal(whole.fields[index][row : row + tile_width], part.fields)
            assert np.array_equal(whole.mantissas[index][row : row + tile_width], part.mantissas)


def test_dequantize_is_exact_beyond_float32():
    """Exponents of nine and ten bits reach further than float32's; what is beyond becomes infinity or zero."""
    for width in (9, 10):
        format = BlockFormat(4, 1, width)
        fields = np.array([[1], [format.bias], [format.max_field]], np.uint16)
        blocks = golden.BlockTensor(np.full((3, 1, 1), 7, np.int8), fields, format, (3, 1), 1)
        exact = [[float(7 * Fraction(2) ** format.scale(int(field)))] for field in fields[:, 0]]
        assert dequantize(blocks, np.float64).tolist() == exact
        assert dequantize(blocks).ravel().tolist() == [0.0, exact[1][0], np.inf]


@pytest.mark.parametrize("rounding", ["nearest", "truncate", "stochastic"])
def test_the_tiniest_blocks_equal_the_definition(rounding):
    """Where the reciprocal of the interval is near float32's end and an interval near its smallest number."""
    for width in (2, 4, 8, 12, 16):
        format = BlockFormat(width, 2)
        for field in range(1, 24):
            x = np.array([[1.9999, 2.0**-9], [1, 1.5 * 2.0**-7]]) * 2.0 ** (field - 127)
            x = x.astype(np.float32)
            found = quantize(x, format, rounding=rounding, seed=77 if rounding == "stochastic" else None)
            draws = scalar.xorshift32(77)
            for row, mantissas, stored in zip(x, found.mantissas[:, 0], found.fields[:, 0], strict=True):
                block = scalar.quantize_block(row.tolist(), format, rounding, draws if rounding == "stochastic" else None)
                assert (block.field, block.mantissas) == (stored, tuple(mantissas.tolist())), (width, field)
