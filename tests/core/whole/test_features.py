"""Formats, bias, ReLU, requantization and mixed widths of the whole core, compiled, against golden."""

from itertools import product as pairs

import ml_dtypes
import numpy as np
import pytest

import golden
from hw.command import OperandFormat, OutputFormat, Rounding
from hw.config import CoreConfig
from sim.rtl.beats import result_blocks
from sim.rtl.core import RtlCore, RtlError, RtlProduct

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), block_size=16, tile_rows=2, tile_columns=2, lanes=4,
    panel_columns=32, operand_depth=64, features=("packed", "bfloat16", "bias", "requantize"), datapath="behavioral",
)  # fmt: skip
BLOCK = {width: golden.BlockFormat(width, CONFIG.block_size) for width in CONFIG.mantissa_widths}
LIMIT = 20_000


@pytest.fixture(scope="module")
def core():
    return RtlCore(CONFIG, quick=True)


def matrices(seed, m, k, n):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s).astype(np.float32) for s in ((m, k), (k, n), (n,))]


def equal(actual, expected):
    np.testing.assert_array_equal(actual.view(np.uint32), expected.astype(np.float32).view(np.uint32))


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_every_pair_of_widths_equals_golden(core, rounding):
    a, b, _ = matrices(1, 7, 40, 9)
    fields = [{"width_a": x, "width_b": y} for x, y in pairs((4, 6), repeat=2)]
    seeds = {"rounding": Rounding[rounding.upper()], "seed_a": 5, "seed_b": 77}
    results, _ = core.run([RtlProduct(a, b, f | seeds) for f in fields], limit=LIMIT)
    for f, c in zip(fields, results, strict=True):
        wanted = golden.matmul(
            a, b, BLOCK[f["width_a"]], BLOCK[f["width_b"]], rounding=rounding, seed_a=5, seed_b=77,
            accumulator=CONFIG.accumulator,
        )  # fmt: skip
        equal(c, wanted)


@pytest.mark.parametrize(("width_a", "width_b", "passes"), [(4, 4, 1), (4, 6, 2), (6, 4, 2), (6, 6, 4)])
def test_throughput_of_each_pair_of_widths(core, width_a, width_b, passes):
    a, b, _ = matrices(2, 16, 128, 8)
    core.clear_counters()
    core.run([RtlProduct(a, b, {"width_a": width_a, "width_b": width_b})], limit=LIMIT)
    steps = (16 // CONFIG.output_rows) * (8 // CONFIG.columns) * (128 // CONFIG.block_size) * CONFIG.steps
    assert core.counters()["busy"] == steps * passes


def test_packed_operands_equal_golden(core):
    a, b, _ = matrices(3, 7, 40, 9)
    blocks_a, blocks_b = golden.quantize(a, BLOCK[4]), golden.quantize(b, BLOCK[6], axis=0)
    fields = {"width_a": 4, "width_b": 6, "format_a": OperandFormat.PACKED, "format_b": OperandFormat.PACKED}
    job = RtlProduct(a, b, fields, packed_a=bytes(golden.pack(blocks_a)), packed_b=bytes(golden.pack(blocks_b)))
    for c in core.run([job] * 3, limit=LIMIT)[0]:
        equal(c, golden.matmul(blocks_a, blocks_b))


def test_bfloat16_in_and_out(core):
    a, b, _ = (x.astype(ml_dtypes.bfloat16) for x in matrices(4, 7, 40, 9))
    fields = {"format_a": OperandFormat.BFLOAT16, "format_b": OperandFormat.BFLOAT16, "output": OutputFormat.BFLOAT16}
    a, b = a.astype(np.float32), b.astype(np.float32)
    for c in core.run([RtlProduct(a, b, fields)] * 2, limit=LIMIT)[0]:
        equal(c, golden.matmul(a, b, BLOCK[4]).astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize("relu", [0, 1])
def test_bias_and_relu(core, relu):
    a, b, bias = matrices(5, 9, 40, 37)
    wanted = golden.matmul(a, b, BLOCK[4]) + bias
    for c in core.run([RtlProduct(a, b, {"bias": 1, "relu": relu}, bias=bias)] * 2, limit=LIMIT)[0]:
        equal(c, np.maximum(wanted, 0) if relu else wanted)


@pytest.mark.parametrize("width", [4, 6])
def test_results_as_packed_blocks(core, width):
    a, b, bias = matrices(6, 7, 40, 25)
    fields = {
        "bias": 1, "relu": 1, "output": OutputFormat.PACKED, "width_c": width, "rounding": Rounding.STOCHASTIC,
        "seed_a": 3, "seed_b": 4, "seed_c": 9,
    }  # fmt: skip
    c = np.maximum(golden.matmul(a, b, BLOCK[4], rounding="stochastic", seed_a=3, seed_b=4) + bias, 0)
    blocks = golden.quantize(c.astype(np.float32), BLOCK[width], rounding="stochastic", seed=9)
    results, _ = core.run([RtlProduct(a, b, fields, bias=bias)] * 2, limit=LIMIT)
    assert results == [bytes(golden.pack(blocks))] * 2


def test_two_layers_without_leaving_the_chip(core):
    a, b, bias = matrices(7, 7, 40, 25)
    _, weights, _ = matrices(8, 1, 25, 11)
    hidden = np.maximum(golden.matmul(a, b, BLOCK[4]) + bias, 0).astype(np.float32)
    jobs = [
        RtlProduct(a, b, {"bias": 1, "relu": 1, "output": OutputFormat.RESULTS, "width_c": 6}, bias=bias),
        RtlProduct(hidden, weights, {"format_a": OperandFormat.RESULTS, "width_a": 6}),
    ]
    results, _ = core.run(jobs * 3, limit=LIMIT)
    assert results[::2] == [None] * 3
    for c in results[1::2]:
        equal(c, golden.matmul(hidden, weights, BLOCK[6], BLOCK[4]))


def test_health_counts_the_conversion_of_results(core):
    a, b, _ = matrices(9, 7, 40, 25)
    core.clear_counters()
    core.run([RtlProduct(a, b, {"output": OutputFormat.PACKED, "width_c": 4})], limit=LIMIT)
    c = golden.matmul(a, b, BLOCK[4])
    health = [golden.quantize(x, BLOCK[4], axis=axis).health for x, axis in ((a, 1), (b, 0), (c, 1))]
    for name in ("saturated", "flushed", "nan_blocks"):
        assert core.counters()[name] == sum(getattr(h, name) for h in health), name


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"rounding": Rounding.STOCHASTIC, "seed_a": 0}, "SEED"),
        ({"output": OutputFormat.PACKED, "width_c": 5}, "WIDTH"),
        ({"output": OutputFormat.PACKED, "rounding": Rounding.STOCHASTIC, "seed_c": 0}, "SEED"),
        ({"format_a": OperandFormat.RESULTS}, "A_NOT_LOADED"),
        ({"format_b": OperandFormat.RESULTS}, "FORMAT"),
    ],
)
def test_refuses_what_it_cannot_do(core, fields, error):
    a, b, _ = matrices(10, 2, 16, 2)
    with pytest.raises(RtlError, match=f"^the core refused a command: {error}$"):
        core.run([RtlProduct(a, b, {"load_a": 1} | fields)], limit=200)
    core.reset()
    equal(core.run([RtlProduct(a, b, {})], limit=LIMIT)[0][0], golden.matmul(a, b, BLOCK[4]))


@pytest.mark.parametrize(
    "fields", [{"output": OutputFormat.RESULTS}, {"output": OutputFormat.PACKED, "rounding": Rounding.STOCHASTIC}]
)
def test_refuses_whole_rows_wider_than_a_panel(core, fields):
    a, b, _ = matrices(11, 2, 16, CONFIG.panel_columns + 1)
    with pytest.raises(RtlError, match="OUTPUT_TOO_WIDE"):
        core.run([RtlProduct(a, b, fields | {"seed_a": 1, "seed_b": 2, "seed_c": 3})], limit=200)
    core.reset()


@pytest.mark.parametrize("columns", [1, 32, 33, 48, 64, 69, 96])
def test_packed_blocks_leave_panel_by_panel(core, columns):
    a, b, _ = matrices(12, 2 * CONFIG.output_rows + 1, 16, columns)
    packed = core.run([RtlProduct(a, b, {"output": OutputFormat.PACKED, "width_c": 6})], limit=LIMIT)[0][0]
    blocks = result_blocks(packed, BLOCK[6], *(len(a), columns), CONFIG)
    wanted = golden.quantize(golden.matmul(a, b, BLOCK[4]), BLOCK[6], 1)
    assert np.array_equal(blocks.mantissas, wanted.mantissas)
    assert np.array_equal(blocks.fields, wanted.fields)


def test_refuses_results_left_behind(core):
    a, b, _ = matrices(11, 2, 16, 16)
    with pytest.raises(RtlError, match="RESULTS_WAIT"):
        core.run([RtlProduct(a, b, {"output": OutputFormat.RESULTS}), RtlProduct(a, b, {})], limit=2000)
    core.reset()


@pytest.mark.parametrize("accumulator", ["bf16", "aligned", "fp32x2"])
def test_other_accumulators_equal_golden(accumulator):
    config = CoreConfig(
        block_size=16, tile_rows=2, tile_columns=2, interleave=2, accumulator=accumulator, accumulator_cycles=2,
        operand_depth=64, datapath="behavioral",
    )  # fmt: skip
    kind = golden.accumulator(accumulator, config.block_sum_width)
    core = RtlCore(config, quick=True)
    jobs = [RtlProduct(*matrices(seed, 7, 70, 9)[:2], {}) for seed in range(3)]
    for job, c in zip(jobs, core.run(jobs, limit=LIMIT)[0], strict=True):
        equal(c, golden.matmul(job.a, job.b, BLOCK[4], accumulator=kind))


def test_mixed_results_are_those_of_native_multipliers(core):
    native = CoreConfig(
        mantissa_widths=(6,), block_size=16, tile_rows=2, tile_columns=2, operand_depth=64, datapath="behavioral"
    )
    a, b, _ = matrices(12, 7, 40, 9)
    (wide,), _ = RtlCore(native, quick=True).run([RtlProduct(a, b, {})], limit=LIMIT)
    (mixed,), _ = core.run([RtlProduct(a, b, {"width_a": 6, "width_b": 6})], limit=LIMIT)
    equal(mixed, wide)
