"""Repetition cut short against repetition done."""

from collections import deque

import pytest

from sim.model.repeat import Stage, recall, repeat


class Part(Stage):
    """Counts, and remembers two cycles."""

    TIMES = ("recent",)
    COUNTS = ("events",)

    def __init__(self):
        self.recent = deque([-1, -1])
        self.events = 0


class Machine(Stage):
    """A state that goes through ``start`` values once, then round through ``period`` of them."""

    TIMES = ("now",)
    COUNTS = ("steps", "waits")
    PLACES = ("place",)

    def __init__(self, start: int, period: int):
        self.start, self.period = start, period
        self.part = Part()
        self.parts = (self.part,)
        self.now = self.place = self.steps = self.waits = self.calls = 0

    def step(self) -> None:
        self.calls += 1
        self.now += 2 + self.place
        self.steps += 1
        self.waits += self.place % 3
        self.part.recent.popleft()
        self.part.recent.append(self.now)
        self.part.events += 7
        self.place += 1
        if self.place == self.start + self.period:
            self.place = self.start

    def moment(self) -> int:
        return self.now

    def key(self):
        return (self.place, *(time - self.now for time in self.part.recent if time >= 0))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 17, 100, 999])
@pytest.mark.parametrize(("start", "period"), [(0, 1), (0, 2), (3, 1), (1, 5), (12, 7)])
def test_a_repetition_cut_short_ends_in_the_same_state(start, period, count):
    quick, slow = Machine(start, period), Machine(start, period)
    repeat(quick, count, quick.step)
    repeat(slow, count, slow.step, jump=False)
    assert slow.calls == count
    assert (quick.now, quick.place, quick.part.recent) == (slow.now, slow.place, slow.part.recent)
    assert quick.counts() == slow.counts() == [slow.steps, slow.waits, 7 * count]


@pytest.mark.parametrize(("start", "period"), [(0, 1), (12, 7), (100, 30)])
def test_a_million_turns_cost_some_periods(start, period):
    """Brent: the way to the period and the period, each at most a few times."""
    machine = Machine(start, period)
    repeat(machine, 10**6, machine.step)
    assert machine.calls <= 3 * (start + period) + 2 * period + 4
    assert machine.steps == 10**6


def test_moving_on_adds_to_times_and_counts_of_all_parts():
    machine = Machine(0, 1)
    machine.step()
    machine.advance(50)
    machine.tally(iter([10, 20, 30]))
    assert (machine.now, list(machine.part.recent)) == (52, [49, 52])
    assert machine.counts() == [11, 20, 37]


@pytest.mark.parametrize(("start", "period"), [(0, 1), (3, 1), (1, 5), (12, 7)])
def test_what_was_done_from_the_same_state_is_not_done_again(start, period):
    """Steps of two kinds in an order that never repeats itself."""
    quick, slow, memory = Machine(start, period), Machine(start, period), {}
    for turn in range(500):
        times = 1 + (turn * turn // 7) % 2
        recall(quick, memory, times, lambda: [quick.step() for _ in range(times)])  # noqa: B023
        for _ in range(times):
            slow.step()
    assert (quick.now, quick.place, quick.part.recent) == (slow.now, slow.place, slow.part.recent)
    assert quick.counts() == slow.counts()
    assert quick.calls <= 2 * 2 * (start + period + 4) < slow.calls


def test_a_stage_without_a_key_is_no_machine():
    for question in (Stage().key, Stage().moment):
        with pytest.raises(NotImplementedError):
            question()
