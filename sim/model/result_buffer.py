"""Panels of C on their way out."""

from hw.timing import Timing
from sim.model.output_stage import OutputStage
from sim.model.port import Port
from sim.model.repeat import Stage

__all__ = ["ResultBuffer"]


class ResultBuffer(Stage):
    """Two panels, one of which fills while the other leaves.

    Members
    -------
    older, newer : cycles in which the last beats of the latest two panels were read.
    first : cycle in which the first beat was offered since it was None, as it is when a C begins.
    """

    TIMES = ("older", "newer")

    def __init__(self, timing: Timing, jump: bool):
        self.gather_cycles, self.send_cycles = timing.gather_cycles, timing.send_cycles
        self.output = OutputStage(timing, jump)
        self.parts = (self.output,)
        self.older = self.newer = -1
        self.first: int | None = None

    @property
    def panel_free(self) -> int:
        """The first cycle in which another panel may begin to fill."""
        return self.older + 1

    def panel(self, port: Port, gathered: int, beats: int) -> None:
        """A panel of ``beats`` beats leaves; its last result was at the drain of column 0 in cycle ``gathered``.

        The next beat is read in the cycle in which the one before is taken.
        """
        read = max(gathered + self.gather_cycles, self.output.taken)
        offered = read + self.send_cycles
        fresh = self.first is None
        if fresh:
            self.first = max(offered, self.output.sent + 1) + self.output.latency
        self.older = self.newer
        self.newer = self.output.beats(port, offered, beats, fresh)

    def relative(self, reference: int) -> tuple:
        """The state for panels that begin to fill at ``reference`` at the earliest."""
        times = (time - reference if time >= reference else -1 for time in (self.older, self.newer))
        return self.first is None, *times, self.output.relative(reference)
