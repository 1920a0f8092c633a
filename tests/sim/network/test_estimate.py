import tracemalloc
from dataclasses import replace
from fractions import Fraction

import pytest

import sim
from bench import networks
from bench.causes import causes, product_causes
from hw.config import CoreConfig
from sim import Cluster, Cycles, Link, Memory, Physical, estimate, load
from sim.model import Rates
from sim.network.bounds import port_width
from sim.network.cycles import product_cycles
from sim.network.energy import Energy
from sim.workloads import NETWORKS, Layer, LayerProduct, Workload
from sim.workloads.window import Window
from tests.sim.messages import rejects

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), mesh_rows=2, mesh_columns=2, lanes=64, features=("packed", "bfloat16")
)  # fmt: skip
FC = Workload("fc", (Layer("fc", "linear", 512, 640, 320),), batch=512)


def ideal_cycles(config, m, k, n, width_a, width_b, *, repeats, **ports):
    """A core that always runs at its peak."""
    cycles = -(-m * k * n * repeats * config.slices(width_a) * config.slices(width_b) // config.macs_per_cycle)
    return Cycles(cycles, cycles)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("plan", ["all-4", "all-6", "booster"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_in_every_mode(name, plan, training):
    result = estimate(name, CONFIG, schedule=plan, training=training, memory=Memory(64))
    factor = 3 if training else 1
    assert result.macs <= factor * result.workload.macs
    assert result.macs >= 0.97 * factor * result.workload.macs
    assert 0 < result.utilization <= 1
    assert sum(result.share(bound) for bound in ("compute", "load", "store", "memory", "link")) == pytest.approx(1)


def test_a_core_at_its_peak_is_fully_used():
    result = estimate(FC, CONFIG, schedule="all-6", cycles=ideal_cycles)
    assert result.utilization == 1
    assert result.macs / result.cycles == CONFIG.macs_per_cycle / 4
    assert result.share("compute") == 1


def test_merging_rows_changes_no_total():
    merged = estimate("bert-base", CONFIG, training=True, memory=Memory(16))
    separate = estimate("bert-base", CONFIG, training=True, memory=Memory(16), merge=False)
    assert len(merged.rows) < 20
    assert len(separate.rows) == 3 * len(separate.workload.layers)
    for total in ("cycles", "macs", "bytes", "utilization"):
        assert getattr(merged, total) == pytest.approx(getattr(separate, total))


def test_booster_costs_between_narrow_and_wide():
    cycles = {
        plan: estimate("resnet50", CONFIG, schedule=plan, cycles=ideal_cycles).cycles
        for plan in ("all-4", "booster", "all-6")
    }
    assert cycles["all-4"] < cycles["booster"] < cycles["all-6"]
    assert cycles["all-6"] == pytest.approx(4 * cycles["all-4"], rel=1e-3)
    # conv1 and fc, 120 M of 4089 M multiply-accumulates, take four passes.
    assert cycles["booster"] / cycles["all-4"] == pytest.approx(1 + 3 * 120.06 / 4089.18, rel=1e-3)


def test_wide_epoch_widens_every_layer():
    wide = estimate("resnet20", CONFIG, schedule="booster", training=True, wide_epoch=True)
    assert {row.width for row in wide.rows} == {6}


def test_memory_bounds_when_it_is_slow():
    fast, slow = (estimate(FC, CONFIG, memory=Memory(rate), rates=None) for rate in (1e6, 1))
    assert fast.rows[0].bound == "compute"
    assert slow.rows[0].bound == "memory"
    assert slow.cycles == slow.bytes


def test_traffic_is_what_the_formats_take():
    row_bytes = {"packed": 10 * (64 * 4 + 8) / 8, "bf16": 640 * 2, "fp32": 640 * 4}
    for operands, bytes_per_row in row_bytes.items():
        result = estimate(FC, CONFIG, memory=Memory(operands=operands))
        assert result.bytes == (512 + 320) * bytes_per_row + 512 * 320 * 4


def test_narrow_formats_pass_a_slow_port_sooner():
    """The load takes 4.125 of 32 bits, in the core's own cycles."""
    rates, cycles = Rates(a=Fraction(1, 256), b=Fraction(1, 256)), {}
    for operands in ("packed", "bf16", "fp32"):
        (row,) = estimate(FC, CONFIG, memory=Memory(operands=operands), rates=rates).rows
        assert row.bound == "load"
        cycles[operands] = row.cycles
    assert cycles["bf16"] / cycles["fp32"] == pytest.approx(1 / 2, rel=0.02)
    assert cycles["packed"] / cycles["fp32"] == pytest.approx(4.125 / 32, rel=0.1)


def test_results_in_blocks_take_fewer_beats():
    config = replace(CONFIG, lanes=16, tile_columns=8, panel_columns=64, features=("bfloat16", "requantize"))
    rates, cycles = Rates(c=Fraction(1, 64)), {}
    for results in ("packed", "bf16", "fp32"):
        (row,) = estimate(FC, config, memory=Memory(results=results), rates=rates).rows
        assert row.bound == "store"
        cycles[results] = row.cycles
    assert cycles["bf16"] / cycles["fp32"] == pytest.approx(1 / 2, rel=0.05)
    assert cycles["packed"] / cycles["fp32"] == pytest.approx(4.125 / 32, rel=0.15)


def test_the_published_table():
    values = networks.cycles("resnet20", False)
    assert all(values["blocks"][plan] < 0.3 * values["FP32"][plan] for plan in networks.SCHEDULES)
    lines = networks.table({("resnet20", False): values}).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| resnet20 | inference | ")


def test_causes_add_up():
    one = product_causes(LayerProduct("forward", 40, 100, 20, 3, (12000, 6000, 2400)))
    assert one.cycles["steps"] == one.compute_bound
    assert one.cycles["steps"] + one.cycles["edges"] == 3 * 3 * 2  # repeats, rows of tiles, blocks
    (row,) = causes("resnet20", False, 1)
    assert row.startswith("| resnet20 | inference | 1 | ")


def test_shares_of_a_port():
    """Each product takes the rates it is done first with; all must be of one width."""
    streams = replace(CONFIG, lanes=16, tile_columns=8, panel_columns=64, features=("packed", "requantize"))
    rates, memory = Rates(a=Fraction(1, 8), b=Fraction(1, 8), c=Fraction(1, 8)), Memory(operands="packed", results="packed")
    shares = (Rates(operands=Fraction(1, 8), c=Fraction(3, 8)), Rates(operands=Fraction(9, 32), c=Fraction(1, 16)))
    each = [estimate(FC, streams, memory=memory, rates=one).cycles for one in (rates, *shares)]
    assert len(set(each)) == 3
    result = estimate(FC, streams, memory=memory, rates=rates, shares=shares)
    assert result.cycles == min(each)
    with pytest.raises(ValueError, match=r"^shares must pass as many bits in a cycle as rates, which must be given$"):
        estimate(FC, streams, rates=rates, shares=(Rates(),))


def test_independent_products_overlap():
    heads = Workload("heads", (Layer("heads", "attention", 64, 64, 64, repeats=50),))
    one = Workload("heads", (Layer("heads", "attention", 64, 64, 64),))
    assert estimate(heads, CONFIG).cycles < 0.95 * 50 * estimate(one, CONFIG).cycles


def test_gathered_patches_read_each_element_once():
    streamed, gathered = (
        estimate("resnet20", CONFIG, memory=Memory(patches=patches), merge=False).rows[1]
        for patches in ("streamed", "gathered")
    )
    saved = 1024 * 3 * (64 * 4 + 8) / 8 * (1 - 1 / 9)  # a 3x3 convolution of 16 channels: 144 elements are 3 blocks
    assert streamed.bytes - gathered.bytes == pytest.approx(saved)


def test_data_parallel_cores_divide_the_work():
    one = estimate(FC, CONFIG, cycles=ideal_cycles)
    four = estimate(FC, CONFIG, cluster=Cluster(data=4, link=Link(8)), cycles=ideal_cycles)
    assert four.cycles == one.cycles / 4
    assert four.utilization == 1


def test_each_data_parallel_core_reads_the_weights():
    row_bytes, cluster = 10 * (64 * 4 + 8) / 8, Cluster(data=4, link=Link(8))
    assert estimate(FC, CONFIG, cluster=cluster).bytes == (512 + 4 * 320) * row_bytes + 512 * 320 * 4


def test_links_add_to_training_unless_overlapped():
    cluster = Cluster(data=4, link=Link(1))
    apart = estimate(FC, CONFIG, training=True, cluster=cluster)
    overlapped = estimate(FC, CONFIG, training=True, cluster=replace(cluster, overlap=True))
    gradients = [row for row in apart.rows if row.stage == "weight gradient"]
    assert [row.link_cycles for row in gradients] == [2 * 3 / 4 * 640 * 320 * 4]
    assert overlapped.cycles < apart.cycles
    assert gradients[0].bound == "link"


def test_cores_of_a_chip_share_its_memory():
    cluster = Cluster(data=4, link=Link(1e9))
    own = estimate(FC, CONFIG, memory=Memory(1), cluster=cluster)
    shared = estimate(FC, CONFIG, memory=Memory(1), cluster=replace(cluster, cores_per_chip=4))
    assert shared.cycles == pytest.approx(4 * own.cycles, rel=1e-3)


def test_training_run_is_scaled_from_a_step():
    workload = load("resnet20", batch=128)
    result = estimate(workload, CONFIG, schedule="booster", training=True, epochs=160)
    wide = estimate(workload, CONFIG, schedule="booster", training=True, wide_epoch=True)
    assert (result.run.epochs, result.run.samples, result.run.steps_per_epoch) == (160, 50_000, 391)
    assert result.run.cycles == pytest.approx(391 * (159 * result.cycles + wide.cycles))


def test_silicon_is_left_out_unless_it_is_known():
    unknown = estimate(FC, CONFIG).summary()
    assert not {"seconds", "area_um2", "joules"} & set(unknown)
    known = estimate(FC, CONFIG, physical=Physical(1e6, 500, Energy(0.1, 0.0, 0.0, 0.0)), cycles=ideal_cycles).summary()
    assert known["seconds"] == known["cycles"] / 5e8
    assert known["area_um2"] == 1e6
    assert known["joules"] == pytest.approx(known["macs"] * 1e-13)


def test_weights_in_blocks():
    assert estimate(FC, CONFIG).weight_bytes() == 640 * 320 * 4.125 / 8


def test_reports_what_is_not_modelled():
    workload = Workload("net", FC.layers, not_modelled={"Softmax": 3})
    assert estimate(workload, CONFIG).to_dict()["not_modelled"] == {"Softmax": 3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "all-5"}, "mantissa width must be one of the configuration's 4, 6, not 5"),
        ({"cluster": Cluster(data=1024, link=Link(1))}, "data must be at most the batch of 512, not 1024"),
        ({"epochs": 9}, "epochs are of a training run, so training must be asked for"),
        ({"epochs": 9, "training": True}, "samples of an epoch must be stated, as fc is not tied to a data set"),
        ({"epochs": 0, "samples": 5, "training": True}, "epochs must be at least 1, not 0"),
        ({"epochs": 1, "samples": 0, "training": True}, "samples must be at least 1, not 0"),
    ],
)
def test_rejects(options, message):
    with rejects(ValueError, message):
        estimate(FC, CONFIG, **options)


def test_resnet50_takes_little_memory():
    config = CoreConfig(mesh_rows=8, mesh_columns=8)  # 32 x 32 units
    tracemalloc.start()
    estimate(load("resnet50", batch=7), config)
    estimate(load("resnet50", batch=7), config, training=True, epochs=90)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20e6


def test_public_names_exist():
    for name in sim.__all__:
        assert getattr(sim, name) is not None
    with rejects(AttributeError, "module sim has no attribute nothing"):
        _ = sim.nothing


def test_traffic_of_a_walk_is_what_its_commands_load():
    """By hand: a map of 8 rows in two bands that share two rows, filters once, channels in whole blocks."""
    config = CoreConfig(block_size=16, tile_rows=4, tile_columns=4, lanes=16, operand_depth=48, features=("packed", "patches"))
    window = Window(1, 20, (8, 4), (3, 3), pads=(1, 1, 1, 1))
    bands = window.bands(config, 4)
    layer = Layer("c", "conv", 32, 180, 8, input_elements=640, window=window)
    slow = Rates(operands=Fraction(1, 8))
    row, patches = (
        estimate(Workload("net", (layer,)), config, memory=Memory(patches=kind), rates=slow).rows[0]
        for kind in ("gathered", "streamed")
    )
    assert row.core.total < patches.core.total
    assert [band.map_rows for band in bands] == [3, 4, 4, 3]
    block = 16 * 4 + 8
    assert row.bytes * 8 == 14 * 4 * 2 * block + 8 * 9 * 2 * block + 32 * 8 * 32
    assert patches.bytes * 8 > row.bytes * 8
    assert row.port_bound <= row.bytes * 8 / port_width(config, slow), "no plan moves less than each element once"


def test_a_core_that_walks_maps_takes_them_where_that_is_faster():
    """The forward convolutions of ResNet-20, one map or its patches; never slower than patches alone."""
    config = CoreConfig(block_size=16, tile_rows=4, tile_columns=4, lanes=16, features=("packed", "patches"))
    rates = Rates(operands=Fraction(1, 2))
    streamed, gathered = (
        estimate("resnet20", config, memory=Memory(patches=patches), rates=rates, merge=False).rows
        for patches in ("streamed", "gathered")
    )
    assert all(new.core.total <= old.core.total for old, new in zip(streamed, gathered, strict=True))
    assert sum(new.core.total for new in gathered) < sum(old.core.total for old in streamed)
    layer, product = load("resnet20").products()[1]
    walked = product_cycles(config, product.m, product.k, product.n, 4, 4, operands="packed", rates=rates, window=product.window)
    assert gathered[1].core == walked, layer.name
