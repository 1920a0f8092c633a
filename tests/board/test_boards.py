"""Boards: what each says of itself is true of its part, its family and its platform."""

import pytest

from hw.board.boards import BOARDS, PLACEMENT, RESOURCES
from hw.board.top import BoardTop


@pytest.mark.parametrize("name", BOARDS)
def test_the_platform_has_what_the_top_asks_for(name):
    board = BOARDS[name]
    platform = board.make_platform()
    assert platform is not board.make_platform(), "each build has its own"
    for resource in (("uart", 0), ("led", 0), ("led", 1)):
        platform.lookup(*resource)
    part = board.part.replace("-", "").lower()
    assert platform.device.replace("-", "").lower() in part
    assert platform.package.lower() in {"bg381": "bg381"} | {"ct256": "ct256"} or platform.package.lower() in part


@pytest.mark.parametrize("name", BOARDS)
def test_capacities_are_of_resources_that_are_counted(name):
    board = BOARDS[name]
    assert set(board.capacity) == set(RESOURCES[board.family])
    assert board.family in PLACEMENT
    assert all(count > 0 for count in board.capacity.values())


@pytest.mark.parametrize("name", BOARDS)
def test_the_serial_line_is_exact_enough(name):
    """A receiver that samples in the middle of ten bits needs less than five per cent."""
    top = BoardTop(BOARDS[name])
    assert top.clock.hz == pytest.approx(BOARDS[name].clock_hz)
    assert top.clock.hz / top.divisor == pytest.approx(BOARDS[name].baud, rel=0.01)


def test_another_machine_and_another_clock():
    board = BOARDS["ulx3s"]
    top = BoardTop(board, BOARDS["ice40_hx8k"].config, 50e6)
    assert top.config is BOARDS["ice40_hx8k"].config
    assert top.clock.hz == pytest.approx(50e6)
    assert top.divisor == 50
