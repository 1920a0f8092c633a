"""The commands of a convolution whose map crosses the port instead of its patches."""

from collections.abc import Iterator
from math import ceil, prod
from typing import Unpack

from hw.command import OutputFormat
from hw.config import CoreConfig
from sim.network.memory import Memory, Traffic, row_bits
from sim.network.plan import PARTS, Command, CommandFields, Piece, whole_blocks
from sim.workloads.window import Window

__all__ = ["saves", "walk_traffic", "walkable", "walks"]

BANDS = 4
"""Parts of a map that would fit the buffer whole: more cost more rows that cross twice than overlapping gains."""


def _columns(config: CoreConfig, window: Window, n: int, output: OutputFormat) -> int:
    """Columns of B that a command can have; 0 for none."""
    blocks = ceil(window.inner(config.block_size) / config.block_size)
    columns = min(n, config.columns * (config.operand_depth // blocks))
    return whole_blocks(config, n, columns) if output == OutputFormat.PACKED else columns


def walkable(config: CoreConfig, window: Window, n: int, output: OutputFormat = OutputFormat.FP32) -> bool:
    """Whether the machine can walk the map, and multiply by the filters, ``n`` of them."""
    return window.walkable(config) and _columns(config, window, n, output) > 0


def saves(config: CoreConfig, window: Window, n: int, output: OutputFormat = OutputFormat.FP32) -> bool:
    """Whether a device takes the map: it can walk it, and the map has fewer blocks than its patches would have.

    So nothing decides but the machine and the convolution: not where from operands come, or how fast.
    """
    size = config.block_size
    of_map = window.samples * prod(window.size) * ceil(window.channels / size)
    of_patches = window.rows * ceil(window.channels * prod(window.kernel) / size)
    return of_map < of_patches and walkable(config, window, n, output)


def walks(
    config: CoreConfig, window: Window, n: int, width_a: int, width_b: int, **fields: Unpack[CommandFields]
) -> Iterator[Piece]:
    """The commands of the patches (``window.rows`` of them) times B, with their places.

    A band of the map is loaded with the rows above and below that its patches need, so these cross the port more than once.
    As many columns of B as fit stay in their buffer while the bands pass by. A map that fits whole stays instead, and B comes
    in parts, where it has more columns than a panel of results.
    """
    most = _columns(config, window, n, fields.get("output", OutputFormat.FP32))
    one = window.bands(config, 1)
    if len(one) == 1 and n > config.panel_columns:
        step = min(most, ceil(ceil(n / PARTS) / config.panel_columns) * config.panel_columns)
        bands = one
    else:
        step, bands = most, window.bands(config, BANDS)
    inner, height, width = window.inner(config.block_size), *window.out
    for column in range(0, n, step):
        for i, band in enumerate(bands):
            command = Command(
                band.samples * band.rows * width, inner, min(step, n - column), width_a, width_b,
                column == 0 or len(bands) > 1, i == 0, walk=window.walk(band), **fields,
            )  # fmt: skip
            yield Piece(command, (band.sample * height + band.row) * width, 0, column)


def walk_traffic(config: CoreConfig, window: Window, n: int, width: int, memory: Memory, output: OutputFormat) -> Traffic:
    """Bits that these commands move: maps and filters as often as they are loaded, whole blocks of channels for each tap."""
    block = (width, config.block_size, config.exponent_width)
    of_position = row_bits(window.channels, memory.operand_storage, *block)
    a = b = 0
    for command, *_ in walks(config, window, n, width, width, output=output):
        if command.load_a and command.walk is not None:
            a += command.walk.positions * of_position
        if command.load_b:
            b += command.columns * row_bits(command.inner, memory.operand_storage, *block)
    return Traffic(a, b, window.rows * row_bits(n, memory.results, *block))
