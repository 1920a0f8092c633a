from dataclasses import replace

import pytest

from hw.config import CoreConfig
from sim.model import CoreModel
from sim.network.cycles import Cycles, product_cycles
from sim.network.plan import Command, panels
from tests.sim.messages import rejects

CONFIG = CoreConfig(mantissa_widths=(4, 6), mesh_rows=2, mesh_columns=2)  # 8 x 8 units of 64 products


def busy(config, m, k, n, width_a=4, width_b=4):
    return product_cycles(config, m, k, n, width_a, width_b).busy


def test_a_unit_takes_a_block_per_cycle():
    assert busy(CONFIG, 8, 64, 8) == 1
    assert busy(CONFIG, 16, 640, 24) == 2 * 10 * 3


def test_edges_are_rounded_up():
    assert busy(CONFIG, 9, 65, 9) == 2 * 2 * 2


def test_fewer_products_per_cycle_take_more_steps():
    assert busy(replace(CONFIG, dot=16), 8, 64, 8) == 4


@pytest.mark.parametrize(("width_a", "width_b", "passes"), [(4, 4, 1), (4, 6, 2), (6, 4, 2), (6, 6, 4)])
def test_wide_mantissas_take_passes(width_a, width_b, passes):
    assert busy(CONFIG, 8, 640, 8, width_a, width_b) == 10 * passes


def test_counters_add_up():
    for m, k, n in ((1, 1, 1), (100, 100, 100), (8, 10000, 8), (5000, 64, 8), (8, 64, 5000)):
        cycles = product_cycles(CONFIG, m, k, n, 4, 4)
        rest = cycles.total - cycles.busy - cycles.stalled_load - cycles.stalled_store
        assert 0 < rest < cycles.total
        assert min(cycles.busy, cycles.stalled_load, cycles.stalled_store) >= 0


def test_ports_only_slow_down():
    with_ports = product_cycles(CONFIG, 64, 4096, 64, 4, 4)
    array = product_cycles(CONFIG, 64, 4096, 64, 4, 4, rates=None)
    assert with_ports.busy == array.busy
    assert with_ports.total > array.total >= array.busy


def test_small_products_are_loaded_once_but_part_by_part():
    cases = {(64, 4096, 64): (1, 2), (64, 4096, 8): (8, 1), (8, 4096, 64): (1, 8), (1, 1, 1): (1, 1)}
    for shape, parts in cases.items():
        cut = panels(CONFIG, *shape)
        assert (cut.row_panels, cut.column_panels) == parts
        assert (*cut.loads, cut.inner_panels) == (1, 1, 1)


@pytest.mark.parametrize("shape", [(1024, 144, 16), (16, 144, 1024), (2000, 64, 256), (128, 768, 600)])
def test_parts_overlap(shape):
    """A product in parts takes less time than in one command, if it fits one."""
    m, k, n = shape
    whole = CoreModel(CONFIG)
    whole.run([Command(m, k, n, 4, 4)])
    assert product_cycles(CONFIG, m, k, n, 4, 4).total < 0.95 * whole.cycles


def test_commands_fit_the_operand_buffers():
    for m, k, n in ((10**6, 64, 64), (64, 64, 10**6), (10**5, 4096, 10**5), (100, 10**7, 100)):
        cut = panels(CONFIG, m, k, n)
        blocks = -(-cut.inner // CONFIG.block_size)
        assert -(-cut.rows // CONFIG.rows) * blocks <= CONFIG.operand_depth
        assert -(-cut.columns // CONFIG.columns) * blocks <= CONFIG.operand_depth
        assert cut.rows * cut.row_panels >= m
        assert cut.columns * cut.column_panels >= n
        assert cut.inner * cut.inner_panels >= k


def test_the_operand_that_stays_is_loaded_once():
    tall, wide = panels(CONFIG, 10**6, 4096, 300), panels(CONFIG, 300, 4096, 10**6)
    assert tall.loads == (1, tall.row_panels)
    assert wide.loads == (wide.column_panels, 1)
    assert min(tall.row_panels, wide.column_panels) > 1


def test_a_reduction_that_is_cut_accumulates_in_one_output_tile():
    config = replace(CONFIG, operand_depth=16, interleave=4)
    cut = panels(config, 1000, 64 * 100, 1000)
    assert (cut.rows, cut.columns, cut.inner) == (config.output_rows, config.columns, 4 * 64)
    assert cut.loads == (cut.column_panels, cut.row_panels)


def test_scaled_counters():
    assert Cycles(10, 7, 2, 1).scaled(3) == Cycles(30, 21, 6, 3)


def test_rejects_a_width_the_machine_lacks():
    with rejects(ValueError, "mantissa width must be one of the configuration's 4, 6, not 5"):
        product_cycles(CONFIG, 1, 1, 1, 4, 5)
