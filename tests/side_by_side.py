"""Many components under one top, built once and driven in the same cycles."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cocotb
from amaranth.hdl import Module
from amaranth.lib.wiring import Component, Out, connect, flipped
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from hw.emit import place
from tests.layouts import number
from tests.streams import start_clock

__all__ = ["SideBySide", "Vectors", "compare", "drive_together"]


class SideBySide(Component):
    """``parts`` by name; port ``p`` of part ``n`` is ``n__p`` of the emitted module."""

    def __init__(self, name: str, parts: dict[str, Component]):
        self.parts, self.module_name = parts, f"side_by_side_{name}"
        super().__init__({part: Out(component.signature) for part, component in parts.items()})

    def elaborate(self, platform):
        m = Module()
        for name, part in self.parts.items():
            connect(m, flipped(getattr(self, name)), place(m, platform, f"part_{name}", part))
        return m


@dataclass
class Vectors:
    """What one part gets at each input and must give, as words, the latter ``latency`` cycles after the former.

    ``read`` makes of an output's word what is compared.
    """

    inputs: dict[str, Sequence[int]]
    output: str
    expected: Sequence[int]
    latency: int = 0
    read: Callable[[int], int] = int


async def compare(dut, vectors: dict[str, Vectors]) -> None:
    """Drive every part with its vectors, one per cycle, or per nanosecond where nothing has a clock."""
    ports = {name: {port: getattr(dut, f"{name}__{port}") for port in v.inputs} for name, v in vectors.items()}
    outputs = {name: getattr(dut, f"{name}__{v.output}") for name, v in vectors.items()}
    edge = None
    if any(v.latency for v in vectors.values()):
        start_clock(dut)
        edge = RisingEdge(dut.clk)
    for cycle in range(max(len(v.expected) + v.latency for v in vectors.values())):
        for name, v in vectors.items():
            if cycle < len(v.expected):
                for port, handle in ports[name].items():
                    if not cycle or v.inputs[port][cycle] != v.inputs[port][cycle - 1]:
                        handle.value = int(v.inputs[port][cycle])
        await (ReadOnly() if edge else Timer(1, "ns"))
        for name, v in vectors.items():
            at = cycle - v.latency
            if 0 <= at < len(v.expected):
                got, wanted = v.read(number(outputs[name].value)), int(v.expected[at])
                operands = {port: hex(words[at]) for port, words in v.inputs.items()}
                assert got == wanted, f"{name} of {operands} gives {got:#x} instead of {wanted:#x}"
        if edge:
            await edge


class _Part:
    """The ports of one part by their own names, and the clock that all share."""

    def __init__(self, dut: Any, name: str):
        self._dut, self._name = dut, name

    def __getattr__(self, port: str) -> Any:
        return getattr(self._dut, port if port == "clk" else f"{self._name}__{port}")


async def drive_together(dut: Any, benches: Mapping[str, Callable[[Any], Awaitable[None]]]) -> None:
    """Every part by its own bench, a coroutine that gets the part as if it were alone, under one clock."""
    start_clock(dut)
    for task in [cocotb.start_soon(bench(_Part(dut, name))) for name, bench in benches.items()]:
        await task
