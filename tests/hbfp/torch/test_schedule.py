"""Widths by layer, epoch and step."""

import pytest

import golden
from hbfp.torch.schedule import Place, Schedule, schedule


def test_booster_is_the_published_schedule():
    booster = schedule("booster")
    assert booster == Schedule(4).ends(6).last_epochs(1, 6)
    widths = [
        [booster.mantissa_width(Place(str(i), i == 0, i == 2, epoch, 3)) for i in range(3)] for epoch in range(3)
    ]
    assert widths == [[6, 4, 6], [6, 4, 6], [6, 6, 6]]


def test_goldens_schedules_mean_the_same():
    for name in ("booster", "all-4", "all-6"):
        ours, theirs = schedule(name), golden.schedule(name)
        for epoch in range(4):
            for first, last in ((True, False), (False, False), (False, True)):
                place = Place("", first, last, epoch, 4)
                assert ours.mantissa_width(place) == theirs.mantissa_width(place, theirs.is_wide(epoch, 4))


def test_the_last_rule_that_applies_decides():
    plan = Schedule(4).layers("blocks.*", 5).from_step(10, 6).layers("head", 8).from_epoch(2, 3)
    assert plan.mantissa_width(Place("blocks.0.conv")) == 5
    assert plan.mantissa_width(Place("blocks.0.conv", step=10)) == 6
    assert plan.mantissa_width(Place("head", step=9)) == 8
    assert plan.mantissa_width(Place("stem", step=9)) == 4
    assert plan.mantissa_width(Place("head", epoch=2)) == 3


def test_a_state_is_the_schedule():
    plan = Schedule(4).ends(6).layers("a*", 5).last_epochs(2, 6)
    assert Schedule.from_state(plan.state()) == plan


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Schedule(13), "width must be between 2 and 12, not 13"),
        (lambda: Schedule(4).ends(1), "width must be between 2 and 12, not 1"),
        (lambda: Schedule(4).last_epochs(-1, 6), "count must be between 0 and 1099511627776, not -1"),
        (lambda: Schedule(4).layers("", 6), "pattern must be a string that is not empty, not ''"),
        (lambda: schedule(4.5), "schedule must be a width, a name or a Schedule, not 4.5"),
        (lambda: schedule("fast"), "schedule must be booster or all-W with a width W between 2 and 10, not fast"),
    ],
)
def test_rejects(make, text):
    with pytest.raises((TypeError, ValueError)) as error:
        make()
    assert str(error.value) == text
