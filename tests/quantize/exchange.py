"""Driving and watching streams in a cocotb bench: one loop for all, cycle by cycle, that also checks their rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

__all__ = ["Sink", "Source", "exchange", "reset"]


@dataclass
class Source:
    """Beats for a stream the bench drives.

    Parameters
    ----------
    name
        the stream's name; its payload, ``valid`` and ``ready`` are found by it.
    beats
        payloads, or dictionaries from port name to value when other ports go with the beat.
    idle
        share of cycles without a beat on offer; the ports then carry noise.
    cycles
        (filled in) cycle in which each beat was taken.
    """

    name: str
    beats: list
    idle: float = 0.0
    cycles: list = field(default_factory=list)

    def ports(self, beat) -> dict:
        return beat if isinstance(beat, dict) else {f"{self.name}__payload": beat}


@dataclass
class Sink:
    """What a stream of the design delivers.

    Parameters
    ----------
    name
        the stream's name.
    count
        beats to wait for.
    stall
        share of cycles that are not ready.
    also
        further ports to record with each beat.
    beats, cycles
        (filled in) payload, or tuple of payload and the further ports; the cycle of each transfer.
    """

    name: str
    count: int
    stall: float = 0.0
    also: tuple = ()
    beats: list = field(default_factory=list)
    cycles: list = field(default_factory=list)


async def reset(dut) -> None:
    """Start the clock and hold ``rst`` for two cycles; the streams ``i`` and ``o`` rest."""
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value = 1
    dut.i__valid.value = 0
    dut.o__ready.value = 0
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def exchange(dut, sources: list[Source], sinks: list[Sink], *, seed: int = 0, quiet: tuple = (),
                   stop: int | None = None, drive: Callable[[], dict] = dict) -> None:
    """Move all beats of ``sources`` in and all beats of ``sinks`` out.

    A sink's payload must not change while it waits, and the ports named in ``quiet`` must be zero in cycles in
    which no sink transfers. ``stop`` ends the exchange after that many cycles, complete or not. ``drive`` gives values
    of further ports, from port names, in each cycle. It fails after 20 cycles for each beat, in or out, and 1000.
    """
    rng = Random(seed)
    offered: set[str] = set()
    waiting: dict[str, int] = {}
    max_cycles = 1000 + 20 * (sum(len(source.beats) for source in sources) + sum(sink.count for sink in sinks))
    for cycle in range(max_cycles):
        await FallingEdge(dut.clk)
        if cycle == stop:
            break
        for source in sources:
            _offer(dut, source, offered, rng)
        for sink in sinks:
            getattr(dut, f"{sink.name}__ready").value = len(sink.beats) < sink.count and rng.random() >= sink.stall
        for port, value in drive().items():
            getattr(dut, port).value = value
        await ReadOnly()
        for source in sources:
            if source.name in offered and _read(dut, f"{source.name}__ready"):
                offered.remove(source.name)
                source.cycles.append(cycle)
        if not sum(_take(dut, sink, waiting, cycle) for sink in sinks):
            for port in quiet:
                assert _read(dut, port) == 0, f"{port} is not zero without a transfer in cycle {cycle}"
        if all(len(source.cycles) == len(source.beats) for source in sources) and all(
            len(sink.beats) == sink.count for sink in sinks
        ):
            await FallingEdge(dut.clk)
            break
    else:
        left = {source.name: len(source.beats) - len(source.cycles) for source in sources}
        missing = {sink.name: sink.count - len(sink.beats) for sink in sinks}
        raise AssertionError(f"stuck after {max_cycles} cycles: {left} beats not taken, {missing} not delivered")
    for source in sources:
        getattr(dut, f"{source.name}__valid").value = 0
    for sink in sinks:
        getattr(dut, f"{sink.name}__ready").value = 0


def _read(dut, port: str) -> int:
    return int(getattr(dut, port).value)


def _offer(dut, source: Source, offered: set[str], rng: Random) -> None:
    """Put the next beat on the ports, or noise."""
    done = len(source.cycles)
    if source.name not in offered:
        if done < len(source.beats) and rng.random() >= source.idle:
            offered.add(source.name)
            for port, value in source.ports(source.beats[done]).items():
                getattr(dut, port).value = value
        else:
            for port in source.ports(source.beats[0]) if source.beats else ():
                handle = getattr(dut, port)
                handle.value = rng.getrandbits(len(handle))
    getattr(dut, f"{source.name}__valid").value = source.name in offered


def _take(dut, sink: Sink, waiting: dict[str, int], cycle: int) -> bool:
    """Record the beat that ``sink`` transfers in this cycle, if any."""
    name = sink.name
    if not _read(dut, f"{name}__valid"):
        assert name not in waiting, f"{name} withdrew a beat in cycle {cycle}"
        return False
    payload = _read(dut, f"{name}__payload")
    assert waiting.get(name, payload) == payload, f"{name} changed a waiting beat in cycle {cycle}"
    waiting[name] = payload
    if not _read(dut, f"{name}__ready"):
        return False
    del waiting[name]
    sink.beats.append((payload, *(_read(dut, port) for port in sink.also)) if sink.also else payload)
    sink.cycles.append(cycle)
    return True
