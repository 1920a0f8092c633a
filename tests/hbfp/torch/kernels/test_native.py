"""The compiled kernels have the golden model's bits, with and without the vector unit's integer products."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden
from hbfp.torch.kernels import native
from hbfp.torch.kernels.products import row_places

VARIANTS = ((), ("-DHBFP_PORTABLE",))


@pytest.fixture(params=VARIANTS, ids=["vectors", "portable"])
def kernels(request, monkeypatch):
    library = native.library(request.param)
    monkeypatch.setattr(native, "library", lambda: library)


@st.composite
def operands(draw):
    """Two matrices of many magnitudes, some with zeros, infinities and NaN, and a format."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, inner, columns = (draw(st.integers(1, high)) for high in (30, 200, 40))
    spread = draw(st.sampled_from([0, 1, 20, 60, 125]))
    matrices = []
    for shape in ((rows, inner), (inner, columns)):
        x = rng.standard_normal(shape) * np.exp2(rng.uniform(-spread, min(spread, 120), shape))
        if draw(st.booleans()):  # halves of an interval, which random numbers do not meet
            x = np.rint(4 * rng.standard_normal(shape)) / 4
        x[rng.random(shape) < draw(st.sampled_from([0, 0.5]))] = 0
        if draw(st.booleans()):
            x[rng.integers(shape[0]), rng.integers(shape[1])] = draw(st.sampled_from([np.nan, np.inf, 2.0**-140, 8.0]))
        x = np.ldexp(x, draw(st.sampled_from([0, 0, -60, -100, -122, 60, 110])))  # whole blocks near the ends of float32
        with np.errstate(over="ignore"):
            matrices.append(x.astype(np.float32))
    size, exponent = draw(st.sampled_from([1, 3, 16, 64, 100])), draw(st.sampled_from([4, 5, 8, 10]))
    return *matrices, golden.BlockFormat(draw(st.integers(2, 12)), size, exponent)


def same(one: golden.BlockTensor, other: golden.BlockTensor) -> bool:
    arrays = np.array_equal(one.mantissas, other.mantissas) and np.array_equal(one.fields, other.fields)
    return arrays and one.health == other.health and one.shape == other.shape and one.axis == other.axis


@settings(max_examples=120, deadline=None, derandomize=True)
@given(operands(), st.sampled_from(["nearest", "stochastic", "truncate"]), st.sampled_from(["exact", "saturate"]))
def check_against_golden(case, rounding, power_of_two):
    a, b, format = case
    seeds = (7, 9) if rounding == "stochastic" else (None, None)
    ours = (
        native.quantize_rows(a, format, rounding, seeds[0], power_of_two),
        native.quantize_columns(b, row_places(*b.shape), b.shape[1], format, rounding, seeds[1], power_of_two),
    )
    for blocks, x, axis, seed in zip(ours, (a, b), (1, 0), seeds, strict=True):
        assert same(blocks, golden.quantize(x, format, axis, rounding, seed, power_of_two))
    for accumulator in ("fp32", "bf16"):
        expected = golden.matmul(*ours, accumulator=accumulator)
        assert np.array_equal(native.multiply(*ours, accumulator).view(np.uint32), expected.view(np.uint32))


def test_blocks_and_products_have_goldens_bits(kernels):
    check_against_golden()


def test_subnormals_count_as_zero_where_they_are_worth_most_of_an_interval(kernels):
    format = golden.BlockFormat(12, 4)
    x = np.ldexp(np.float32([[1, 0.75, -0.9, 0.5]]), [[-116, -126, -126, -127]]).astype(np.float32)
    column = native.quantize_columns(x.T.copy(), row_places(4, 1), 1, format)
    for blocks, axis in ((native.quantize_rows(x, format), 1), (column, 0)):
        assert same(blocks, golden.quantize(x if axis else x.T.copy(), format, axis))
        assert blocks.mantissas.reshape(-1)[1:].tolist() == [0, 0, 0]


def test_a_large_product(kernels):
    """More rows and columns than a chunk and a panel hold, sums of blocks at their bound."""
    format = golden.BlockFormat(8, 1024)
    a, b = np.full((300, 2050), 127, np.float32), np.full((2050, 70), -127, np.float32)
    a[:, ::7] = 3
    blocks = native.quantize_rows(a, format), native.quantize_columns(b, row_places(*b.shape), 70, format)
    assert np.array_equal(native.multiply(*blocks), golden.matmul(*blocks))


def test_rows_are_placed_and_added():
    format = golden.BlockFormat(4, 16)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((5, 20), (20, 3)))
    blocks = native.quantize_rows(a, format), native.quantize_columns(b, row_places(*b.shape), 3, format)
    out = np.ones((4, 3), np.float32)
    native.multiply(*blocks, out=out, places=np.array([9, -1, 0, 3, -1]))
    c = golden.matmul(*blocks)
    assert np.array_equal(out, np.float32(1) + np.stack([c[2], c[3], np.zeros(3, np.float32), c[0]]))


def test_without_a_compiler_it_says_so(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(FileNotFoundError, match="no-such-compiler is not on the PATH"):
        native.library(("-DHBFP_OTHER",))


def test_cut_kernels_are_built_again(monkeypatch, tmp_path):
    monkeypatch.setenv("HBFP_CACHE", str(tmp_path))
    monkeypatch.setattr(native, "FLAGS", ("-O0", "-shared", "-fPIC", "-std=c++17"))
    build = native.library.__wrapped__
    assert build()
    (kept,) = tmp_path.glob("torch-*/kernels.so")
    kept.unlink()
    kept.write_bytes(b"\x7fELF")
    assert build().hbfp_multiply


def test_kernels_without_a_place_say_so(monkeypatch):
    monkeypatch.setenv("HBFP_CACHE", "/dev/null/kernels")
    with pytest.raises(RuntimeError, match=r"^compiled kernels cannot be kept in /dev/null/kernels/.*: Not a directory$"):
        native.library(("-DHBFP_NOWHERE",))


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 4095, 4096, 4160, 100_003])
def test_random_numbers_are_goldens(kernels, count):
    for seed in (1, 0x9E3779B9, 2**32 - 1):
        assert np.array_equal(native.uniforms(seed, count), golden.uniforms(seed, count))
