"""The loop nest of a product: which loops step in a cycle, where each stands, and the addresses that follow from it."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data

from hw.command import SIZE_WIDTH
from hw.config import CoreConfig
from hw.sequence.jobs import Jobs
from hw.sequence.panels import Panels
from hw.sequence.passes import MOST_PASSES

__all__ = ["Loops", "Steps"]


@dataclass
class Steps:
    """Which loops step in this cycle: a step of the array, and the loop's end of all that is inside.

    Attributes
    ----------
    issue
        a step is issued.
    slot
        it is the last of a block product, so the next slot follows.
    block, tile, panel
        it is also the last of a block's slots; of an output tile; of a row panel.
    """

    issue: Signal
    slot: Signal
    block: Signal
    tile: Signal
    panel: Signal

    @classmethod
    def create(cls) -> "Steps":
        """One signal each."""
        return cls(*(Signal(name=f"{name}_steps") for name in ("all", "slot", "block", "tile", "panel")))


class Loops:
    """Counters of the loops, inside out: step, pass, slot, block, output tile, panel.

    The next counter steps when all inside end. Whether a counter ends is worked out a step ahead, so that a step is
    decided by registers alone. Addresses, A's block of (panel, slot, block) and B's of (column, block), are kept by
    addition only.

    Parameters
    ----------
    config
        the machine.
    jobs
        the job being issued, and the waiting one.

    Attributes
    ----------
    step, pass_, slot
        where the innermost loops stand.
    first_block
        the block is its output's first.
    last, following
        slot, block, tile, panel: whether each is its loop's last one; and for the coming step.
    job_last
        all are.
    panel_tile, panel_full
        the output tile's place in its panel of the result buffer, and whether it is the last there.
    columns_left
        of C, from that panel on.
    address_a, address_b
        of the blocks in their halves.
    """

    def __init__(self, config: CoreConfig, jobs: Jobs) -> None:
        c = config
        self.config, self.job, self.next_job = config, jobs.job, jobs.next_job
        self.step, self.pass_, self.slot = (
            Signal(range(count), name=name)
            for name, count in (("step", c.steps), ("pass_", MOST_PASSES), ("slot", c.interleave))
        )
        self.blocks_left, self.tiles_left, self.columns_left = (
            Signal(SIZE_WIDTH, name=f"{name}_left") for name in ("blocks", "tiles", "columns")
        )
        self.first_block, self.panel_tile = Signal(), Signal(range(c.panel_tiles))
        ends = data.StructLayout({"slot": 1, "block": 1, "tile": 1, "panel": 1})
        self.last, self.following, self.job_last = Signal(ends), Signal(ends), Signal()
        self.panel_base, self.row_start, self.address_a, self.address_b = (
            Signal(range(c.operand_depth + 1), name=name)
            for name in ("panel_base", "row_start", "address_a", "address_b")
        )

    @property
    def step_last(self) -> Value:
        """The step is the last of its pass."""
        return self.step == self.config.steps - 1

    @property
    def panel_full(self) -> Value:
        """The output tile is the last that its panel of the result buffer has room for."""
        return self.panel_tile == self.config.panel_tiles - 1

    def look_ahead(self, m: Module, steps: Steps, jobs: Jobs, panels: Panels) -> None:
        """``last`` and ``following``, from what the panels and the waiting job are known to be."""
        last, following, job = self.last, self.following, self.job
        m.d.comb += following.eq(last)
        with m.If(steps.slot):
            wrapped = Mux(steps.panel, panels.following.one_slot, panels.current.one_slot)
            m.d.comb += following.slot.eq(Mux(last.slot, wrapped, self.slot + 1 == panels.current.last_slot))
        with m.If(steps.block):
            m.d.comb += following.block.eq(Mux(last.block, job.blocks == 1, self.blocks_left == 2))
        with m.If(steps.tile):
            m.d.comb += following.tile.eq(Mux(last.tile, job.column_groups == 1, self.tiles_left == 2))
        with m.If(steps.panel):
            m.d.comb += following.panel.eq(panels.following.last)
        with m.If(jobs.accept):
            m.d.comb += [
                following.slot.eq(panels.first.one_slot),
                following.block.eq(jobs.single_block),
                following.tile.eq(jobs.single_tile),
                following.panel.eq(panels.first.last),
            ]
        m.d.sync += [last.eq(following), self.job_last.eq(following.as_value().all())]

    def count(self, m: Module, steps: Steps, accept: Value, pass_last: Value) -> None:
        """Counters and addresses from step to step."""
        job, a = self.job, self.address_a
        with m.If(steps.issue):
            m.d.sync += self.step.eq(Mux(self.step_last, 0, self.step + 1))
            with m.If(self.step_last):
                m.d.sync += self.pass_.eq(Mux(pass_last, 0, self.pass_ + 1))
        with m.If(steps.slot):
            m.d.sync += [self.slot.eq(self.slot + 1), a.eq(a + job.blocks)]
        with m.If(steps.block):
            m.d.sync += [
                self.slot.eq(0), self.blocks_left.eq(self.blocks_left - 1), self.first_block.eq(0),
                self.row_start.eq(self.row_start + 1), a.eq(self.row_start + 1), self.address_b.eq(self.address_b + 1),
            ]  # fmt: skip
        with m.If(steps.tile):
            m.d.sync += [
                self.blocks_left.eq(job.blocks), self.first_block.eq(1), self.tiles_left.eq(self.tiles_left - 1),
                a.eq(self.panel_base), self.row_start.eq(self.panel_base),
                self.panel_tile.eq(Mux(self.panel_full, 0, self.panel_tile + 1)),
            ]  # fmt: skip
            with m.If(self.panel_full):
                m.d.sync += self.columns_left.eq(self.columns_left - self.config.panel_columns)
        with m.If(steps.panel):
            m.d.sync += [
                self.tiles_left.eq(job.column_groups), self.address_b.eq(0), self.panel_tile.eq(0),
                self.columns_left.eq(job.columns), a.eq(a + 1), self.panel_base.eq(a + 1), self.row_start.eq(a + 1),
            ]  # fmt: skip
        with m.If(accept):
            self._restart(m)

    def _restart(self, m: Module) -> None:
        """Everything from the start of the waiting job."""
        for counter in (self.step, self.pass_, self.slot, self.panel_tile, self.panel_base, self.row_start,
                        self.address_a, self.address_b):  # fmt: skip
            m.d.sync += counter.eq(0)
        m.d.sync += [
            self.first_block.eq(1), self.blocks_left.eq(self.next_job.blocks),
            self.tiles_left.eq(self.next_job.column_groups), self.columns_left.eq(self.next_job.columns),
        ]  # fmt: skip
