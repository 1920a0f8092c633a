"""The sequencer: walks a product block by block and issues one step of it to the array each cycle."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from hw.array.control import control_layout
from hw.config import CoreConfig
from hw.core.operand_buffer import read_layout
from hw.names import named
from hw.sequence.jobs import Jobs
from hw.sequence.layouts import product_layout, tile_layout
from hw.sequence.loops import Loops, Steps
from hw.sequence.panels import Panels
from hw.sequence.passes import current_pass
from hw.sequence.taps import Taps
from hw.sequence.throttle import may_issue
from hw.timing import Timing

__all__ = ["Sequencer"]


class Sequencer(Component):
    """Executes jobs in order: for each row panel, output tile, block and slot, all passes and steps.

    One step is issued per cycle, without a gap between blocks, tiles or jobs, except while
    an operand half is not filled (``stalled_load``), or the last block of an output tile would reach the drain chain or
    the result buffer before there is room (``stalled_store``).

    Attributes
    ----------
    i
        jobs, one of which is taken ahead: ``waiting``.
    full_*, take_*, retire_*
        the loaders' handshake.
    read_a, read_b
        to the operand buffers, in the cycle of issue;
    control
        in the same cycle.
    o_tile
        each output tile of a job that stores, at the issue of the last step of its last slot in use.
    panel_free
        the store stage has finished a panel.
    """

    def __init__(self, config: CoreConfig, drain_cycles: int) -> None:
        self.config = config
        self.drain_cycles = drain_cycles
        members = {
            "i": In(stream.Signature(product_layout(config))),
            "read_a": Out(read_layout(config, config.walks)),
            "read_b": Out(read_layout(config)),
            "control": Out(control_layout(config)),
            "o_tile": Out(tile_layout(config)),
            "panel_free": In(1),
            "waiting": Out(1),
            "active": Out(1),
            "stalled_load": Out(1),
            "stalled_store": Out(1),
            "finished": Out(1),
        }
        for name in "ab":
            members |= {f"full_{name}": In(1), f"take_{name}": Out(1), f"retire_{name}": Out(1)}
        super().__init__(members)

    @property
    def module_name(self) -> str:
        return named("sequencer", self.config.name, d=self.drain_cycles)

    @property
    def least_slots(self) -> int:
        """Slots run at least, some of them empty, so that the accumulator's loop is never too short."""
        return Timing(self.config).least_slots

    @property
    def retire_cycles(self) -> int:
        """Cycles after which the last reads of a half have reached every group of its buffer."""
        return Timing(self.config).retire_cycles

    def elaborate(self, platform: object) -> Module:
        m = Module()
        jobs, steps = Jobs(m, self), Steps.create()
        job, next_job, accept = jobs.job, jobs.next_job, jobs.accept
        loops = Loops(self.config, jobs)
        widths = {name: next_job[f"width_{name}"] for name in "ab"}
        slice_a, slice_b, shift, pass_last = current_pass(m, self.config, widths, accept, loops.pass_)
        panels = Panels(m, self.config, self.i.payload, self.i.ready, next_job, accept, steps.panel, self.least_slots)
        may = may_issue(
            m, self.config.result_panels, self.drain_cycles, steps, accept, panel_free=self.panel_free, tile_stores=job.store,
            next_stores=Mux(accept, next_job.store, job.store), last_block=loops.following.block,
            panel_ends=steps.tile & (loops.last.tile | loops.panel_full),
        )  # fmt: skip
        block_done = Signal()
        m.d.comb += [block_done.eq(loops.step_last & pass_last), self.stalled_store.eq(jobs.running & ~may)]
        self._step(m, steps, jobs, loops, jobs.running & may, block_done)
        loops.look_ahead(m, steps, jobs, panels)
        self._read(m, jobs, loops, slice_a, slice_b)
        if self.config.walks:
            self._walk(m, jobs, steps)
        loops.count(m, steps, accept, pass_last)
        self._control(m, steps, job, loops, panels.current, shift, block_done)
        self._tile(m, steps, job, loops, panels.current)
        return m

    def _step(self, m: Module, steps: Steps, jobs: Jobs, loops: Loops, issue: Value, block_done: Value) -> None:
        """From the innermost loop to the job: each steps when the one inside it ends."""
        m.d.comb += [
            steps.issue.eq(issue),
            steps.slot.eq(steps.issue & block_done),
            steps.block.eq(steps.slot & loops.last.slot),
            steps.tile.eq(steps.block & loops.last.block),
            steps.panel.eq(steps.tile & loops.last.tile),
            jobs.last_issue.eq(steps.slot & loops.job_last),
        ]

    def _read(self, m: Module, jobs: Jobs, loops: Loops, slice_a: Value, slice_b: Value) -> None:
        """What the operand buffers read for the step."""
        m.d.comb += [
            self.read_a.half.eq(jobs.halves["a"]), self.read_a.block.eq(loops.address_a), self.read_a.step.eq(loops.step),
            self.read_a.slice.eq(slice_a),
            self.read_b.half.eq(jobs.halves["b"]), self.read_b.block.eq(loops.address_b), self.read_b.step.eq(loops.step),
            self.read_b.slice.eq(slice_b),
        ]  # fmt: skip

    def _walk(self, m: Module, jobs: Jobs, steps: Steps) -> None:
        """What the buffer of A reads where A is a map."""
        taps = Taps(self.config)
        taps.count(m, steps, jobs.job, jobs.accept)
        m.d.comb += [
            self.read_a.patches.eq(jobs.job.patches), self.read_a.group.eq(taps.group),
            self.read_a.tap_row.eq(taps.row), self.read_a.tap_column.eq(taps.column),
        ]  # fmt: skip
        with m.If(jobs.job.patches):
            m.d.comb += self.read_a.block.eq(taps.offset)

    def _control(self, m: Module, steps: Steps, job: Any, loops: Loops, panel: Any, shift: Value, block_done: Value) -> None:
        """What the step is to the array; slots that no row of C needs run empty."""
        m.d.comb += [
            self.control.valid.eq(steps.issue & (loops.slot < panel.slots)),
            self.control.clear.eq((loops.step == 0) & (loops.pass_ == 0)),
            self.control.shift.eq(shift & (loops.step == 0)),
            self.control.block.eq(block_done),
            self.control.first.eq(loops.first_block & ~job.accumulate),
            self.control.last.eq(loops.last.block & job.store),
            self.control.final.eq(loops.slot == panel.slots - 1),
            self.control.slot.eq(loops.slot),
        ]

    def _tile(self, m: Module, steps: Steps, job: Any, loops: Loops, panel: Any) -> None:
        """The output tile that ends with the step, for the result buffer."""
        most, left = self.config.panel_columns, loops.columns_left
        m.d.comb += [
            self.o_tile.valid.eq(steps.slot & (loops.slot == panel.slots - 1) & loops.last.block & job.store),
            self.o_tile.slots.eq(panel.slots),
            self.o_tile.rows.eq(panel.rows),
            self.o_tile.columns.eq(Mux(left < most, left, most)),
            self.o_tile.panel_tile.eq(loops.panel_tile),
            self.o_tile.panel_last.eq(loops.last.tile | loops.panel_full),
            self.o_tile.last.eq(loops.last.tile & loops.last.panel),
        ]
