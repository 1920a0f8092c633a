"""Products cut into commands: every part once, within what the core holds."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from hw.command import SIZE_WIDTH, OperandFormat, OutputFormat
from hw.config import CoreConfig
from sim.network.plan import Command, Loop, commands, panels, pieces, plan, whole_blocks
from sim.network.walks import walkable, walks
from sim.workloads.window import Window
from tests.sim.machines import MACHINES
from tests.sim.messages import rejects

BLOCKS = [name for name, config in MACHINES.items() if "requantize" in config.features]


def test_pieces_are_the_plan_with_places():
    for config in MACHINES.values():
        width = config.mantissa_widths[0]
        for m, k, n in ((1, 1, 1), (50, 40, 60), (60, 1000, 9), (9, 1000, 60), (7, 33, 400)):
            parts = list(pieces(config, m, k, n, width, width))
            assert [part.command for part in parts] == list(commands(plan(config, m, k, n, width, width)))
            products = np.zeros((m, k, n), int)
            for command, row, inner, column in parts:
                ends = row + command.rows, inner + command.inner, column + command.columns
                products[row : ends[0], inner : ends[1], column : ends[2]] += 1
            assert (products == 1).all()


@pytest.mark.parametrize("name", BLOCKS)
def test_a_plan_for_results_in_blocks_has_whole_blocks_of_rows(name):
    config = replace(MACHINES[name], operand_depth=64)
    for m, k, n in ((1, 1, 1), (50, 40, 60), (7, 33, 401), (100, 9, 16)):
        parts = pieces(config, m, k, n, *config.mantissa_widths[:1] * 2, output=OutputFormat.PACKED)
        for command, _, _, column in parts:
            assert command.output == OutputFormat.PACKED
            assert column % config.block_size == 0
            assert column + command.columns == n or command.columns % config.block_size == 0
    with pytest.raises(ValueError, match=rf"^results in blocks need room for {config.block_size} columns of B, but there is for "):
        plan(config, 50, config.block_size * config.operand_depth, 60, 4, 4, output=OutputFormat.PACKED)


@pytest.mark.parametrize("name", MACHINES)
def test_commands_fit_the_operand_buffers(name):
    """Each operand's lines, in groups as long as the array is high or wide, with all their blocks."""
    config, rng = MACHINES[name], Random(name)
    for _ in range(60):
        m, k, n = (int(2 ** rng.uniform(0, 10)) for _ in range(3))
        cut = panels(config, m, k, n)
        blocks = -(-cut.inner // config.group_size) * config.group
        assert -(-cut.rows // config.rows) * blocks <= config.operand_depth
        assert -(-cut.columns // config.columns) * blocks <= config.operand_depth
        assert (cut.row_panels, cut.column_panels) == (-(-m // cut.rows), -(-n // cut.columns))
        assert (cut.inner_panels - 1) * cut.inner < k <= cut.inner_panels * cut.inner
        if cut.inner_panels > 1:
            assert cut.inner % config.group_size == 0
            assert cut.rows <= config.output_rows
            assert cut.columns <= config.columns


@pytest.mark.parametrize("name", MACHINES)
def test_loads_are_those_of_the_commands(name):
    config, rng = MACHINES[name], Random(name)
    width = config.mantissa_widths[0]
    for _ in range(25):
        m, k, n = (int(2 ** rng.uniform(0, 7)) for _ in range(3))
        loads_a, loads_b = panels(config, m, k, n).loads
        loaded_a = loaded_b = 0
        for command in commands(plan(config, m, k, n, width, width)):
            loaded_a += command.load_a * command.rows * command.inner
            loaded_b += command.load_b * command.columns * command.inner
        assert (loaded_a, loaded_b) == (loads_a * m * k, loads_b * k * n)


@pytest.mark.parametrize("name", MACHINES)
def test_an_operand_that_stays_was_loaded(name):
    """What a command does not load is what the one before left: the same place, and as large."""
    config, rng = MACHINES[name], Random(name)
    width = config.mantissa_widths[0]
    for _ in range(25):
        m, k, n = (int(2 ** rng.uniform(0, 8)) for _ in range(3))
        held_a = held_b = None
        for command, row, inner, column in pieces(config, m, k, n, width, width):
            a, b = (row, command.rows, inner, command.inner), (column, command.columns, inner, command.inner)
            assert command.load_a or held_a == a
            assert command.load_b or held_b == b
            held_a, held_b = a, b


@pytest.mark.parametrize("name", MACHINES)
def test_the_operand_that_stays_keeps_the_busier_stream_less_busy(name):
    """Against the other choice: first the words of the busier stream, then of both."""
    config, rng = MACHINES[name], Random(name)
    for _ in range(80):
        m, k, n = int(2 ** rng.uniform(0, 9)), int(2 ** rng.uniform(0, 6)), int(2 ** rng.uniform(0, 9))
        cut = panels(config, m, k, n)
        if cut.inner_panels > 1:
            continue
        groups = config.operand_depth // (-(-k // config.group_size) * config.group)
        rows, columns = -(-m // (config.rows * groups)), -(-n // (config.columns * groups))
        kept_a, kept_b = (m, n * rows), (m * columns, n)
        if cut.keep_a:
            assert (max(kept_a), sum(kept_a)) <= (max(kept_b), sum(kept_b))
        else:
            assert (max(kept_b), sum(kept_b)) <= (max(kept_a), sum(kept_a))


def test_sums_stay_in_the_array_until_the_reduction_is_done():
    config = MACHINES["ragged"]
    k = 3 * config.operand_depth * config.block_size + 5
    parts = list(pieces(config, 4, k, 3, 5, 5))
    assert [part.inner for part in parts] == sorted(part.inner for part in parts)
    assert [command.accumulate for command, *_ in parts] == [False] + [True] * (len(parts) - 1)
    assert [command.store for command, *_ in parts] == [False] * (len(parts) - 1) + [True]
    assert sum(command.inner for command, *_ in parts) == k


def test_no_command_has_a_size_beyond_its_field():
    config = CoreConfig(operand_depth=4096, tile_rows=64, tile_columns=64)
    largest = 2**SIZE_WIDTH - 1
    for m, k, n in ((10**6, 64, 64), (64, 64, 10**6), (64, 10**6, 64), (10**5, 10**5, 10**5)):
        cut = panels(config, m, k, n)
        assert max(cut.rows, cut.inner, cut.columns) <= largest


def test_loops_stand_for_their_commands():
    command = Command(1, 2, 3, 4, 4)
    inner = Loop(2, (command, command._replace(rows=9)))
    assert [c.rows for c in commands((command, Loop(3, (inner, command)), command))] == [1, *([1, 9, 1, 9, 1] * 3), 1]
    assert Loop(3, (inner,)) == Loop(3, (Loop(2, inner.body),))


def test_fields_are_those_of_every_command():
    fields = {"format_a": OperandFormat.BFLOAT16, "output": OutputFormat.BFLOAT16, "bias": True}
    for command in commands(plan(MACHINES["features"], 70, 2000, 90, 4, 6, **fields)):
        assert (command.format_a, command.format_b, command.output) == (2, 0, 2)
        assert (command.width_a, command.width_b, command.bias) == (4, 6, True)


def test_columns_of_results_in_blocks_are_all_or_whole_blocks():
    config = MACHINES["features"]  # blocks of 16
    assert [whole_blocks(config, n, 32) for n in (1, 15, 16, 17, 32, 33, 100)] == [1, 15, 16, 17, 32, 32, 32]
    assert [whole_blocks(config, 100, most) for most in (1, 15, 16, 31, 32)] == [0, 0, 16, 16, 32]


def test_rejects_blocks_of_results_that_find_no_room():
    config = replace(MACHINES["features"], operand_depth=8)
    text = "results in blocks need room for 16 columns of B, but there is for 2: operand_depth must be at least 64, not 8"
    with rejects(ValueError, text):
        panels(config, 20, 16 * 8, 40, OutputFormat.PACKED)


@pytest.mark.parametrize("name", ["maps", "walks"])
def test_walks_cover_a_convolution_within_what_the_core_holds(name):
    """Every patch and filter once; a map or filters that are not loaded are those of the command before."""
    config, seen = MACHINES[name], set()
    for size, channels, n in (((6, 6), 5, 3), ((5, 7), 20, 30), ((12, 3), 8, 9), ((4, 4), 16, 100), ((9, 9), 3, 40)):
        for samples, kernel, strides in ((1, (3, 3), (1, 1)), (7, (2, 1), (1, 2)), (2, (1, 1), (2, 2))):
            window = Window(samples, channels, size, kernel, strides)
            if not walkable(config, window, n):
                continue
            covered = np.zeros((window.rows, n), int)
            before = None
            for command, row, inner, column in walks(config, window, n, 4, 4, width_c=4):
                assert inner == 0
                assert command.inner == window.inner(config.block_size)
                assert -(-command.columns // config.columns) * config.groups(command.inner) <= config.operand_depth
                assert command.load_a or command.walk == before[0].walk
                assert command.load_b or (before[1], before[0].columns) == (column, command.columns)
                covered[row : row + command.rows, column : column + command.columns] += 1
                seen.add((command.load_a, command.load_b))
                before = command, column
            assert (covered == 1).all()
    assert seen == {(True, True), (True, False), (False, True)}


def test_filters_that_do_not_fit_are_no_walk():
    assert not walkable(MACHINES["maps"], Window(1, 16 * 6, (3, 3), (3, 3)), 4)
