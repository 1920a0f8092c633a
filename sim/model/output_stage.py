"""Beats of C from the result buffer to the port, through the registers of the features there are."""

from collections import deque

from hw.timing import Timing
from sim.model.port import Port
from sim.model.repeat import Stage, repeat

__all__ = ["OutputStage"]


class OutputStage(Stage):
    """A pipeline that stands still while its last register waits (the finisher), then a register (the packer).

    Members
    -------
    taken : cycle in which the latest beat left the result buffer. sent : in which it passed the port.
    shown, left : cycles in which the latest beats came to the finisher's end, and left it.
    blocked : cycles in which a beat waited at the port.
    """

    TIMES = ("taken", "sent", "shown", "left")
    COUNTS = ("blocked",)

    def __init__(self, timing: Timing, jump: bool):
        self.finisher_cycles, self.packer_cycles = timing.finisher_cycles, timing.packer_cycles
        self.latency = self.finisher_cycles + self.packer_cycles
        self.jump = jump
        self.taken = self.sent = -1
        self.shown: deque[int] = deque(maxlen=self.finisher_cycles)
        self.left: deque[int] = deque(maxlen=self.finisher_cycles)
        self.blocked = 0

    def beats(self, port: Port, offered: int, count: int, fresh: bool) -> int:
        """``count`` beats pass, offered one by one from cycle ``offered`` on; ``fresh`` ones begin a C.

        A C begins after the last beat of the one before has passed the port.

        Returns
        -------
        The cycle in which the last beat but one was taken: ``offered`` less one if there is none.
        """
        begin = max(offered, self.sent + 1) if fresh else offered
        if port.always:
            self.taken = begin + count - 1
            self.sent = self.taken + self.latency
            return self.taken - 1 if count > 1 else offered - 1
        if not self.latency:
            before = port.nth(begin, count - 1) if count > 1 else offered - 1
            self.taken = self.sent = port.nth(begin, count)
            self.blocked += self.sent + 1 - offered - count
            return before
        self.port = port
        if count == 1:
            self._beat(begin)
            return offered - 1
        self._beat(begin)
        repeat(self, count - 2, lambda: self._beat(self.taken + 1), self.jump)
        before = self.taken
        self._beat(before + 1)
        return before

    def _beat(self, time: int) -> None:
        """A beat that is offered from cycle ``time`` on."""
        if self.finisher_cycles:
            self.taken = time = self._moving(time)
            for _ in range(self.finisher_cycles - 1):
                time = self._moving(time + 1)
            time += 1
            self.shown.append(time)
        if self.packer_cycles:
            time = max(time, self.sent)
            shown = time + self.packer_cycles
            self.sent = self.port.nth(shown)
        else:
            shown = time
            time = self.sent = self.port.nth(shown)
        if self.finisher_cycles:
            self.left.append(time)
        else:
            self.taken = time
        self.blocked += self.sent - shown

    def _moving(self, time: int) -> int:
        """The first cycle from ``time`` on in which no beat waits at the finisher's end."""
        for shown, left in zip(self.shown, self.left, strict=False):
            if shown <= time < left:
                time = left
        return time

    def moment(self) -> int:
        return self.taken

    def key(self) -> tuple:
        return *self.relative(self.taken), self.port.phase(self.taken)

    def relative(self, reference: int) -> tuple:
        """The state for beats taken after ``reference``."""
        times = (self.taken, self.sent, *self.shown, *self.left)
        return tuple(time - reference if time >= reference else -1 for time in times)
