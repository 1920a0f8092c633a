"""Registers in a row, through which beats pass one after another."""

from collections import deque
from collections.abc import Callable

from sim.model.repeat import Stage

__all__ = ["ElasticRegisters", "RigidRegisters"]


class ElasticRegisters(Stage):
    """Each register takes a beat when it is empty or its own moves on. Member ``left``: cycle in which each last did."""

    TIMES = ("left",)

    def __init__(self, count: int):
        self.left = deque([-1] * count)

    def push(self, time: int, leave: Callable[[int], int]) -> int:
        """A beat that is offered from cycle ``time`` on; ``leave`` says for the cycle in which it comes to the end when
        it is taken there. Returns the cycle in which it enters."""
        left = self.left
        if not left:
            return leave(time)
        entered = time = max(time, left[0])
        for i in range(1, len(left)):
            time = left[i - 1] = max(time + 1, left[i])
        left[-1] = leave(time + 1)
        return entered

    def relative(self, reference: int) -> tuple[int, ...]:
        """The state for beats that enter after ``reference``."""
        return tuple(time - reference if time >= reference else -1 for time in self.left)


class RigidRegisters(Stage):
    """All move at once, unless a beat waits at the end. Members ``shown``, ``left``: when beats came there, and left."""

    TIMES = ("shown", "left")

    def __init__(self, count: int):
        self.count = count
        self.shown: deque[int] = deque(maxlen=count)
        self.left: deque[int] = deque(maxlen=count)

    def push(self, time: int, leave: Callable[[int], int]) -> int:
        """As in ``ElasticRegisters``."""
        if not self.count:
            return leave(time)
        entered = time = self._moving(time)
        for _ in range(self.count - 1):
            time = self._moving(time + 1)
        self.shown.append(time + 1)
        self.left.append(leave(time + 1))
        return entered

    def _moving(self, time: int) -> int:
        """The first cycle from ``time`` on in which no beat waits at the end."""
        for shown, left in zip(self.shown, self.left, strict=True):
            if shown <= time < left:
                time = left
        return time

    def relative(self, reference: int) -> tuple[int, ...]:
        """The state for beats that enter after ``reference``."""
        return tuple(time - reference if time >= reference else -1 for time in (*self.shown, *self.left))
