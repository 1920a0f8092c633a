"""Bounds worked out by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest

from hw.config import CoreConfig
from sim import Memory, estimate, load
from sim.model import Rates
from sim.network.bounds import compute_bound, on_chip_bits, port_bound, port_width
from sim.workloads import Layer, Workload

CONFIG = CoreConfig(mantissa_widths=(4, 6), block_size=16, tile_rows=2, tile_columns=4, lanes=8, operand_depth=32,
                    features=("packed",))  # fmt: skip
"""2 x 4 units of 16 products: 128 multiply-accumulates per cycle."""


def product(m, k, n, repeats=1, **details):
    return Layer("layer", "linear", m, k, n, repeats, **details).products()[0]


@pytest.mark.parametrize(
    ("sizes", "width", "cycles"),
    [
        ((8, 16, 4), 4, 8 * 16 * 4 / 128),
        ((8, 17, 4), 4, 8 * 32 * 4 / 128),  # a ragged block is a whole one
        ((7, 16, 3), 4, 7 * 16 * 3 / 128),  # edges of M and N do not count
        ((8, 16, 4), 6, 4 * 8 * 16 * 4 / 128),  # four passes
        ((8, 16, 4, 5), 4, 5 * 8 * 16 * 4 / 128),
    ],
)
def test_compute(sizes, width, cycles):
    assert compute_bound(CONFIG, product(*sizes), width) == cycles


def test_ports_count_each_distinct_element_once():
    rates = Rates(a=Fraction(1, 2), b=Fraction(1, 2), c=Fraction(1))
    assert port_width(CONFIG, rates) == 32 * (8 / 2 + 8 / 2 + 4)
    assert port_width(CONFIG, Rates(operands=Fraction(3, 4), c=Fraction(1))) == 32 * (8 * 3 / 4 + 4)
    streams = replace(CONFIG, mesh_rows=2, result_streams=2)
    assert port_width(streams, rates) == 32 * (8 / 2 + 8 / 2 + 2 * 4)
    packed, plain = Memory(operands="packed"), Memory(operands="fp32")
    p = product(8, 16, 4)
    assert port_bound(CONFIG, p, 4, plain, rates) == (8 * 16 + 16 * 4 + 8 * 4) * 32 / 384
    assert port_bound(CONFIG, p, 4, packed, rates) == ((8 * 16 + 16 * 4) * 4.5 + 8 * 4 * 32) / 384
    unfolded = product(8, 16, 4, input_elements=50)
    assert port_bound(CONFIG, unfolded, 4, plain, rates) == (50 + 16 * 4 + 8 * 4) * 32 / 384
    assert port_bound(CONFIG, p, 4, plain, None) == 0


def test_memories_of_the_core():
    block = 16 * 7 + 8  # a sign and two slices of three bits, for mantissas of six
    assert on_chip_bits(CONFIG) == 2 * 32 * 6 * block + 2 * 2 * 4 * 32


def test_a_network_s_bounds_are_sums():
    layers = (Layer("a", "linear", 8, 64, 32), Layer("b", "linear", 8, 32, 16))
    result = estimate(Workload("net", layers), CONFIG, memory=Memory(operands="packed"))
    summary = result.summary()
    assert summary["compute_bound"] == (8 * 64 * 32 + 8 * 32 * 16) / 128
    assert summary["port_bound"] == pytest.approx(sum(row.port_bound for row in result.rows))
    assert result.least_cycles == max(summary["compute_bound"], summary["port_bound"])
    assert summary["times_bound"] == result.cycles / result.least_cycles
    assert [row.to_dict()["times_bound"] for row in result.rows] == [row.times_bound for row in result.rows]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["resnet20", "bert-base"])
def test_no_estimate_beats_its_bound(name, training):
    result = estimate(load(name), CONFIG, training=training, schedule="booster", memory=Memory(operands="packed"))
    assert all(row.cycles >= max(row.compute_bound, row.port_bound) for row in result.rows)
