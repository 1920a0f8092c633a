"""Where in a feature map each patch begins, and which of its taps lie outside: a patch per cycle."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.command import MOST_TAPS, PATCH_FIELDS, SIZE_WIDTH
from hw.config import CoreConfig
from hw.names import named

__all__ = ["PatchOrigins", "origin_layout", "walk_layout"]

CORNER_WIDTH = SIZE_WIDTH + 2
"""Bits of a patch's corner, which may lie above and left of the map by what it is padded."""


def walk_layout(config: CoreConfig) -> data.StructLayout:
    """What the walk needs of a job, see ``hw.command`` and ``hw.core.decoder``."""
    sizes = ("map_rows", "map_columns", "out_rows", "out_columns", "stride_rows", "stride_columns", "dilation_rows",
             "dilation_columns", "pad_rows", "pad_columns")  # fmt: skip
    jumps = ("row_jump", "sample_jump", "corner")
    shapes = {"rows": SIZE_WIDTH} | {name: PATCH_FIELDS[name] for name in sizes}
    return data.StructLayout(shapes | dict.fromkeys(jumps, config.position_width))


def origin_layout(config: CoreConfig, lines: int) -> data.StructLayout:
    """The origin of a patch on its way into its array row's table.

    Attributes
    ----------
    group, line
        the patch is row ``group * lines + line`` of A.
    place
        position of the map under its first tap, modulo ``2**position_width``; it may lie outside.
    rows, columns
        bit k: the taps of the kernel's row (column) k lie inside the map.
    """
    return data.StructLayout(
        {
            "enable": 1,
            "group": range(config.operand_depth),
            "line": range(lines),
            "place": config.position_width,
            "rows": MOST_TAPS,
            "columns": MOST_TAPS,
        }
    )


class PatchOrigins(Component):
    """Walks a kernel over the maps of some samples: left to right, top to bottom, sample by sample.

    Patch n (from 0) appears ``1 + n`` cycles after ``start``.

    Attributes
    ----------
    start
        a walk begins, with the job at ``i``.
    o
        origins.
    walking
        one appears.
    last
        and it is the last.
    """

    def __init__(self, config: CoreConfig, lines: int) -> None:
        self.config = config
        self.lines = lines
        super().__init__(
            {
                "start": In(1),
                "i": In(walk_layout(config)),
                "o": Out(origin_layout(config, lines)),
                "walking": Out(1),
                "last": Out(1),
            }
        )

    @property
    def module_name(self) -> str:
        return named("patch_origins", self.config.name, l=self.lines)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.config.position_width
        job, left = Signal(walk_layout(self.config)), Signal(SIZE_WIDTH)
        out_row, out_column = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH)
        row, column = Signal(signed(CORNER_WIDTH)), Signal(signed(CORNER_WIDTH))
        place, row_place, sample_place = (Signal(width, name=name) for name in ("place", "row_place", "sample_place"))
        group, line = Signal.like(self.o.group), Signal.like(self.o.line)
        row_ends, map_ends = Signal(), Signal()
        m.d.comb += [
            row_ends.eq(out_column == job.out_columns - 1), map_ends.eq(out_row == job.out_rows - 1),
            self.walking.eq(left != 0), self.last.eq(left == 1),
            self.o.enable.eq(self.walking), self.o.group.eq(group), self.o.line.eq(line), self.o.place.eq(place),
            self.o.rows.eq(_inside(row, job.dilation_rows, job.map_rows)),
            self.o.columns.eq(_inside(column, job.dilation_columns, job.map_columns)),
        ]  # fmt: skip
        with m.If(self.walking):
            m.d.sync += [left.eq(left - 1), line.eq(line + 1)]
            with m.If(line == self.lines - 1):
                m.d.sync += [line.eq(0), group.eq(group + 1)]
            m.d.sync += [
                out_column.eq(out_column + 1), column.eq(column + job.stride_columns), place.eq(place + job.stride_columns),
            ]  # fmt: skip
            with m.If(row_ends):
                below = (row_place + job.row_jump)[:width]
                m.d.sync += [
                    out_column.eq(0), column.eq(-job.pad_columns), out_row.eq(out_row + 1), row.eq(row + job.stride_rows),
                    row_place.eq(below), place.eq(below),
                ]  # fmt: skip
            with m.If(row_ends & map_ends):
                following = (sample_place + job.sample_jump)[:width]
                m.d.sync += [
                    out_row.eq(0), row.eq(-job.pad_rows),
                    *(kept.eq(following) for kept in (sample_place, row_place, place)),
                ]  # fmt: skip
        with m.If(self.start):
            m.d.sync += [
                job.eq(self.i), left.eq(self.i.rows), out_row.eq(0), out_column.eq(0), group.eq(0), line.eq(0),
                row.eq(-self.i.pad_rows), column.eq(-self.i.pad_columns),
                *(kept.eq(-self.i.corner) for kept in (sample_place, row_place, place)),
            ]  # fmt: skip
        return m


def _inside(corner: Any, dilation: Any, size: Any) -> Value:
    """Which taps from ``corner`` on lie in ``0 … size - 1``."""
    taps = [corner + k * dilation for k in range(MOST_TAPS)]
    return Cat((tap >= 0) & (tap < size) for tap in taps)
