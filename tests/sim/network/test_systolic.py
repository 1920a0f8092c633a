"""Closed forms against cycles that SCALE-Sim itself reported."""

import pytest

from hw.config import CoreConfig
from sim.network.cycles import product_cycles
from sim.network.systolic import DATAFLOWS

# (dataflow, rows, columns, m, k, n, Total Cycles of COMPUTE_REPORT.csv)
REPORTED = [
    # SCALE-Sim 2, example run of 32x32: convolution 7x7x192, 384 filters of 3x3.
    ("os", 32, 32, 25, 1728, 384, 21479),
    # SCALE-Sim 3, MobileNet on 32x32: layers 0, 2 and 4.
    ("ws", 32, 32, 112 * 112, 27, 32, 12637),
    ("ws", 32, 32, 112 * 112, 32, 64, 25275),
    ("ws", 32, 32, 56 * 56, 64, 128, 25839),
    # Validation runs on 128x128: products M, K, N.
    ("ws", 128, 128, 128, 128, 128, 509),
    ("ws", 128, 128, 128, 192, 128, 1019),
    ("ws", 128, 128, 192, 128, 128, 573),
    ("ws", 128, 128, 192, 512, 512, 9183),
    ("is", 128, 128, 128, 128, 256, 637),
    ("is", 128, 128, 256, 128, 128, 1019),
    ("is", 128, 128, 512, 512, 256, 10207),
]


@pytest.mark.parametrize(("dataflow", "rows", "columns", "m", "k", "n", "cycles"), REPORTED)
def test_matches_reports(dataflow, rows, columns, m, k, n, cycles):
    assert DATAFLOWS[dataflow](m, k, n, rows, columns) == cycles


@pytest.mark.parametrize("seed", range(5))
def test_output_stationary_form_counts_a_walk_through_the_array(seed):
    """Cell (r, c) uses element i of the reduction in cycle r + c + i; folds follow one another."""
    rows, columns, m, k, n = [(1, 1, 1, 1, 1), (4, 2, 5, 3, 7), (3, 3, 9, 1, 2), (2, 8, 1, 6, 8), (5, 4, 11, 9, 13)][
        seed
    ]
    cycle = 0
    for _ in range(0, m, rows):
        for _ in range(0, n, columns):
            cycle += max(r + c + i for r in range(rows) for c in range(columns) for i in range(k)) + 1
    assert DATAFLOWS["os"](m, k, n, rows, columns) == cycle - 1


def test_a_core_of_single_multipliers_is_that_array():
    """One fold: the core's array takes the same cycles, and those of its accumulator."""
    rows, columns, k = 4, 6, 50
    config = CoreConfig(block_size=1, tile_rows=1, tile_columns=1, mesh_rows=rows, mesh_columns=columns)
    core = product_cycles(config, rows, k, columns, 4, 4, rates=None)
    assert core.total == DATAFLOWS["os"](rows, k, columns, rows, columns) + 1 + config.accumulator_cycles
