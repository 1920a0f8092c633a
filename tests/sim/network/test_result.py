"""Totals of an estimate against its rows, and its plain-data form."""

import json
from math import prod

import pytest

from hw.config import CoreConfig
from sim.model import Rates
from sim.network.energy import Energy
from sim.network.estimate import estimate
from sim.network.memory import Memory
from sim.network.parallel import Cluster, Link
from sim.network.result import BOUNDS
from sim.network.synthesis import Physical
from sim.workloads import Layer, Workload

CONFIG = CoreConfig(mantissa_widths=(4, 6), block_size=16, tile_rows=2, tile_columns=2, operand_depth=64, lanes=4)
NETWORK = Workload(
    "small",
    (
        Layer("conv", "conv", 50, 27, 8, first=True, input_gradient=False, input_elements=300),
        Layer("fc", "linear", 5, 72, 10),
        Layer("scores", "attention", 6, 16, 6, repeats=4, last=True),
    ),
    batch=5, other_parameters=18, samples=1000,
)  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    return estimate(
        NETWORK, CONFIG, schedule="booster", training=True, memory=Memory(4),
        physical=Physical(1000.0, 200.0, Energy(0.5, 0.0, 0.0, 0.0), "by hand"), epochs=3, merge=False,
    )  # fmt: skip


def test_a_row_is_a_product(trained):
    assert [(row.layer, row.stage) for row in trained.rows] == [
        ("conv", "forward"), ("fc", "forward"), ("scores", "forward"),
        ("scores", "input gradient"), ("scores", "weight gradient"),
        ("fc", "input gradient"), ("fc", "weight gradient"), ("conv", "weight gradient"),
    ]  # fmt: skip
    for row in trained.rows:
        layer = next(layer for layer in NETWORK.layers if layer.name == row.layer)
        assert row.macs == layer.macs == row.m * row.k * row.n * row.repeats
        assert row.width == trained.schedule.mantissa_width(layer)
        assert row.passes == CONFIG.slices(row.width) ** 2


def test_totals_are_sums_of_rows(trained):
    assert trained.cycles == sum(row.cycles for row in trained.rows)
    assert trained.macs == sum(row.macs for row in trained.rows) == NETWORK.macs * 3 - NETWORK.layers[0].macs
    assert trained.bytes == sum(row.bytes for row in trained.rows)
    array, ports = (sum(getattr(row, name) for row in trained.rows) for name in ("compute_bound", "port_bound"))
    assert trained.least_cycles == max(array, ports) <= trained.cycles
    assert sum(trained.share(bound) for bound in BOUNDS) == pytest.approx(1)
    assert trained.utilization == pytest.approx(
        sum(row.macs * row.passes for row in trained.rows) / (CONFIG.macs_per_cycle * trained.cycles)
    )


def test_ratios_of_a_row(trained):
    for row in trained.rows:
        assert 0 < row.utilization <= 1
        assert row.times_bound >= 1
        assert row.intensity * row.bytes == pytest.approx(row.macs)
        assert row.to_dict()["macs_per_byte"] == row.intensity
        assert row.to_dict()["core_busy"] == row.core.busy


def test_a_run_is_its_steps(trained):
    run = trained.run
    assert (run.epochs, run.samples, run.steps_per_epoch) == (3, 1000, 200)
    narrow = estimate(NETWORK, CONFIG, schedule="booster", training=True, memory=Memory(4)).cycles
    wide = estimate(NETWORK, CONFIG, schedule="booster", training=True, memory=Memory(4), wide_epoch=True).cycles
    assert run.cycles == 200 * (2 * narrow + wide)


def test_mapping_efficiency_counts_places_without_work(trained):
    """Against the places of units and of elements of blocks, counted one by one."""
    for row in trained.rows:
        axes = ((row.m, CONFIG.rows), (row.n, CONFIG.columns), (row.k, CONFIG.block_size))
        places = prod(len(range(0, size, step)) * step for size, step in axes)
        assert trained.mapping_efficiency(row) == pytest.approx(row.m * row.n * row.k / places)


def test_weights_take_their_bits_and_their_exponents():
    """Attention has no weights; an exponent of 8 bits to 16 elements."""
    weights = 27 * 8 + 72 * 10
    for plan, width in (("all-4", 4), ("all-6", 6)):
        assert estimate(NETWORK, CONFIG, schedule=plan).weight_bytes() == weights * (width + 8 / 16) / 8


def test_the_plain_form_is_json(trained):
    """Everything comes back from a file as it was."""
    plain = trained.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["summary"] == trained.summary()
    assert plain["machine"]["macs_per_cycle"] == CONFIG.macs_per_cycle
    assert plain["rates"] == dict.fromkeys(("command", "a", "b", "c", "bias"), "1")
    assert [row["layer"] for row in plain["layers"]] == [row.layer for row in trained.rows]


def test_a_summary_leaves_out_what_is_not_known(trained):
    known = trained.summary()
    assert known["seconds"] == trained.cycles / 200e6
    assert known["area_um2"] == 1000.0
    assert known["joules"] == pytest.approx(sum(row.macs * row.passes for row in trained.rows) * 0.5e-12)
    assert known["run_seconds"] == trained.run.cycles / 200e6
    assert (known["run_epochs"], known["mode"], known["batch"]) == (3, "training step", 5)
    unknown = estimate(NETWORK, CONFIG).summary()
    assert not {"seconds", "area_um2", "joules", "run_epochs", "run_seconds"} & unknown.keys()
    assert unknown["mode"] == "inference"
    assert 0 not in unknown["bound"].values()


def test_an_area_is_that_of_all_cores():
    cluster = Cluster(data=4, link=Link(8), cores_per_chip=2)
    result = estimate(NETWORK, CONFIG, cluster=cluster, physical=Physical(area_um2=10.0))
    assert result.summary()["area_um2"] == 40.0
    assert result.rows[0].peak == 4 * CONFIG.macs_per_cycle


def test_an_array_alone_has_no_ports():
    result = estimate(NETWORK, CONFIG, rates=None)
    assert result.to_dict()["rates"] == {}
    assert {row.port_bound for row in result.rows} == {0}
    assert result.cycles < estimate(NETWORK, CONFIG, rates=Rates()).cycles
