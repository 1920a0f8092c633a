"""The job being issued, the one that waits behind it, and the operand halves they read."""

from typing import Any

from amaranth.hdl import Module, Signal, Value

from hw.sequence.layouts import product_layout

__all__ = ["Jobs"]


class Jobs:
    """The job being issued and the next one, which waits in a register with what its start needs: it follows without a gap.

    Attributes
    ----------
    job, running
        the job being issued, if any.
    next_job
        the waiting one.
    single_block, single_tile
        whether the waiting one has one block of inner elements, and one output tile of columns.
    accept
        the waiting one begins.
    last_issue
        the job being issued ends.
    halves
        of "a" and "b": which half of the operand buffer is read.
    """

    def __init__(self, m: Module, sequencer: Any) -> None:
        layout = product_layout(sequencer.config)
        self.job, self.running = Signal(layout), Signal()
        self.accept, self.last_issue = Signal(), Signal()
        self.next_job, self.single_block, self.single_tile = Signal(layout), Signal(), Signal()
        self.halves: dict[str, Signal] = {}
        ready_a, ready_b = (self._read_half(m, sequencer, name) for name in "ab")
        with_operands, may_begin = ready_a & ready_b, ~self.running | self.last_issue
        offered = sequencer.i.payload
        m.d.comb += [
            self.accept.eq(sequencer.waiting & with_operands & may_begin),
            sequencer.i.ready.eq(~sequencer.waiting | self.accept),
            sequencer.stalled_load.eq(sequencer.waiting & ~with_operands & may_begin),
            sequencer.active.eq(self.running),
        ]
        with m.If(sequencer.i.ready):
            m.d.sync += [
                sequencer.waiting.eq(sequencer.i.valid), self.next_job.eq(offered),
                self.single_block.eq(offered.blocks == 1), self.single_tile.eq(offered.column_groups == 1),
            ]  # fmt: skip
        with m.If(self.last_issue):
            m.d.sync += self.running.eq(0)
            m.d.comb += sequencer.finished.eq(~self.job.store)
        with m.If(self.accept):
            m.d.sync += [self.job.eq(self.next_job), self.running.eq(1)]

    def _read_half(self, m: Module, sequencer: Any, name: str) -> Value:
        """Whether the waiting job's operand ``name`` is there; halves alternate, and each is given back after its last read."""
        load, full = self.next_job[f"load_{name}"], getattr(sequencer, f"full_{name}")
        take, retire = getattr(sequencer, f"take_{name}"), getattr(sequencer, f"retire_{name}")
        half, holding = Signal(init=1, name=f"half_{name}"), Signal(name=f"holding_{name}")
        self.halves[name] = half
        freed = Signal(sequencer.retire_cycles, name=f"freed_{name}")
        m.d.comb += [take.eq(self.accept & load), retire.eq(freed[-1])]
        m.d.sync += freed.eq((freed << 1) | (take & holding))
        with m.If(take):
            m.d.sync += [half.eq(~half), holding.eq(1)]
        return ~load | full
