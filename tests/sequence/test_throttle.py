"""The throttle: distance on the drain chains, and at most as many panels begun as the result buffer holds."""

import pytest
from amaranth.hdl import Mux, Signal

from hw.sequence.loops import Steps
from hw.sequence.throttle import may_issue
from tests.logic import cycles

DRAIN = 7


def issues(count: int, length: int, freed: dict[int, int], tiles_of_panel: int = 1, stores: int = 1,
           result_panels: int = 2) -> list[int]:  # fmt: skip
    """Cycles in which steps are issued; output tiles have ``length`` blocks of one step, panels so many tiles.

    ``freed`` maps a cycle to whether a panel leaves in it.
    """

    def logic(m, accept, go, panel_free):
        steps, at, tile = Steps.create(), Signal(range(length)), Signal(range(tiles_of_panel))
        ends, panel_ends, coming = Signal(), Signal(), Signal(range(length))
        may = may_issue(
            m, result_panels, DRAIN, steps, accept, panel_free=panel_free, tile_stores=stores, next_stores=stores,
            last_block=coming == length - 1, panel_ends=panel_ends,
        )  # fmt: skip
        m.d.comb += [
            ends.eq(steps.issue & (at == length - 1)), steps.issue.eq(go & may), steps.slot.eq(steps.issue),
            steps.block.eq(steps.issue), steps.tile.eq(ends), coming.eq(Mux(ends, 0, at + steps.issue)),
            panel_ends.eq(ends & (tile == tiles_of_panel - 1)),
        ]  # fmt: skip
        m.d.sync += at.eq(coming)
        with m.If(ends):
            m.d.sync += tile.eq(tile + 1)
        with m.If(panel_ends):
            m.d.sync += tile.eq(0)
        return steps.issue, may

    vectors = [{"accept": 1, "go": 0}, *({"accept": 0, "go": 1, "panel_free": freed.get(n, 0)} for n in range(1, count))]
    found = cycles({"accept": 1, "go": 1, "panel_free": 1}, logic, vectors)
    return [cycle for cycle, (issue, _) in enumerate(found) if issue]


def test_a_long_tile_never_waits():
    """While tiles take longer than the drain and panels leave at once, there is a step in every cycle."""
    assert issues(40, DRAIN + 1, dict.fromkeys(range(12, 40, DRAIN + 1), 1)) == list(range(1, 40))


def test_short_tiles_keep_their_distance():
    """A tile of one step is captured when it is issued: the next one follows ``drain_cycles`` later."""
    steps = issues(40, 1, dict.fromkeys(range(3, 40, DRAIN), 1))
    assert steps == list(range(1, 40, DRAIN))


@pytest.mark.parametrize("panels", [2, 3])
@pytest.mark.parametrize("tiles", [1, 3])
def test_as_many_panels_are_begun_as_the_buffer_holds(tiles, panels):
    """Until one has left, then the next begins at once."""
    waiting = issues(120, DRAIN + 1, {}, tiles, result_panels=panels)
    assert len(waiting) == panels * tiles * (DRAIN + 1) + DRAIN  # one more gets as far as its last block
    freed = issues(120, DRAIN + 1, {100: 1}, tiles, result_panels=panels)
    assert freed[: len(waiting)] == waiting
    assert freed[len(waiting)] == 101


def test_products_that_stay_do_not_wait():
    assert issues(30, 1, {}, stores=0) == list(range(1, 30))
