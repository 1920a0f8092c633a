"""PLL divisors within the data sheets' bounds, and the reset that follows the lock."""

import pytest
from amaranth.sim import Simulator

from hw.board.boards import BOARDS
from hw.board.clock import ClockGenerator, LockReset, ecp5_divisors, ice40_divisors


@pytest.mark.parametrize("megahertz", [10, 25, 60, 99.9, 100, 133, 200])
def test_ecp5_stays_within_its_bounds(megahertz):
    divisor, feedback, output = ecp5_divisors(25e6, megahertz * 1e6)
    clock = 25e6 * feedback / divisor
    assert 3.125e6 <= 25e6 / divisor <= 400e6
    assert 400e6 <= clock * output <= 800e6
    assert clock <= megahertz * 1.0001e6
    assert clock > megahertz * 0.9e6


@pytest.mark.parametrize("megahertz", [9, 12, 30, 60, 100, 133])
def test_ice40_stays_within_its_bounds(megahertz):
    r, f, q = ice40_divisors(12e6, megahertz * 1e6)
    oscillator = 12e6 / (r + 1) * (f + 1)
    assert 533e6 <= oscillator <= 1066e6
    assert megahertz * 0.9e6 < oscillator / 2**q <= megahertz * 1.0001e6


@pytest.mark.parametrize(
    ("family", "source", "text"),
    [("ecp5", 25e6, "5"), ("ice40", 12e6, "8.44")],
)
def test_rejects_a_clock_that_is_too_slow(family, source, text):
    with pytest.raises(ValueError, match=rf"^clock must be at least {text} MHz, the PLL's slowest, not 1$"):
        _ = ClockGenerator(family, source, 1e6).hz


def follow(locks: list[int], cycles: int) -> list[int]:
    """The reset in each cycle in which the lock is as given."""
    supervisor, seen = LockReset(cycles), []

    async def bench(ctx):
        for lock in locks:
            ctx.set(supervisor.locked, lock)
            seen.append(ctx.get(supervisor.reset))
            await ctx.tick()

    simulator = Simulator(supervisor)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def test_reset_ends_after_a_steady_lock():
    """Two cycles of synchronizing, five of waiting, one of the register."""
    assert follow([0] * 3 + [1] * 12, 5) == [1] * 11 + [0] * 4


def test_a_lost_lock_resets_at_once_and_starts_the_wait_anew():
    seen = follow([1] * 12 + [0] + [1] * 12, 5)
    assert seen[8:15] == [0] * 7
    assert seen[15:] == [1] * 6 + [0] * 4


def test_a_lock_that_comes_and_goes_never_ends_the_reset():
    assert follow([1, 1, 1, 1, 0] * 8, 5) == [1] * 40


def test_capacities_are_those_of_the_parts():
    """Lattice data sheets: LFE5U-85F (FPGA-DS-02012, table 1.1) and iCE40HX8K (FPGA-DS-02029, table 1.1)."""
    assert BOARDS["ulx3s"].capacity == {"LUT4": 83640, "flip-flops": 83640, "block RAM": 208, "multipliers": 156}
    assert BOARDS["ice40_hx8k"].capacity == {"LUT4": 7680, "flip-flops": 7680, "block RAM": 32}
