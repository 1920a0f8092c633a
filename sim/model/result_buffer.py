"""Panels of C on their way out."""

from collections import deque

from hw.timing import Timing
from sim.model.output_stage import OutputStage
from sim.model.repeat import Stage, State

__all__ = ["ResultBuffer"]


class ResultBuffer(Stage):
    """Panels, one of which fills while another leaves.

    Attributes
    ----------
    read
        cycles in which the last beats of the latest panels were read, as many as the buffer holds.
    """

    TIMES = ("read",)

    def __init__(self, timing: Timing, jump: bool):
        self.gather_cycles, self.send_cycles = timing.gather_cycles, timing.send_cycles
        self.output = OutputStage(timing, jump)
        self.parts = (self.output,)
        self.read = deque([-1] * timing.config.result_panels)

    @property
    def newest(self) -> int:
        """The cycle in which the last beat of the latest panel was read."""
        return self.read[-1]

    @property
    def panel_free(self) -> int:
        """The first cycle in which another panel may begin to fill."""
        return self.read[0] + 1

    def panel(self, gathered: int, rows: int, columns: int, last: bool) -> None:
        """A panel leaves, C's last or not; its last result was at the drain of column 0 in cycle ``gathered``.

        The next beat is read in the cycle in which the one before is taken.
        """
        read = max(gathered + self.gather_cycles, self.output.taken)
        self.read.popleft()
        self.read.append(self.output.panel(read + self.send_cycles, rows, columns, last))

    def relative(self, reference: int) -> State:
        """The state for panels that begin to fill at ``reference`` at the earliest."""
        times = (time - reference if time >= reference else -1 for time in self.read)
        return *times, self.output.relative(reference)
