"""Panels of C on their way out."""

from hw.timing import Timing
from sim.model.port import Port
from sim.model.repeat import Stage

__all__ = ["ResultBuffer"]


class ResultBuffer(Stage):
    """Two panels, one of which fills while the other leaves.

    Members
    -------
    older, newer : cycles in which the last beats of the latest two panels were read. sent : the last beat passed.
    first : cycle in which the first beat was offered since it was None. blocked : cycles in which a beat waited.
    """

    TIMES = ("older", "newer", "sent")
    COUNTS = ("blocked",)

    def __init__(self, timing: Timing):
        self.gather_cycles, self.send_cycles = timing.gather_cycles, timing.send_cycles
        self.older = self.newer = self.sent = -1
        self.first: int | None = None
        self.blocked = 0

    @property
    def panel_free(self) -> int:
        """The first cycle in which another panel may begin to fill."""
        return self.older + 1

    def panel(self, port: Port, gathered: int, beats: int) -> None:
        """A panel of ``beats`` beats leaves; its last result was at the drain of column 0 in cycle ``gathered``.

        The next beat is read in the cycle in which the one before passes.
        """
        read = max(gathered + self.gather_cycles, self.sent)
        offered = read + self.send_cycles
        if self.first is None:
            self.first = offered
        self.sent = port.nth(offered, beats)
        self.older = self.newer
        self.newer = port.nth(offered, beats - 1) if beats > 1 else read
        self.blocked += self.sent + 1 - offered - beats

    def relative(self, reference: int) -> tuple:
        """The state for panels that begin to fill at ``reference`` at the earliest."""
        return tuple(time - reference if time >= reference else -1 for time in (self.older, self.newer, self.sent))
