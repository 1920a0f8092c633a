"""Latencies without components are those of the components."""

from dataclasses import replace
from math import ceil

import pytest

from hw.array.mesh import Mesh
from hw.array.tile import Tile
from hw.config import FEATURES, CoreConfig
from hw.core.counters import Counters
from hw.core.decoder import CommandDecoder
from hw.core.loader import Loader
from hw.core.operand_buffer import OperandBuffer
from hw.core.sequencer import Sequencer
from hw.quantize.block_packer import BlockPacker
from hw.quantize.block_quantizer import BlockQuantizer
from hw.quantize.block_unpacker import BlockUnpacker
from hw.timing import Timing

MACHINES = {
    "usual": CoreConfig(),
    "deep": CoreConfig(
        (4, 6), block_size=16, dot=8, tile_rows=2, tile_columns=4, mesh_rows=3, mesh_columns=2, interleave=5,
        accumulator_cycles=9, tree_cycles=2, panel_columns=32, features=FEATURES,
    ),
    "streams": CoreConfig(tile_rows=2, mesh_rows=4, result_streams=2),
}  # fmt: skip


@pytest.fixture(params=MACHINES)
def config(request):
    return MACHINES[request.param]


def test_components_say_the_same(config):
    timing, mesh = Timing(config), Mesh(config)
    sequencer = Sequencer(config, mesh.drain_cycles)
    quantizer, health = BlockQuantizer(config), BlockQuantizer(config).health.shape()
    assert CommandDecoder(config).decode_cycles == timing.decode_cycles
    assert OperandBuffer(config, config.mesh_rows, config.tile_rows).read_cycles == timing.read_cycles
    assert (mesh.result_cycles, mesh.drain_cycles) == (timing.result_cycles, timing.drain_cycles)
    assert Tile(config).unit_cycles == timing.unit_cycles
    assert (sequencer.least_slots, sequencer.retire_cycles) == (timing.least_slots, timing.retire_cycles)
    assert (quantizer.beats, quantizer.latency_cycles) == (timing.block_beats, timing.quantizer_cycles)
    assert BlockUnpacker(config).latency_cycles == timing.unpacker_cycles
    assert BlockPacker(config).latency_cycles == timing.block_packer_cycles
    assert Loader(config, config.rows).full_cycles == timing.full_cycles
    assert Counters(config, health).count_cycles == timing.count_cycles


def test_unit_s_way_is_that_of_its_parts(config):
    """Operands in a register, the tree, the block sum, and the accumulator up to its writing."""
    unit = Tile(config).unit(config)
    assert Timing(config).unit_cycles == 1 + unit.sum_cycles + 1 + unit.accumulator.write_cycle


def test_a_drain_has_passed_before_the_next_begins(config):
    timing = Timing(config)
    for slots in range(1, config.interleave + 1):
        assert timing.drain_span(slots) - timing.align_cycles < timing.drain_cycles
    chains = config.result_streams
    span = (config.rows // chains - 1) * config.interleave + config.mesh_rows // chains - 1 + slots - 1
    assert timing.drain_span(config.interleave) == span + timing.align_cycles


def test_rows_of_tiles_drain_by_themselves():
    """Each as the machine that it would be alone; the northern one waits for the skew of the southern one."""
    config = MACHINES["streams"]
    alone = Timing(replace(config, mesh_rows=2, result_streams=1))
    assert Timing(config).drain_cycles == alone.drain_cycles == 2 * 2 + 2
    assert Timing(config).align_cycles == 2


def test_slots_run_as_long_as_the_loop(config):
    timing = Timing(config)
    assert timing.least_slots * config.steps >= config.loop_cycles
    assert (timing.least_slots - 1) * config.steps < config.loop_cycles


def test_queue_of_tiles_holds_those_on_their_way(config):
    """As many as are announced before the first of them is gathered, and three more."""
    timing = Timing(config)
    way = timing.read_cycles + timing.result_cycles + timing.align_cycles + timing.gather_cycles + 3
    assert timing.tiles_in_flight == 3 + ceil(way / timing.drain_cycles)


def test_stages_that_are_not_there_take_no_time():
    plain, full = Timing(MACHINES["usual"]), Timing(MACHINES["deep"])
    assert (plain.finisher_cycles, plain.packer_cycles) == (0, 0)
    assert (full.finisher_cycles, full.packer_cycles) == (4, 1)
