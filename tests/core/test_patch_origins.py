"""Origins of patches against the geometry they come from."""

from itertools import product
from random import Random

import cocotb
import pytest

from hw.command import MOST_TAPS
from hw.config import CoreConfig
from hw.core.patch_origins import PatchOrigins, walk_layout
from sim.workloads.window import Window
from tests.bench import simulate
from tests.layouts import pack, step, unpack
from tests.streams import reset, start_clock

CONFIG = CoreConfig(block_size=4, tile_rows=2, tile_columns=1, operand_depth=45, features=("patches",))
LINES = 3
LONG = [Window(1, 1, size, (1, 1)) for n in (127, LINES * CONFIG.operand_depth) for size in ((1, n), (n, 1))]
"""Rows and columns of patches, as many as there can be, and such that all bits of their number count."""


def random_window(rng: Random) -> Window:
    """A kernel that fits its map."""
    while True:
        kernel, strides, dilations, size = ((rng.randint(1, most), rng.randint(1, most)) for most in (5, 4, 3, 9))
        pads = 2 * (rng.randint(0, kernel[0] - 1), rng.randint(0, kernel[1] - 1))
        if all(extent + 2 * pad > (taps - 1) * d for extent, pad, taps, d in zip(size, pads, kernel, dilations, strict=False)):
            return Window(rng.randint(1, 3), 1, size, kernel, strides, pads, dilations)


def wide_windows(rng: Random):
    """All the taps that there can be, at every dilation, with as much padding as is allowed."""
    for dilation in range(1, 16):
        span = (MOST_TAPS - 1) * dilation
        pad = min(span, 15)
        ranges = (max(1, span - 29), span), (4, 15)
        size, strides = ((rng.randint(*ends), rng.randint(*ends)) for ends in ranges)
        yield Window(1, 1, size, (MOST_TAPS, MOST_TAPS), strides, (pad, pad, pad, pad), (dilation, dilation))


def origins(window: Window):
    """Of each patch: its place, and whether each tap row and tap column lies inside."""
    (height, width), (top, left) = window.size, window.pads[:2]
    for sample, row, column in product(range(window.samples), *map(range, window.out)):
        y, x = row * window.strides[0] - top, column * window.strides[1] - left
        rows = [0 <= y + k * window.dilations[0] < height for k in range(MOST_TAPS)]
        columns = [0 <= x + k * window.dilations[1] < width for k in range(MOST_TAPS)]
        yield (sample * height + y) * width + x, rows, columns


def word(window: Window) -> int:
    """Its job."""
    fields = window.walk(window.band(0, window.samples, 0, window.out[0]))._asdict() | {"map_rows": window.size[0]}
    over, width = 1 << CONFIG.position_width, window.size[1]
    jumps = {
        "rows": window.rows, "row_jump": window.strides[0] * width % over, "sample_jump": window.size[0] * width % over,
        "corner": (window.pads[0] * width + window.pads[1]) % over,
    }  # fmt: skip
    layout = walk_layout(CONFIG)
    return pack(layout, {name: value for name, value in (fields | jumps).items() if name in layout.members})


@cocotb.test()
async def an_origin_per_cycle_from_the_start(dut):
    """Walks one after another, with other jobs on offer meanwhile."""
    rng = Random(1)
    start_clock(dut)
    await reset(dut, start=0, i=0)
    for window in (*LONG, *wide_windows(rng), *(random_window(rng) for _ in range(60))):
        assert (await step(dut, ["walking"], start=1, i=word(window))) == [0]
        wanted = list(origins(window))
        for n, (place, rows, columns) in enumerate(wanted):
            walking, last, o = await step(dut, ["walking", "last", "o"], start=0, i=rng.getrandbits(60))
            origin = unpack(PatchOrigins(CONFIG, LINES).o.shape(), o)
            assert (walking, last, origin.enable) == (1, n == len(wanted) - 1, 1)
            assert (origin.group, origin.line) == divmod(n, LINES)
            assert origin.place == place % (1 << CONFIG.position_width)
            assert [origin.rows >> k & 1 for k in range(MOST_TAPS)] == rows
            assert [origin.columns >> k & 1 for k in range(MOST_TAPS)] == columns
        for _ in range(rng.randrange(3)):
            assert (await step(dut, ["walking"])) == [0]


@pytest.mark.cocotb
def test_patch_origins():
    assert simulate(PatchOrigins(CONFIG, LINES), "tests.core.test_patch_origins") == 1
