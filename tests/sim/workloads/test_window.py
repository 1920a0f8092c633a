"""Bands of a convolution: the map's rows under them, and that the buffer has room."""

from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden
from golden.layers.convolution import output_size
from hw.config import CoreConfig
from sim.workloads.window import Walk, Window

CONFIG = CoreConfig(block_size=16, tile_rows=2, tile_columns=2, lanes=16, load_lines=2, operand_depth=64,
                    features=("packed", "patches"))  # fmt: skip


@st.composite
def windows(draw) -> Window:
    pairs = [tuple(draw(st.integers(1, most)) for _ in range(2)) for most in (4, 3, 2)]
    kernel, strides, dilations = pairs
    spans = [(taps - 1) * d + 1 for taps, d in zip(kernel, dilations, strict=True)]
    pads = tuple(draw(st.integers(0, span - 1)) for span in 2 * spans)
    size = tuple(draw(st.integers(max(1, span - pads[i] - pads[i + 2]), 14)) for i, span in enumerate(spans))
    return Window(draw(st.integers(1, 5)), draw(st.integers(1, 40)), size, kernel, strides, pads, dilations)


@settings(max_examples=200, deadline=None)
@given(windows(), st.integers(1, 6))
def test_bands_cover_the_output_once_and_fit(window, parts):
    if not window.walkable(CONFIG):
        return
    covered = []
    for band in window.bands(CONFIG, parts):
        walk = window.walk(band)
        assert window.out == output_size(window.size, window.kernel, window.strides, window.pads, window.dilations)
        assert ceil(walk.positions / 2) * 2 * ceil(window.channels / 16) <= CONFIG.operand_depth
        assert ceil(band.samples * band.rows * window.out[1] / CONFIG.rows) <= CONFIG.operand_depth
        assert walk.positions == band.samples * walk.map_rows * walk.map_columns
        for row in range(band.row, band.row + band.rows):
            for tap in range(window.kernel[0]):
                y = row * window.strides[0] + tap * window.dilations[0] - window.pads[0]
                of_band = (row - band.row) * window.strides[0] + tap * window.dilations[0] - walk.pad_rows
                inside = 0 <= y < window.size[0]
                assert inside == (0 <= of_band < walk.map_rows)
                assert not inside or of_band + band.map_row == y
        covered += [(s, r) for s in range(band.sample, band.sample + band.samples) for r in range(band.row, band.row + band.rows)]
    assert covered == [(s, r) for s in range(window.samples) for r in range(window.out[0])]


def test_whole_samples_share_a_command():
    window = Window(16, 16, (4, 4), (3, 3), (1, 1), (1, 1, 1, 1))
    assert [band.samples for band in window.bands(CONFIG, 4)] == [4, 4, 4, 4]
    assert [band.samples for band in window.bands(CONFIG, 1)] == [4, 4, 4, 4]  # as many as the buffer holds
    halves = Window(1, 16, (4, 4), (3, 3)).bands(CONFIG, 2)
    assert [(band.row, band.rows, band.map_row, band.map_rows) for band in halves] == [(0, 1, 0, 3), (1, 1, 1, 3)]


@pytest.mark.parametrize(
    "change",
    [{"kernel": (9, 1)}, {"strides": (16, 1)}, {"pads": (3, 0, 0, 0)}, {"channels": 400}, {"size": (30, 40)}],
)
def test_what_no_machine_walks(change):
    usual = {"samples": 1, "channels": 16, "size": (20, 10), "kernel": (3, 3)}
    assert Window(**usual).walkable(CONFIG)
    assert not Window(**usual | change).walkable(CONFIG)


def test_a_machine_without_the_feature_walks_nothing():
    assert not Window(1, 16, (4, 4), (3, 3)).walkable(CoreConfig(block_size=16, lanes=16))


@pytest.mark.parametrize(
    ("window", "reached"),
    [
        (Window(2, 3, (8, 8), (3, 3), (2, 2)), 2 * 7 * 7),  # the last row and column are under no tap
        (Window(1, 3, (8, 8), (3, 3), (2, 2), (1, 1, 1, 1)), 8 * 8),
        (Window(1, 3, (7, 7), (1, 1), (2, 3)), 4 * 3),
        (Window(1, 3, (9, 5), (2, 2), (2, 1), (0, 0, 0, 0), (3, 1)), 6 * 5),  # rows 0, 2, 4 and 3, 5, 7 of nine
    ],
)
def test_elements_under_no_tap_are_not_reached(window, reached):
    assert window.reached == reached
    numbered = np.arange(window.samples * prod(window.size), dtype=np.float32).reshape(window.samples, 1, *window.size) + 1
    under = golden.patches(numbered, window.kernel, window.strides, window.pads, window.dilations)
    assert len(np.unique(under[under > 0])) == reached


def test_a_walk_is_read_from_a_command_s_fields():
    window = Window(2, 3, (5, 4), (2, 3), (2, 1), (1, 0, 1, 0), (1, 1))
    walk = window.walk(window.band(0, 2, 0, window.out[0]))
    assert walk == Walk(40, 3, 5, 4, 3, 2, 2, 3, 2, 1, 1, 1, 1, 0)
    assert Walk.of(walk.fields) == walk
    assert Walk.of({"rows": 3}) is None
