import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge, with_timeout

import golden
from hw.command import FIELDS, SIZE_WIDTH, CommandError, OutputFormat, Rounding, pack_command
from hw.config import CoreConfig
from hw.core.core import Core
from hw.core.counters import COUNTERS
from sim.rtl.beats import operand_beats, result_beat_count, result_matrix
from tests.bench import parameters, simulate
from tests.streams import Pace, get, put, reset, start_clock

CONFIGS = {
    "classic": CoreConfig(dot=1, block_size=16, tile_rows=1, tile_columns=1, mesh_rows=3, mesh_columns=2, operand_depth=32),
    "tile": CoreConfig(
        mantissa_widths=(6,), block_size=32, tile_rows=3, tile_columns=2, operand_depth=24, panel_columns=4,
        datapath="behavioral",
    ),
    "mesh": CoreConfig(
        mantissa_widths=(8,), block_size=16, dot=8, lanes=4, tile_rows=2, tile_columns=2, mesh_rows=2, mesh_columns=2,
        interleave=3, accumulator_cycles=4, tree_cycles=1, operand_depth=40, panel_columns=8, datapath="behavioral",
        clock_gating=True,
    ),
}  # fmt: skip
REFUSED = (1 << sum(FIELDS.values())) - 1
"""A command of ones: it is refused, and nothing of it may get into another one."""


def words(beats: np.ndarray) -> list[int]:
    return [int.from_bytes(beat.tobytes(), "little") for beat in beats]


def machine() -> CoreConfig:
    return CoreConfig.from_dict(parameters()["config"])


def expected(a, b, config, **options):
    block = golden.BlockFormat(config.mantissa_widths[0], config.block_size, config.exponent_width)
    return golden.matmul(a, b, block, accumulator=config.accumulator, **options)


def command(a, b, **fields) -> int:
    width = machine().mantissa_widths[0]
    defaults = {"load_a": 1, "load_b": 1, "store": 1, "width_a": width, "width_b": width}
    return pack_command(**defaults | {"rows": a.shape[0], "inner": a.shape[1], "columns": b.shape[1]} | fields)


async def begin(dut):
    start_clock(dut)
    await reset(dut, i_command__valid=0, i_a__valid=0, i_b__valid=0, o_c__ready=0, clear=0)


async def products(dut, jobs, idle=100, stall=100, refused=0.0):
    """Run (a, b, fields) back to back; returns C of those that store. In front of some are commands that are refused."""
    config, rng = machine(), np.random.default_rng(7)
    commands = [word for a, b, f in jobs for word in [REFUSED] * (rng.random() < refused) + [command(a, b, **f)]]
    a_words = [w for a, b, f in jobs if f.get("load_a", 1) for w in words(operand_beats(a, config))]
    b_words = [w for a, b, f in jobs if f.get("load_b", 1) for w in words(operand_beats(b.T, config))]
    tasks = [
        cocotb.start_soon(put(dut, "i_command", commands, Pace(idle, 1))),
        cocotb.start_soon(put(dut, "i_a", a_words, Pace(idle, 2))),
        cocotb.start_soon(put(dut, "i_b", b_words, Pace(idle, 3))),
    ]
    results = []
    for a, b, fields in jobs:
        if not fields.get("store", 1):
            continue
        shape = a.shape[0], b.shape[1]
        count = result_beat_count(*shape, config)
        beats = await with_timeout(get(dut, "o_c", count, Pace(stall, len(results))), 10, "ms")
        results.append(result_matrix(unpack(beats, shape, config), *shape, config))
    for task in tasks:
        await with_timeout(task, 1, "ms")
    return results


def unpack(beats, shape, config):
    """Data of the beats, lanes that are not kept set to zero; the last beat and only it says so."""
    rows = []
    lanes = config.tile_columns
    for n, beat in enumerate(beats):
        bits = str(beat)
        keep = bits[1 : 1 + lanes][::-1]
        assert bits[0] == str(int(n == len(beats) - 1))
        data = bits[1 + lanes :]
        lane = [data[len(data) - 32 * (i + 1) : len(data) - 32 * i] for i in range(lanes)]
        rows.append([int(lane[i], 2) if keep[i] == "1" else 0 for i in range(lanes)])
    return np.array(rows, np.uint32)


def equal(actual, wanted):
    assert actual.shape == wanted.shape
    different = np.argwhere(actual.view(np.uint32) != wanted.view(np.uint32))
    assert not len(different), (
        f"{len(different)} of {actual.size} differ, first at {different[0]}: "
        f"{actual[tuple(different[0])]!r} instead of {wanted[tuple(different[0])]!r}"
    )


def matrices(rng, m, k, n, spread=4):
    """Random matrices whose magnitudes spread over 2**±spread."""

    def one(shape):
        return (rng.normal(size=shape) * 2.0 ** rng.integers(-spread, spread + 1, shape)).astype(np.float32)

    return one((m, k)), one((k, n))


@cocotb.test()
async def any_shape_equals_golden(dut):
    """Whole, ragged and single-element sizes under {no idle, idle} x {no stall, stall}, several in flight, refused ones between.

    In the end also such as fill the buffers but for a line or an element.
    """
    config = machine()
    rng = np.random.default_rng(1)
    n, rows, columns = config.block_size, config.output_rows, config.panel_columns
    shapes = [
        (1, 1, 1), (rows, n, columns), (rows + 1, n + 1, columns + 1), (rows - 1 or 1, 3 * n - 1, 1), (1, 2 * n, columns - 1 or 1),
        (2 * rows + 1, 5, 2 * columns + 1), (rows, 4 * n, config.columns),
    ]  # fmt: skip
    full = [(config.rows * config.operand_depth - 1, 1, 1), (1, n * config.operand_depth - 1, 1),
            (1, 1, config.columns * config.operand_depth - 1)]  # fmt: skip
    await begin(dut)
    for idle, stall in ((100, 100), (40, 100), (100, 30), (50, 50)):
        if idle < 100 and stall < 100:
            shapes += full
        jobs = [(*matrices(rng, *shape), {}) for shape in shapes]
        for (a, b, _), c in zip(jobs, await products(dut, jobs, idle, stall, 0.5), strict=True):
            equal(c, expected(a, b, config))


@cocotb.test()
async def special_values_equal_golden(dut):
    """Zero blocks, NaN, infinity, power-of-two maxima, ties, subnormals, overflow to infinity, cancellation."""
    config = machine()
    rng = np.random.default_rng(2)
    n = config.block_size
    m, k, columns = config.output_rows, 3 * n, config.columns
    cases = []
    a, b = matrices(rng, m, k, columns)
    a[0, :n] = 0
    b[n:, 0] = 0
    cases.append((a, b))
    a, b = matrices(rng, m, k, columns)
    a[0, 1], b[2, 0] = np.nan, np.inf
    a[-1, -1] = -np.inf
    cases.append((a, b))
    powers = [
        (2.0 ** rng.integers(-3, 4, s) * rng.choice([-1, 1], s)).astype(np.float32) for s in ((m, k), (k, columns))
    ]
    cases.append(tuple(powers))
    most = 2 ** config.mantissa_widths[0]  # odd numbers below it are ties
    cases.append(tuple(rng.integers(1 - most, most, shape).astype(np.float32) for shape in ((m, k), (k, columns))))
    cases.append(tuple(x * np.float32(1e-41) for x in matrices(rng, m, k, columns)))
    cases.append(tuple(x * np.float32(2.0**62) for x in matrices(rng, m, k, columns)))
    cases.append(tuple(x * np.float32(2.0**-64) for x in matrices(rng, m, k, columns)))
    a, b = matrices(rng, m, k, columns, spread=0)
    a[:, n : 2 * n], b[n : 2 * n] = a[:, :n], -b[:n]
    a[:, 2 * n :], b[2 * n :] = 0, 0
    cases.append((a, b))
    await begin(dut)
    jobs = [(a, b, {}) for a, b in cases]
    for (a, b, _), c in zip(jobs, await products(dut, jobs), strict=True):
        equal(c, expected(a, b, config))


@cocotb.test()
async def operands_are_reused_and_sums_continue(dut):
    config = machine()
    rng = np.random.default_rng(3)
    n = config.block_size
    m, columns = config.output_rows, config.columns
    a1, b1 = matrices(rng, m, 2 * n, columns)
    a2, b2 = matrices(rng, m, 2 * n, columns)
    await begin(dut)
    jobs = [
        (a1, b1, {}),
        (a2, b1, {"load_b": 0}),
        (a2, b2, {"load_a": 0, "store": 0}),
        (a1, b1, {"accumulate": 1}),
    ]
    first, second, fourth = await products(dut, jobs)
    equal(first, expected(a1, b1, config))
    equal(second, expected(a2, b1, config))
    equal(fourth, expected(np.hstack([a2, a1]), np.vstack([b2, b1]), config))


@cocotb.test()
async def malformed_commands_are_refused(dut):
    """Each error code, by a command that breaks one rule, sizes and formats by one of their bits; the machine then works on."""
    config = machine()
    rng = np.random.default_rng(4)
    a, b = matrices(rng, 2, 3, 2)
    too_many = config.rows * config.operand_depth + 1
    await begin(dut)
    bad = [
        ({"rows": 0}, CommandError.ZERO_SIZE),
        ({"inner": 0}, CommandError.ZERO_SIZE),
        ({"columns": 0}, CommandError.ZERO_SIZE),
        ({"rows": too_many}, CommandError.A_TOO_LARGE),
        ({"columns": config.columns * config.operand_depth + 1}, CommandError.B_TOO_LARGE),
        ({"load_a": 0}, CommandError.A_NOT_LOADED),
        ({"load_b": 0}, CommandError.B_NOT_LOADED),
        ({"store": 0, "columns": config.columns + 1}, CommandError.NOT_HELD),
        ({"accumulate": 1}, CommandError.NOT_HELD),
        ({"width_a": 3}, CommandError.WIDTH),
        ({"width_b": 15}, CommandError.WIDTH),
        ({"rounding": Rounding.TRUNCATE}, CommandError.ROUNDING),
    ]
    sizes = {"rows": (len(a), CommandError.A_TOO_LARGE), "inner": (len(b), CommandError.A_TOO_LARGE),
             "columns": (b.shape[1], CommandError.B_TOO_LARGE)}  # fmt: skip
    formats = [*({name: kind} for name in ("format_a", "format_b") for kind in (1, 2)), {"output": OutputFormat.BFLOAT16}]
    bad += [(fields, CommandError.FORMAT) for fields in formats]
    bad += [({name: size | 1 << bit}, code) for name, (size, code) in sizes.items() for bit in range(10, SIZE_WIDTH)]
    for fields, code in bad:
        await put(dut, "i_command", [command(a, b, **fields)])
        for _ in range(60):
            await RisingEdge(dut.clk)
        assert CommandError(int(dut.error.value)) == code, fields
        assert int(dut.idle.value) == 1
    assert counters(dut)["refused"] == len(bad)
    (c,) = await products(dut, [(a, b, {})])
    equal(c, expected(a, b, config))
    assert int(dut.error.value) == 0


async def settled(dut):
    """Until the core is idle: then its counters are right."""
    while not dut.idle.value:
        await RisingEdge(dut.clk)


def counters(dut) -> dict:
    bits = str(dut.counters.value).lower().replace("x", "0")
    return {name: int(bits[len(bits) - 32 * (i + 1) : len(bits) - 32 * i], 2) for i, name in enumerate(COUNTERS)}


@cocotb.test()
async def reset_in_the_middle_leaves_a_working_machine(dut):
    config = machine()
    rng = np.random.default_rng(5)
    a, b = matrices(rng, 2 * config.output_rows, 4 * config.block_size, 2 * config.columns)
    start_clock(dut)
    for cycles in (5, 30, 60, 150, 300):
        await reset(dut, i_command__valid=0, i_a__valid=0, i_b__valid=0, o_c__ready=0, clear=0)
        tasks = [
            cocotb.start_soon(put(dut, "i_command", [command(a, b)] * 2)),
            cocotb.start_soon(put(dut, "i_a", words(operand_beats(a, config)))),
            cocotb.start_soon(put(dut, "i_b", words(operand_beats(b.T, config)))),
        ]
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        for task in tasks:
            task.cancel()
    await reset(dut, i_command__valid=0, i_a__valid=0, i_b__valid=0, o_c__ready=0, clear=0)
    (c,) = await products(dut, [(a, b, {})])
    equal(c, expected(a, b, config))


@cocotb.test()
async def health_counters_equal_golden(dut):
    config = machine()
    rng = np.random.default_rng(6)
    a, b = matrices(rng, config.output_rows, 2 * config.block_size, config.columns, spread=8)
    a[0, 0], b[0, 0] = np.inf, np.nan
    a[1 % len(a), -1] = 1e-42
    block = golden.BlockFormat(config.mantissa_widths[0], config.block_size, config.exponent_width)
    await begin(dut)
    (c,) = await products(dut, [(a, b, {})])
    health = [golden.quantize(x, block, axis=axis).health for x, axis in ((a, 1), (b, 0))]
    await with_timeout(settled(dut), 10, "us")
    counts = counters(dut)
    for name in ("saturated", "flushed", "nan_blocks"):
        assert counts[name] == sum(getattr(h, name) for h in health), name
    assert counts["nan_results"] == np.isnan(c).sum()
    assert counts["overflows"] == np.isinf(c).sum()
    assert counts["completed"] == 1
    others = {"busy", "active", "stalled_load", "stalled_store", "waited_a", "waited_b", "blocked_output"}
    assert all(counts[name] <= counts["cycles"] < 10_000 for name in others)


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_core(name):
    assert simulate(Core(CONFIGS[name]), "tests.core.test_core", {"config": CONFIGS[name].to_dict()}) == 6
