"""Rows of registers against themselves, cycle by cycle."""

from random import Random

import pytest

from sim.model.registers import ElasticRegisters, RigidRegisters


def walk(count: int, offers: list[int], is_open: list[bool], rigid: bool) -> list[tuple[int, int]]:
    """Cycles in which each beat enters the first register and leaves the last, worked out for every cycle.

    Beat ``i`` is on offer from cycle ``offers[i]`` on, and waits at the end until the way out is open.
    """
    registers: list[int | None] = [None] * count
    entered, left = [], []
    for time in range(len(is_open)):
        if rigid:
            moves = [registers[-1] is None or is_open[time]] * count
        else:
            moves, room = [], is_open[time]
            for beat in reversed(registers):
                room = beat is None or room
                moves.insert(0, room)
        if moves[-1] and registers[-1] is not None:
            left.append(time)
        for at in reversed(range(count)):
            if moves[at]:
                registers[at] = registers[at - 1] if at else None
        number = len(entered)
        if moves[0] and number < len(offers) and offers[number] <= time:
            registers[0] = number
            entered.append(time)
    return list(zip(entered, left, strict=True))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("kind", "rigid"), [(ElasticRegisters, False), (RigidRegisters, True)])
def test_beats_pass_as_cycle_by_cycle(kind, rigid, seed):
    rng = Random(seed)
    count, pace = rng.randrange(1, 6), rng.choice([1, 2, 9])
    offers, time = [], 0
    for _ in range(30):
        time += rng.randrange(pace)
        offers.append(time)
    share = rng.choice([1, 0.7, 0.2])
    is_open = [rng.random() < share for _ in range(time + 400)] + [True] * 100
    registers, found, entered = kind(count), [], -1
    for offer in offers:
        left = []

        def leave(shown, left=left):
            left.append(next(t for t in range(shown, len(is_open)) if is_open[t]))
            return left[0]

        entered = registers.push(max(offer, entered + 1), leave)
        found.append((entered, left[0]))
    assert found == walk(count, offers, is_open, rigid)


@pytest.mark.parametrize("kind", [ElasticRegisters, RigidRegisters])
def test_no_register_is_no_delay(kind):
    registers = kind(0)
    assert registers.push(7, lambda shown: shown + 3) == 10
    assert registers.relative(0) == ()


@pytest.mark.parametrize("kind", [ElasticRegisters, RigidRegisters])
def test_states_of_the_same_future_look_alike(kind):
    """What lies behind the reference looks like what never was; moved on, a state looks the same from there."""
    registers = kind(3)
    for time in (4, 5, 6):
        registers.push(time, lambda shown: shown + 2)
    seen = registers.relative(7)
    registers.advance(100)
    assert registers.relative(107) == seen
    assert set(registers.relative(200)) == {-1}
