"""Widths by layer and epoch; the simulator and training use this one object."""

import re
from dataclasses import FrozenInstanceError

import pytest

import sim.workloads
from golden import WidthSchedule, schedule
from sim.workloads import Layer

FIRST, MIDDLE, LAST = (
    Layer("layer", "linear", 1, 1, 1, first=first, last=last)
    for first, last in ((True, False), (False, False), (False, True))
)


def test_all_widths_are_equal_everywhere():
    plan = schedule("all-6")
    assert [plan.mantissa_width(layer, wide) for layer in (FIRST, MIDDLE, LAST) for wide in (False, True)] == [6] * 6
    assert plan.widths() == (6,)
    assert plan.phases(5) == ((5, False),)


def test_booster_is_wide_at_both_ends_and_in_the_last_epoch():
    plan = schedule("booster")
    assert [plan.mantissa_width(layer) for layer in (FIRST, MIDDLE, LAST)] == [6, 4, 6]
    assert [plan.mantissa_width(layer, True) for layer in (FIRST, MIDDLE, LAST)] == [6, 6, 6]
    assert plan.widths() == plan.widths(training=False) == (4, 6)
    assert plan.phases(160) == ((159, False), (1, True))
    assert plan.phases(1) == ((1, True),)
    assert [plan.is_wide(epoch, 3) for epoch in range(3)] == [False, False, True]


def test_no_epoch_is_wide_unless_asked_for():
    assert not any(schedule("all-4").is_wide(epoch, 3) for epoch in range(3))


def test_simulator_has_the_same_object():
    assert sim.workloads.schedule is schedule
    assert sim.workloads.WidthSchedule is WidthSchedule


@pytest.mark.parametrize("name", ["all", "all-1", "all-11", "all-x", "Booster", "", "all--4"])
def test_rejects(name):
    rule = "schedule must be booster or all-W with a width W between 2 and 10"
    with pytest.raises(ValueError, match=f"^{re.escape(f'{rule}, not {name}')}$"):
        schedule(name)


@pytest.mark.parametrize("width", [2, 10])
def test_both_ends_of_the_range_are_schedules(width):
    assert schedule(f"all-{width}").widths() == (width,)


@pytest.mark.parametrize("name", ["all-1", "all-11", "all-", "all-x", "all-100000000000000000000", "half-4"])
def test_beyond_them_there_are_none(name):
    with pytest.raises(ValueError, match=rf"^schedule must be booster or all-W with a width W between 2 and 10, not {name}$"):
        schedule(name)


def test_only_the_last_epochs_are_wide():
    """Long runs too, and a schedule that is wide for several epochs and not at its ends."""
    plan = WidthSchedule("late", 4, 8, wide_epochs=300)
    assert [plan.is_wide(epoch, 1000) for epoch in (0, 699, 700, 999)] == [False, False, True, True]
    assert [plan.mantissa_width(layer) for layer in (FIRST, MIDDLE, LAST)] == [4, 4, 4]
    assert (plan.widths(), plan.widths(training=False)) == ((4, 8), (4,))
    assert WidthSchedule("never", 4, 8).widths() == (4,)
    assert WidthSchedule("once", 4, 8, wide_epochs=1).widths() == (4, 8)


def test_schedules_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        schedule("booster").width = 8
