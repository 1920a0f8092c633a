"""The walk over the taps of a kernel, block by block of the reduction, where A is a feature map."""

from typing import Any

from amaranth.hdl import Module, Signal, Value

from hw.command import MOST_TAPS, SIZE_WIDTH
from hw.config import CoreConfig

__all__ = ["Taps"]


class Taps:
    """Counters of the loops that make up a reduction over patches, inside out: block of channels, tap column, tap row.

    Addresses are kept by addition only, modulo ``2**position_width``.

    Attributes
    ----------
    row, column
        of the tap.
    offset
        places from the origin of a patch to the tap's block of channels.
    group
        of array rows, the one whose patches are multiplied.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.row, self.column = (Signal(range(MOST_TAPS), name=f"tap_{name}") for name in ("row", "column"))
        self.channel = Signal(SIZE_WIDTH, name="channel_block")
        self.offset, self.tap_place, self.row_place, self.group, self.panel_group = (
            Signal(config.position_width, name=name) for name in ("offset", "tap_place", "row_place", "group", "panel_group")
        )

    def count(self, m: Module, steps: Any, job: Any, accept: Value) -> None:
        """From step to step, see ``hw.sequence.loops``."""
        width = self.config.position_width
        channels_end, row_ends = Signal(), Signal()
        m.d.comb += [
            channels_end.eq(self.channel == job.channel_blocks - 1), row_ends.eq(self.column == job.kernel_columns - 1),
        ]  # fmt: skip
        with m.If(steps.slot):
            m.d.sync += self.group.eq(self.group + 1)
        with m.If(steps.block):
            m.d.sync += [
                self.group.eq(self.panel_group), self.channel.eq(self.channel + 1), self.offset.eq(self.offset + job.pitch),
            ]  # fmt: skip
            with m.If(channels_end):
                beside = (self.tap_place + job.dilation_columns)[:width]
                m.d.sync += [
                    self.channel.eq(0), self.column.eq(self.column + 1), self.tap_place.eq(beside), self.offset.eq(beside),
                ]  # fmt: skip
            with m.If(channels_end & row_ends):
                below = (self.row_place + job.tap_jump)[:width]
                m.d.sync += [
                    self.column.eq(0), self.row.eq(self.row + 1),
                    *(kept.eq(below) for kept in (self.row_place, self.tap_place, self.offset)),
                ]  # fmt: skip
        with m.If(steps.tile):
            self._restart(m)
        with m.If(steps.panel):
            following = (self.panel_group + self.config.interleave)[:width]
            m.d.sync += [self.panel_group.eq(following), self.group.eq(following)]
        with m.If(accept):
            self._restart(m)
            m.d.sync += [self.panel_group.eq(0), self.group.eq(0)]

    def _restart(self, m: Module) -> None:
        """From the first tap."""
        for counter in (self.row, self.column, self.channel, self.offset, self.tap_place, self.row_place):
            m.d.sync += counter.eq(0)
