"""The row panels of a product: as many rows of C as the array holds at once, one panel after the other."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data

from hw.command import SIZE_WIDTH
from hw.config import CoreConfig

__all__ = ["Panels", "panel_layout"]


def panel_layout(config: CoreConfig) -> data.StructLayout:
    """A row panel.

    Attributes
    ----------
    slots
        outputs per unit in use.
    last_slot
        the last slot that runs, used or not.
    one_slot
        it is the first.
    rows
        of C in the panel.
    last
        no other panel follows.
    """
    return data.StructLayout({
        "slots": range(config.interleave + 1), "last_slot": range(config.interleave), "one_slot": 1,
        "rows": range(config.output_rows + 1), "last": 1,
    })  # fmt: skip


class Panels:
    """The row panel being worked on and the one after it; and the first two of the waiting job.

    What is known of a panel is worked out one panel ahead, so that no step waits for it.

    Parameters
    ----------
    m
        where the logic goes.
    offered, taken
        a job at the sequencer's input, and whether it becomes the waiting one.
    next_job, accept
        the waiting job, and whether it begins.
    panel_steps
        the panel being worked on ends.
    least_slots
        slots that run at least.

    Attributes
    ----------
    current, following, first
        the panel being worked on, the one after it, and the first one of the waiting job.
    """

    def __init__(self, m: Module, config: CoreConfig, offered: Any, taken: Value, next_job: Any, accept: Value, panel_steps: Value,
                 least_slots: int) -> None:  # fmt: skip
        self.config, self.layout, self.least_slots = config, panel_layout(config), least_slots
        groups_left, rows_left = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH)
        self.current, self.following, self.first, second = (
            Signal(self.layout, name=name) for name in ("panel", "next_panel", "first_panel", "second_panel")
        )
        with m.If(taken):
            m.d.sync += [
                self.first.eq(self._ahead(m, "offered_panel", offered.row_groups, offered.rows, 0)),
                second.eq(self._ahead(m, "offered_next", offered.row_groups, offered.rows, 1)),
            ]
        with m.If(panel_steps):
            m.d.sync += [
                self.current.eq(self.following),
                self.following.eq(self._ahead(m, "panel_ahead", groups_left, rows_left, 2)),
                groups_left.eq(groups_left - config.interleave), rows_left.eq(rows_left - config.output_rows),
            ]  # fmt: skip
        with m.If(accept):
            m.d.sync += [
                self.current.eq(self.first), self.following.eq(second),
                groups_left.eq(next_job.row_groups), rows_left.eq(next_job.rows),
            ]  # fmt: skip

    def _ahead(self, m: Module, name: str, groups: Value, rows: Value, count: int) -> Any:
        """The panel ``count`` panels ahead of one with so many groups of rows, and rows, left."""
        slots, high = self.config.interleave, self.config.output_rows
        panel, run = Signal(self.layout, name=name), Signal(range(slots + 1), name=f"{name}_run")
        m.d.comb += [
            panel.slots.eq(Mux(groups < (count + 1) * slots, groups - count * slots, slots)),
            run.eq(Mux(panel.slots < self.least_slots, self.least_slots, panel.slots)),
            panel.last_slot.eq(run - 1),
            panel.one_slot.eq(run == 1),
            panel.rows.eq(Mux(rows < (count + 1) * high, rows - count * high, high)),
            panel.last.eq(groups <= (count + 1) * slots),
        ]
        return panel
