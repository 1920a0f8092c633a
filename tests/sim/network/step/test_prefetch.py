"""Products of a network in one run: who waits for whom, and the compiled core with a host that sends ahead."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from sim import CoreConfig, Memory, estimate, load
from sim.model import Rates
from sim.network.cycles import Cycles, product_commands, product_cycles
from sim.network.plan import commands
from sim.network.step.prefetch import Work, after, in_one_run
from sim.rtl.core import RtlCore
from sim.workloads import Layer, Workload
from tests.sim.command_sequences import as_product
from tests.sim.machines import MACHINES
from tests.sim.messages import rejects

CONFIG = CoreConfig(mantissa_widths=(4, 6), mesh_rows=2, mesh_columns=2, lanes=64, features=("packed", "bfloat16"))
CHAIN = Workload("chain", tuple(Layer(name, "linear", 8, 640, 640) for name in "abc"))


def test_products_wait_for_the_layer_before():
    layers = (
        Layer("first", "linear", 8, 8, 8, input_gradient=False), Layer("scores", "attention", 8, 8, 8),
        Layer("last", "linear", 8, 8, 8),
    )  # fmt: skip
    products = Workload("net", layers).products(training=True)
    forward = [(-1, -1), (0, 0), (1, -1)]
    # Backwards: last, whose gradients wait for its results; scores, for last's input; first, for both of scores.
    assert list(after(products)) == [*forward, (2, -1), (-1, 2), (3, -1), (-1, 3), (-1, 6)]
    assert list(after(products[:3])) == forward


def test_two_gradients_of_linear_layers_do_not_wait_for_each_other():
    products = CHAIN.products(training=True)
    assert list(after(products))[3:] == [(2, -1), (-1, 2), (3, -1), (-1, 3), (5, -1), (-1, 5)]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("latency", [0, 30])
def test_a_host_that_sends_ahead(shared, latency):
    """The compiled core, whose host keeps an operand back until the last beat of the C it comes from has passed."""
    config, rng = MACHINES["sides"], np.random.default_rng(0)
    layers = (
        Layer("conv", "conv", 40, 50, 30), Layer("scores", "attention", 17, 30, 20, 2), Layer("fc", "linear", 9, 40, 30),
    )  # fmt: skip
    products = Workload("net", layers).products(training=True)
    rates = [Rates(operands=Fraction(1, 2), c=Fraction(1, 3)), Rates(operands=Fraction(1, 3), c=Fraction(3, 4))]
    rates = rates if shared else [replace(one, operands=None, a=one.operands) for one in rates]
    works = [
        Work(
            product_commands(config, p.m, p.k, p.n, 4, 6, repeats=p.repeats, operands="packed", results="packed"),
            rates[number % 3 % 2],
        )
        for number, (_, p) in enumerate(products)
    ]  # fmt: skip
    waits = list(after(products))
    found = in_one_run(config, works, waits, latency)
    sent, dealt, last = [], [], [None]
    for work, wait in zip(works, waits, strict=True):
        a, b = (last[number + 1] for number in wait)
        for i, command in enumerate(commands(work.commands)):
            sent.append(replace(as_product(command, config, rng), **{} if i else {"after_a": a, "after_b": b}))
            dealt.append(work.rates)
        last.append(len(sent) - 1)
    core = RtlCore(config, quick=True)
    core.reset()
    _, cycles = core.run(sent, dealt, 1 << 20, latency)
    counters = core.counters()
    assert Cycles.of_all(found) == Cycles(cycles, counters["busy"], counters["stalled_load"], counters["stalled_store"])


def test_one_product_is_a_product_alone():
    sizes = (CONFIG, 64, 640, 640, 4, 4)
    (one,) = in_one_run(CONFIG, [Work(product_commands(*sizes), Rates())], [(-1, -1)])
    assert one == product_cycles(*sizes)


def test_rows_are_shares_of_the_step():
    alone, ahead = (estimate(CHAIN, CONFIG, training=True, merge=False, prefetch=prefetch) for prefetch in (False, True))
    merged = estimate(CHAIN, CONFIG, training=True, prefetch=True)
    assert merged.cycles == ahead.cycles < alone.cycles
    assert [row.core.busy for row in ahead.rows] == [row.core.busy for row in alone.rows]
    assert sum(row.count for row in merged.rows) == len(ahead.rows) == 9
    # The first layer's operands could not come sooner, and the second's weights did.
    first, second = ahead.rows[:2]
    assert first.cycles <= alone.rows[0].cycles
    assert second.cycles < first.cycles


def test_a_latency_shows_once_for_each_layer():
    """Where it is longer than what is sent ahead takes."""
    late, later = (estimate(CHAIN, CONFIG, prefetch=True, latency=latency).cycles for latency in (10_000, 11_000))
    assert later == late + 2 * 1000
    assert estimate(CHAIN, CONFIG, prefetch=True).cycles < 0.98 * estimate(CHAIN, CONFIG).cycles


def test_each_product_keeps_its_rates_and_its_walk():
    """Never slower than products alone."""
    config = CoreConfig(block_size=16, tile_rows=4, tile_columns=4, lanes=16, features=("packed", "patches"))
    ports = {"memory": Memory(patches="gathered"), "rates": Rates(operands=Fraction(1, 4))}
    ports |= {"shares": (Rates(operands=Fraction(3, 8), c=Fraction(1, 2)),)}
    alone, ahead = (estimate("resnet20", config, prefetch=prefetch, **ports) for prefetch in (False, True))
    assert 0.8 * alone.cycles < ahead.cycles < alone.cycles
    assert sum(row.core.busy for row in alone.rows) == sum(row.core.busy for row in ahead.rows)


def test_a_training_run_has_its_steps():
    workload = load("resnet20", batch=128)
    result = estimate(workload, CONFIG, training=True, epochs=3, prefetch=True)
    assert result.run.cycles == 3 * 391 * result.cycles


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefetch": True, "rates": None}, "prefetch needs ports, which ideal ones are not"),
        ({"latency": 9}, "latency needs prefetch"),
        ({"prefetch": True, "latency": -1}, "latency must be at least 0, not -1"),
    ],
)
def test_rejects(options, message):
    with rejects(ValueError, message):
        estimate(CHAIN, CONFIG, **options)
