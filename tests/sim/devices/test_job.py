"""A command's place in a feature map."""

from dataclasses import replace

import pytest

from sim.devices.job import Job, Prepared
from sim.workloads.window import Window
from tests.sim.messages import rejects

WINDOW = Window(3, 4, (6, 5), (3, 3), (2, 1), (1, 1, 1, 1))


def job(band, **fields):
    rows = band.samples * band.rows * WINDOW.out[1]
    first = (band.sample * WINDOW.out[0] + band.row) * WINDOW.out[1]
    values = WINDOW.walk(band).fields | {"rows": rows, "inner": 9 * 16, "columns": 8} | fields
    return Job(values, slice(first, first + rows), slice(0, 9 * 16), slice(0, 8))


def test_it_takes_the_rows_of_the_map_under_its_patches():
    assert job(WINDOW.band(0, 3, 0, 3)).over(WINDOW).positions == slice(0, 90)
    assert job(WINDOW.band(1, 1, 0, 1)).over(WINDOW).positions == slice(30, 40)
    assert job(WINDOW.band(2, 1, 1, 2)).over(WINDOW).positions == slice(65, 90)
    placed = job(WINDOW.band(2, 1, 1, 2)).over(WINDOW)
    assert placed.lines_of_a == (slice(65, 90), slice(0, 4))
    assert job(WINDOW.band(2, 1, 1, 2)).lines_of_a == (slice(35, 45), slice(0, 144))


@pytest.mark.parametrize("name", ["positions", "channels", "map_rows", "map_columns", "out_rows", "out_columns", "kernel_rows",
                                  "stride_columns", "dilation_rows", "pad_rows", "pad_columns"])  # fmt: skip
def test_no_other_walk_is_taken(name):
    """Nor one at a place where none begins, nor beyond the map."""
    right = job(WINDOW.band(1, 1, 1, 2))
    for value in (0, right.fields[name] + 1, 65535):
        wrong = replace(right, fields=right.fields | {name: value})
        if value != right.fields[name]:
            with pytest.raises(ValueError, match=r"^the command for row 20 must walk the map of its layer, not Walk"):
                wrong.over(WINDOW)
    with pytest.raises(ValueError, match=r"^the command for row 21 must walk the map of its layer"):
        replace(right, rows=slice(21, 31)).over(WINDOW)
    with pytest.raises(ValueError, match=r"^the command for row 25 must walk the map of its layer"):
        replace(right, rows=slice(25, 35)).over(WINDOW)
    with pytest.raises(ValueError, match=r"^the command for row 50 must walk the map of its layer"):
        replace(right, rows=slice(50, 60)).over(WINDOW)


def test_a_product_of_matrices_walks_nothing():
    right = job(WINDOW.band(0, 3, 0, 3))
    matrix = replace(right, fields={"rows": 45, "inner": 144, "columns": 8})
    assert Prepared((45, 144, 8), (right,)).walks
    assert Prepared((45, 144, 8), (right,)).over(WINDOW).jobs[0].positions == slice(0, 90)
    assert not Prepared((45, 144, 8), (matrix,)).walks
    with rejects(ValueError, "the command for row 0 must walk the map of its layer, not a matrix"):
        matrix.over(WINDOW)
