"""Products, output tile by output tile, with their results up to the result buffer."""

from collections.abc import Callable, Hashable
from typing import NamedTuple

from hw.timing import Timing
from sim.model.repeat import Memory, Stage, State, recall, repeat
from sim.model.result_buffer import ResultBuffer
from sim.network.plan import Command

__all__ = ["Sequencer"]


class _Panel(NamedTuple):
    """Output tiles side by side that leave together.

    Attributes
    ----------
    tiles
        how many.
    lead
        cycles of a tile before its last block.
    block
        cycles of a block, all slots and passes.
    results
        cycles from the issue of a tile's last step to its last result at the drain.
    rows, columns
        of C, as each stream sends them.
    """

    tiles: int
    lead: int
    block: int
    results: int
    rows: int
    columns: int


class _Stripe(NamedTuple):
    """Panels side by side: how many, all but the last of a kind, and the last."""

    panels: int
    full: _Panel
    last: _Panel


class Sequencer(Stage):
    """One step per cycle, but for the waits of the first step of an output tile's last block.

    Attributes
    ----------
    now
        cycle from which the next product may issue.
    drained
        cycle from which the drain chains are free.
    busy, stalled_load, stalled_store
        the core's counters.
    waited_b, waited_drain
        of the second, the cycles in which B came last; of the third, those in which the drain chains were not free.
    done
        stripes worked out before, with streams of the present rates.
    """

    TIMES = ("now", "drained")
    COUNTS = ("busy", "stalled_load", "stalled_store", "waited_b", "waited_drain")

    def __init__(self, timing: Timing, jump: bool):
        self.config = timing.config
        self.timing = timing
        self.jump = jump
        self.least_slots, self.drain_cycles = timing.least_slots, timing.drain_cycles
        self.final_cycles = timing.read_cycles + timing.result_cycles
        self.results = ResultBuffer(timing, jump)
        self.parts = (self.results,)
        self.now = self.drained = 0
        self.done: Memory = {}
        self.busy = self.stalled_load = self.stalled_store = self.waited_b = self.waited_drain = 0

    def accept(self, offered: int, operands: int, of_b: bool = False) -> int:
        """Take a product that is offered and has its operands from the given cycles on, B last or not.

        Returns
        -------
        int
            The cycle of its acceptance: at the earliest that of the last step before.
        """
        turn = max(offered, self.now - 1)
        accepted = max(turn, operands)
        self.stalled_load += accepted - turn
        self.waited_b += (accepted - turn) * of_b
        self.now = accepted + 1
        return accepted

    def issue(self, command: Command) -> None:
        """Issue all steps of the product that was accepted."""
        c = self.config
        passes = c.slices(command.width_a) * c.slices(command.width_b)
        groups, blocks = -(-command.rows // c.rows), c.groups(command.inner)
        columns = -(-command.columns // c.columns)
        self.busy += groups * columns * blocks * passes * c.steps
        stripes = -(-groups // c.interleave)
        full = self._stripe(command, c.interleave, c.output_rows, blocks, columns, passes)
        same = full, command.store, command.output, command.width_c, command.bias
        repeat(self, stripes - 1, lambda: self._again(same, lambda: self._work(full, command.store, False)), self.jump)
        rest = groups - (stripes - 1) * c.interleave
        rows = command.rows - (stripes - 1) * c.output_rows
        self._work(self._stripe(command, rest, rows, blocks, columns, passes), command.store, True)

    def _stripe(self, command: Command, slots: int, rows: int, blocks: int, columns: int, passes: int) -> _Stripe:
        """Panels of a stripe of rows."""
        c = self.config
        run = max(slots, self.least_slots)
        one = passes * c.steps
        block = run * one
        # The last used slot is issued before the empty ones.
        results = self.final_cycles + self.timing.drain_span(slots) - (run - slots) * one
        panels = -(-columns // c.panel_tiles)
        kinds = []
        for tiles, width in (
            (c.panel_tiles, c.panel_columns),
            (columns - (panels - 1) * c.panel_tiles, command.columns - (panels - 1) * c.panel_columns),
        ):
            sent = min(rows, c.chain_rows * c.interleave)
            kinds.append(_Panel(tiles, (blocks - 1) * block, block, results, sent, width))
        return _Stripe(panels, *kinds)

    def _work(self, stripe: _Stripe, store: bool, ends: bool) -> None:
        panels, full, last = stripe
        if not store:
            self.now += ((panels - 1) * full.tiles + last.tiles) * (last.lead + last.block)
            return
        repeat(self, panels - 1, lambda: self._panel(full, False), self.jump)
        self._panel(last, ends)

    def _again(self, what: Hashable, work: Callable[[], None]) -> None:
        """Work that may have been done from this state before."""
        if self.jump and self.results.output.first is not None:
            recall(self, self.done, what, work)
        else:
            work()

    def _panel(self, panel: _Panel, ends: bool) -> None:
        """A panel's tiles: the first waits for a free panel, and each for the drain chains."""
        tiles, lead, block, results, rows, columns = panel
        due = self.now + lead
        begin = max(due, self.drained, self.results.panel_free)
        whole = lead + block
        distance = max(whole, self.drain_cycles + block - 1)
        self.stalled_store += begin - due + (tiles - 1) * (distance - whole)
        self.waited_drain += max(0, self.drained - due) + (tiles - 1) * (distance - whole)
        end = begin + block - 1 + (tiles - 1) * distance
        self.now = end + 1
        self.drained = end + self.drain_cycles
        self.results.panel(end + results, rows, columns, ends)

    def moment(self) -> int:
        return self.now

    def key(self) -> State:
        now = self.now
        return (
            self.drained - now if self.drained > now else 0,
            self.results.relative(now),
        )
