"""The compiled core from Python: golden's bits for any shape, rate and configuration; clear refusals."""

from fractions import Fraction
from functools import cache
from itertools import count
from random import Random

import numpy as np
import pytest

import golden
from hw.command import Rounding
from hw.config import CoreConfig
from sim.rtl.core import Rates, RtlCore, RtlError, RtlProduct
from tests.sim.machines import MACHINES

CONFIGS = {
    "classic": CoreConfig(
        mantissa_widths=(3,), block_size=4, dot=1, tile_rows=1, tile_columns=1, mesh_rows=2, mesh_columns=3, lanes=2,
        operand_depth=32, accumulator="bf16", exponent_width=5,
    ),
    "odd": CoreConfig(
        mantissa_widths=(5, 9), block_size=6, dot=3, tile_rows=3, tile_columns=1, mesh_columns=2, lanes=6, interleave=2,
        accumulator="aligned", accumulator_cycles=3, operand_depth=40, panel_columns=6,
        rounding_modes=("nearest", "stochastic", "truncate"),
    ),
}  # fmt: skip
LIMIT = 100_000


@cache
def compiled(name: str) -> RtlCore:
    return RtlCore(CONFIGS[name], quick=True)


@pytest.fixture(params=CONFIGS)
def core(request):
    return compiled(request.param)


@pytest.fixture
def classic():
    return compiled("classic")


def random_matrix(random, *shape):
    """Magnitudes over 2**±12; some zeros, now and then something special."""
    matrix = (random.normal(size=shape) * 2.0 ** random.integers(-12, 13, shape)).astype(np.float32)
    matrix[random.random(shape) < 0.1] = 0
    special = np.array([np.inf, -np.inf, np.nan, 1e-40, 3e38, -0.0], np.float32)
    return np.where(random.random(shape) < 0.002, random.choice(special, shape), matrix)


def random_product(rng: Random, config: CoreConfig) -> RtlProduct:
    random = np.random.default_rng(rng.getrandbits(32))
    rows, columns = rng.randint(1, 3 * config.output_rows + 1), rng.randint(1, 2 * config.panel_columns + 1)
    inner = rng.randint(1, 3 * config.block_size)
    fields = {
        "width_a": rng.choice(config.mantissa_widths), "width_b": rng.choice(config.mantissa_widths),
        "rounding": Rounding[rng.choice(config.rounding_modes).upper()],
        "seed_a": rng.getrandbits(32) | 1, "seed_b": rng.getrandbits(32) | 1,
    }  # fmt: skip
    return RtlProduct(random_matrix(random, rows, inner), random_matrix(random, inner, columns), fields)


def expected(product: RtlProduct, config: CoreConfig) -> np.ndarray:
    widths = product.fields["width_a"], product.fields["width_b"]
    formats = [golden.BlockFormat(width, config.block_size, config.exponent_width) for width in widths]
    accumulator = golden.accumulator(config.accumulator, config.block_sum_width)  # as wide as the widest mantissas need
    return golden.matmul(
        product.a, product.b, *formats, accumulator=accumulator, seed_a=product.fields["seed_a"],
        seed_b=product.fields["seed_b"], rounding=Rounding(product.fields["rounding"]).name.lower(),
    )  # fmt: skip


def test_any_shape_at_any_rate_equals_golden(core):
    """Runs of several commands at random limits of all four ports, without a reset between them."""
    rng = Random(1)
    for _ in range(25):
        products = [random_product(rng, core.config) for _ in range(rng.randint(1, 6))]
        rates = Rates(*(rng.choice((Fraction(1), Fraction(1, 2), Fraction(3, 7), Fraction(1, 9))) for _ in range(4)))
        results, _ = core.run(products, rates, limit=LIMIT)
        for product, result in zip(products, results, strict=True):
            wanted = expected(product, core.config)
            assert result.shape == wanted.shape
            np.testing.assert_array_equal(result.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize("slow", [0, 1])
def test_streams_of_c_may_stall_apart(slow, monkeypatch):
    """One of two lags behind by up to a panel's worth, and nothing is lost, overwritten or done early."""
    core, random = RtlCore(MACHINES["maps"], quick=True), np.random.default_rng(slow)
    mark, describe, number = Fraction(7, 11), core._describe, count()

    def uneven(beats, rate, *needs):
        return describe(beats, rate if rate != mark else Fraction(1, 9) if next(number) % 2 == slow else Fraction(1), *needs)

    monkeypatch.setattr(core, "_describe", uneven)
    for _ in range(4):
        shapes = [random.integers(1, (40, 40, 20)).tolist() for _ in range(4)]
        products = [RtlProduct(random_matrix(random, m, k), random_matrix(random, k, n), {"width_a": 4, "width_b": 6})
                    for m, k, n in shapes]  # fmt: skip
        before = core.counters()["completed"]
        results, _ = core.run(products, Rates(c=mark), limit=LIMIT)
        assert core.counters()["completed"] == before + 4
        for product, result in zip(products, results, strict=True):
            wanted = golden.matmul(product.a, product.b, golden.BlockFormat(4, 16), golden.BlockFormat(6, 16))
            np.testing.assert_array_equal(result.view(np.uint32), wanted.view(np.uint32))


def test_result_does_not_depend_on_the_rates_but_the_cycles_do(classic):
    product = random_product(Random(2), classic.config)
    cycles = []
    for rates in (Rates(), Rates(a=Fraction(1, 5)), Rates(c=Fraction(1, 20))):
        classic.reset()
        (result,), taken = classic.run([product], rates, limit=LIMIT)
        np.testing.assert_array_equal(result.view(np.uint32), expected(product, classic.config).view(np.uint32))
        cycles.append(taken)
    assert cycles[0] < min(cycles[1:])


def test_counters_start_again_when_cleared(classic):
    classic.run([random_product(Random(3), classic.config)], limit=LIMIT)
    assert classic.counters()["completed"] >= 1
    classic.clear_counters()
    assert set(classic.counters().values()) <= {0}


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"width_a": 4}, "WIDTH"), ({"load_b": 0}, "B_NOT_LOADED"), ({"rounding": Rounding.STOCHASTIC}, "ROUNDING")],
)
def test_refused_commands_raise_their_code_and_the_core_works_on(classic, fields, code):
    product = random_product(Random(4), classic.config)
    classic.reset()
    with pytest.raises(RtlError, match=f"^the core refused a command: {code}$"):
        classic.run([RtlProduct(product.a, product.b, product.fields | fields)], limit=2000)
    classic.reset()
    (result,), _ = classic.run([product], limit=LIMIT)
    np.testing.assert_array_equal(result.view(np.uint32), expected(product, classic.config).view(np.uint32))


def test_a_core_that_does_not_finish_raises(classic):
    classic.reset()
    with pytest.raises(RtlError, match=r"^the core did not finish within 10 cycles$"):
        classic.run([random_product(Random(5), classic.config)], limit=10)
    classic.reset()


def test_unknown_fields_and_values_too_large_are_refused(classic):
    product = random_product(Random(6), classic.config)
    with pytest.raises(ValueError, match=r"^unknown command field speed$"):
        classic.run([RtlProduct(product.a, product.b, {"speed": 1})])
    with pytest.raises(ValueError, match=r"^width_a must be between 0 and 15, not 16$"):
        classic.run([RtlProduct(product.a, product.b, {"width_a": 16})])
