# Ref: R. P. Brent, "An Improved Monte Carlo Factorization Algorithm", BIT 20, 1980, section 2 (finding cycles).
"""Repetition without repeating: a machine that is in a state it was in before does again what it did since."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

__all__ = ["Memory", "Stage", "State", "recall", "repeat"]

State = tuple[object, ...]
"""A stage's state relative to some cycle: good for nothing but to be compared."""
Memory = dict[Hashable, tuple[int, list[int], list[object]]]
"""What was done, by what it was and the state it began in: cycles it took, events it counted, the state it left."""


class Stage:
    """Part of the machine: its state as cycle numbers, its counters, and the parts it is made of.

    Attributes
    ----------
    TIMES
        names of attributes that hold a cycle number, or a deque of them.
    COUNTS
        names of attributes that add up events.
    PLACES
        names of attributes that are neither: levels and positions.
    parts
        other stages.
    """

    TIMES: tuple[str, ...] = ()
    COUNTS: tuple[str, ...] = ()
    PLACES: tuple[str, ...] = ()
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

    def advance(self, cycles: int) -> None:
        """Move the state ``cycles`` on."""
        for name in self.TIMES:
            value = getattr(self, name)
            if isinstance(value, int):
                setattr(self, name, value + cycles)
            else:
                for i in range(len(value)):
                    value[i] += cycles
        for part in self.parts:
            part.advance(cycles)

    def saved(self, moment: int) -> list[object]:
        """The state as seen from a cycle, those of the parts included."""
        state: list[object] = [getattr(self, name) for name in self.PLACES]
        for name in self.TIMES:
            value = getattr(self, name)
            state.append(value - moment if isinstance(value, int) else [time - moment for time in value])
        for part in self.parts:
            state += part.saved(moment)
        return state

    def restore(self, state: Iterator[Any], moment: int) -> None:
        """Set what ``saved`` gave, as seen from another cycle, consumed in its order."""
        for name in self.PLACES:
            setattr(self, name, next(state))
        for name in self.TIMES:
            times, value = next(state), getattr(self, name)
            if isinstance(value, int):
                setattr(self, name, times + moment)
            else:
                value.clear()
                value.extend(time + moment for time in times)
        for part in self.parts:
            part.restore(state, moment)

    def tally(self, counts: Iterator[int]) -> None:
        """Add to the counters, consumed in the order of ``counts()``."""
        for name in self.COUNTS:
            setattr(self, name, getattr(self, name) + next(counts))
        for part in self.parts:
            part.tally(counts)


def recall(stage: Stage, memory: Memory, what: Hashable, body: Callable[[], object]) -> None:
    """Call ``body``, which changes ``stage``, or, where the same was done from the same state before, do what it did."""
    key, moment = (what, stage.key()), stage.moment()
    if key in memory:
        cycles, gained, state = memory[key]
        stage.restore(iter(state), moment + cycles)
        stage.tally(iter(gained))
        return
    before = stage.counts()
    body()
    now = stage.moment()
    gained = [new - old for new, old in zip(stage.counts(), before, strict=True)]
    memory[key] = now - moment, gained, stage.saved(now)


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
            stage.advance(times * (stage.moment() - moment))
            stage.tally(iter(gained))
            for _ in range((count - done) % period):
                body()
            return
        if done - saved == limit:
            saved, limit = done, 2 * limit
            key, moment, counts = now, stage.moment(), stage.counts()
