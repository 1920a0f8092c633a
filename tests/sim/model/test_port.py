"""Streams at a core's border against the cycles in which they are open."""

from fractions import Fraction
from random import Random

import pytest

from sim.model.port import Port, Rates, Source
from tests.sim.messages import rejects

RATES = [Fraction(1), Fraction(1, 2), Fraction(2, 3), Fraction(3, 7), Fraction(8, 9), Fraction(1, 9)]


@pytest.mark.parametrize("rate", RATES)
def test_a_port_opens_as_the_compiled_core_drives_it(rate):
    port = Port(rate)
    is_open = [t * rate.numerator % rate.denominator < rate.numerator for t in range(100)]
    times = [t for t in range(100) if is_open[t]]
    for time in range(30):
        later = [t for t in times if t >= time]
        assert [port.nth(time, count) for count in (1, 2, 5)] == [later[0], later[1], later[4]]
        assert port.opened(time) == sum(is_open[:time])


@pytest.mark.parametrize("rate", RATES)
def test_cycles_of_the_same_phase_see_the_same_future(rate):
    port = Port(rate)
    seen = {}
    for time in range(60):
        future = tuple(port.nth(time, count) - time for count in range(1, 12))
        assert seen.setdefault(port.phase(time), future) == future
    assert len(seen) == rate.denominator


@pytest.mark.parametrize("rate", RATES)
def test_a_beat_is_brought_in_the_first_open_cycle_and_waits(rate):
    """A source as the core sees it: nothing on offer, an opening brings a beat, which stays until it is taken."""
    rng = Random(1)
    takes = [rng.random() < 0.4 for _ in range(400)]
    passed, held = [], False
    for time, wanted in enumerate(takes):
        held |= time * rate.numerator % rate.denominator < rate.numerator
        if held and wanted:
            passed.append(time)
            held = False
    source, found = Source(rate), []
    wanted = [time for time, wants in enumerate(takes) if wants]
    while len(found) < len(passed):
        time = next(t for t in wanted if t >= max(source.offer, found[-1] + 1 if found else 0))
        found.append(source.take(time))
        assert found[-1] == time
    assert found == passed


@pytest.mark.parametrize("seed", range(20))
def test_a_rate_changes_between_two_beats(seed):
    """Rates in force from some cycles on, two perhaps from the same; a beat on offer stays there. Also held now and then."""
    rng = Random(seed)
    changes = [(0, Fraction(1)), *((time, rng.choice(RATES)) for time in sorted(rng.choices(range(1, 200), k=4)))]
    takes, holds = [rng.random() < 0.5 for _ in range(400)], sorted(rng.sample(range(300), 3))
    passed, offered, free = [], False, 0
    for time, wanted in enumerate(takes):
        rate = [rate for since, rate in changes if since <= time][-1]
        offered |= time >= free and time * rate.numerator % rate.denominator < rate.numerator
        if offered and wanted:
            passed.append(time)
            offered, free = False, max([time + 1, *(hold for hold in holds if len(passed) == hold % 40)])
    source, found = Source(Fraction(1)), []
    for time, rate in changes[1:]:
        source.change(rate, time)
    wanted = [time for time, wants in enumerate(takes) if wants]
    while len(found) < len(passed):
        time = next(t for t in wanted if t >= max(source.offer, found[-1] + 1 if found else 0))
        found.append(source.take(time))
        for hold in holds:
            if len(found) == hold % 40:
                source.hold(hold)
    assert found == passed


def test_a_source_that_is_asked_early_answers_when_it_can():
    source = Source(Fraction(1, 4), free=1)
    assert source.offer == 4
    assert source.take(2) == 4
    assert (source.free, source.offer) == (5, 8)
    assert source.relative(5) == (1, 4, 1, 3)
    assert Source(Fraction(1), free=9).relative(3) == (1, 1, 0, 6)


@pytest.mark.parametrize("name", ["command", "a", "b", "c", "bias", "operands"])
@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-1, 2), Fraction(9, 8)])
def test_rejects_a_rate(name, rate):
    with rejects(ValueError, f"rate of {name} must be above 0 and at most 1, not {rate}"):
        Rates(**{name: rate})


@pytest.mark.parametrize(
    ("share", "rule"), [("0", "above 0 and at most 1"), (2, "above 0 and at most 1"), ("fast", "a number such as 1/4")]
)
def test_rejects_a_share(share, rule):
    with pytest.raises(ValueError, match=f"^port_rate must be {rule}.*, not {share}$"):
        Rates.even(share)


def test_a_share_is_that_of_every_port():
    quarter = Fraction(1, 4)
    assert Rates.even("1/4") == Rates.even(0.25) == Rates(a=quarter, b=quarter, c=quarter)
