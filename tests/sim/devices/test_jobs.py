"""A product's commands against the product: every part at its place, with its part of the random numbers."""

from random import Random

import numpy as np
import pytest

import golden
from golden.stochastic import xorshift32_sequence
from sim.devices.jobs import Assembly, Task, block_format, commands, jobs
from sim.network.plan import commands as each
from tests.sim.machines import MACHINES

SHAPES = [(1, 1, 1), (7, 30, 5), (40, 70, 33), (5, 900, 4), (90, 20, 3)]
STOCHASTIC = [name for name, config in MACHINES.items() if "stochastic" in config.rounding_modes]


def numbers(rows, columns, seed):
    """Small integers, so that sums of products are exact in any order."""
    return np.random.default_rng(seed).integers(-8, 9, (rows, columns)).astype(np.float32)


def task(config, m, k, n, **more):
    width = config.mantissa_widths[0]
    return Task(numbers(m, k, 1), numbers(k, n, 2), width, width, width, **more)


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
@pytest.mark.parametrize("name", MACHINES)
def test_parts_of_c_are_sums_of_products_of_parts(name, m, k, n):
    """What the core does with the commands, in exact arithmetic: load or keep, start or add, keep or send."""
    config = MACHINES[name]
    wanted = task(config, m, k, n)
    c, held = Assembly(config, wanted), None
    for job in jobs(config, wanted):
        a, b = wanted.operands(job)
        assert (*a.shape, b.shape[1]) == tuple(job.fields[size] for size in ("rows", "inner", "columns"))
        held = a @ b + (held if job.fields["accumulate"] else 0)
        if job.stores:
            assert held.shape == job.shape
            c.put(job, held)
    assert (c.value() == wanted.a @ wanted.b).all()


@pytest.mark.parametrize("name", MACHINES)
def test_the_cycle_model_is_given_the_same_commands(name):
    config = MACHINES[name]
    for m, k, n in SHAPES:
        wanted = task(config, m, k, n)
        given = list(each(commands(config, wanted)))
        for command, job in zip(given, jobs(config, wanted), strict=True):
            values = command._asdict()
            values.pop("refused")
            assert values.pop("walk") is None
            if not command.store:
                values.pop("output")
            assert {field: int(value) for field, value in values.items() if field != "width_c"} == {
                field: job.fields[field] for field in values if field != "width_c"
            }


@pytest.mark.parametrize("name", STOCHASTIC)
def test_each_part_goes_on_in_the_random_numbers_where_the_one_before_ended(name):
    """Lines are padded to whole blocks, and each element takes a number, A's row by row, B's column by column."""
    config = MACHINES[name]
    seeds = {"seed_a": 0xDEADBEEF, "seed_b": 77}
    for m, k, n in ((7, 30, 5), (100, 70, 90)):
        wanted = task(config, m, k, n, rounding="stochastic", seeds=seeds)
        line = -(-k // config.block_size) * config.block_size
        states = {key: [seed, *xorshift32_sequence(seed, line * max(m, n)).tolist()] for key, seed in seeds.items()}
        starts = set()
        for job in jobs(config, wanted):
            assert job.fields["seed_a"] == states["seed_a"][job.rows.start * line]
            assert job.fields["seed_b"] == states["seed_b"][job.columns.start * line]
            starts.add((job.rows.start, job.columns.start))
        assert (0, 0) in starts


@pytest.mark.parametrize("name", STOCHASTIC)
def test_an_operand_in_parts_has_the_blocks_of_the_whole(name):
    config = MACHINES[name]
    seeds = {"seed_a": 5, "seed_b": 6}
    wanted = task(config, 100, 70, 90, rounding="stochastic", seeds=seeds)
    whole = wanted.blocks("a", config)
    for job in jobs(config, wanted):
        part, _ = wanted.operands(job)
        blocks = golden.quantize(part, whole.format, 1, "stochastic", job.fields["seed_a"])
        assert (blocks.mantissas == whole.mantissas[job.rows]).all()
        assert (blocks.fields == whole.fields[job.rows]).all()


def test_a_bias_goes_with_the_command_that_sends_its_columns():
    config = MACHINES["features"]
    bias = np.arange(200, dtype=np.float32)
    wanted = task(config, 5, 3000, 200, bias=bias, relu=True)
    sent = np.zeros(200, int)
    for job in jobs(config, wanted):
        part = wanted.bias_of(job)
        assert (part is not None) == job.stores == bool(job.fields["bias"])
        assert job.fields.get("relu", 0) == job.stores
        if part is not None:
            assert part.tolist() == list(range(job.columns.start, job.columns.stop))
            sent[job.columns] += job.shape[0]
    assert (sent == 5).all()


def test_blocks_are_put_together_from_their_bytes():
    config = MACHINES["features"]
    wanted = task(config, 50, 40, 32, output="blocks")
    c, made = wanted.a @ wanted.b, Assembly(config, wanted)
    whole = golden.quantize(c, block_format(config, wanted.width_c), 1)
    for job in jobs(config, wanted):
        part = golden.quantize(np.ascontiguousarray(c[job.rows, job.columns]), whole.format, 1)
        made.put(job, golden.pack(part).tobytes())
    value = made.value()
    assert (value.mantissas == whole.mantissas).all()
    assert (value.fields == whole.fields).all()
    assert value.shape == (50, 32)


@pytest.mark.parametrize("name", MACHINES)
def test_loads_are_those_of_the_jobs(name):
    """They say how often what a conversion lost counts."""
    config, rng = MACHINES[name], Random(name)
    for _ in range(15):
        m, k, n = (int(2 ** rng.uniform(0, 7)) for _ in range(3))
        wanted = task(config, m, k, n)
        loaded = np.zeros((m, k), int), np.zeros((k, n), int)
        for job in jobs(config, wanted):
            loaded[0][job.rows, job.inner] += job.fields["load_a"]
            loaded[1][job.inner, job.columns] += job.fields["load_b"]
        for operand, times in zip(loaded, wanted.loads(config), strict=True):
            assert (operand == times).all()
