# Ref: R. P. Brent, "An Improved Monte Carlo Factorization Algorithm", BIT 20, 1980, section 2 (finding cycles).
"""Repetition without repeating: a machine that is in a state it was in before does again what it did since."""

from collections.abc import Callable

__all__ = ["Stage", "State", "repeat"]

State = tuple[object, ...]
"""A stage's state relative to some cycle: good for nothing but to be compared."""


class Stage:
    """Part of the machine: its state as cycle numbers, its counters, and the parts it is made of.

    Attributes
    ----------
    TIMES
        names of attributes that hold a cycle number, or a deque of them.
    COUNTS
        names of attributes that add up events.
    parts
        other stages.
    """

    TIMES: tuple[str, ...] = ()
    COUNTS: tuple[str, ...] = ()
    parts: tuple["Stage", ...] = ()

    def key(self) -> State:
        """The state relative to now: equal keys have equal futures. Times too old to matter all look alike."""
        raise NotImplementedError

    def moment(self) -> int:
        """The cycle that ``key`` counts from."""
        raise NotImplementedError

    def counts(self) -> list[int]:
        """All counters, those of the parts included."""
        counts = [getattr(self, name) for name in self.COUNTS]
        for part in self.parts:
            counts += part.counts()
        return counts

    def advance(self, cycles: int, counts: list[int]) -> None:
        """Move the state ``cycles`` on and the counters by ``counts``, consumed in the order of ``counts()``."""
        for name in self.TIMES:
            value = getattr(self, name)
            if isinstance(value, int):
                setattr(self, name, value + cycles)
            else:
                for i in range(len(value)):
                    value[i] += cycles
        for name in self.COUNTS:
            setattr(self, name, getattr(self, name) + counts.pop(0))
        for part in self.parts:
            part.advance(cycles, counts)


def repeat(stage: Stage, count: int, body: Callable[[], object], jump: bool = True) -> None:
    """Call ``body`` ``count`` times, which changes ``stage``, or do what is the same as soon as the state recurs."""
    if count < 3 or not jump:
        for _ in range(count):
            body()
        return
    done = saved = 0
    limit = 1
    key, moment, counts = stage.key(), stage.moment(), stage.counts()
    while done < count:
        body()
        done += 1
        now = stage.key()
        if now == key:
            period = done - saved
            times = (count - done) // period
            gained = [times * (new - old) for new, old in zip(stage.counts(), counts, strict=True)]
            stage.advance(times * (stage.moment() - moment), gained)
            for _ in range((count - done) % period):
                body()
            return
        if done - saved == limit:
            saved, limit = done, 2 * limit
            key, moment, counts = now, stage.moment(), stage.counts()
