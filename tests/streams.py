"""Stream drivers and monitors for cocotb benches, with seeded idling and stalling."""

import random
from dataclasses import dataclass

from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

__all__ = ["Pace", "get", "put", "reset", "start_clock"]


@dataclass
class Pace:
    """Transfers in ``percent`` of the cycles, at random but the same on every run."""

    percent: int = 100
    seed: int = 0

    def __post_init__(self):
        self._random = random.Random(self.seed)

    def go(self) -> bool:
        return self.percent >= 100 or self._random.randrange(100) < self.percent


def start_clock(dut) -> None:
    Clock(dut.clk, 10, "ns").start()


async def reset(dut, **inputs) -> None:
    """Two cycles of reset with the named inputs at the given values."""
    for name, value in inputs.items():
        getattr(dut, name).value = value
    dut.rst.value = 1
    for _ in range(2):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


async def put(dut, stream: str, words, pace: Pace | None = None) -> None:
    """Send ``words`` (integers) into the input stream ``stream``."""
    pace = pace or Pace()
    payload, valid, ready = (getattr(dut, f"{stream}__{part}") for part in ("payload", "valid", "ready"))
    for word in words:
        while not pace.go():
            valid.value = 0
            await RisingEdge(dut.clk)
        payload.value = word
        valid.value = 1
        while True:
            await ReadOnly()
            taken = int(ready.value)
            await RisingEdge(dut.clk)
            if taken:
                break
    valid.value = 0


async def get(dut, stream: str, count: int, pace: Pace | None = None) -> list:
    """Take ``count`` words from the output stream ``stream``, as ``LogicArray`` values."""
    pace = pace or Pace()
    payload, valid, ready = (getattr(dut, f"{stream}__{part}") for part in ("payload", "valid", "ready"))
    words = []
    while len(words) < count:
        going = pace.go()
        ready.value = int(going)
        await ReadOnly()
        if going and int(valid.value):
            words.append(payload.value)
        await RisingEdge(dut.clk)
    ready.value = 0
    return words
