"""Bytes on the line: one bit after another, as the standard has it, and back."""

from random import Random

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out
from amaranth.sim import Simulator

from hw.serial.uart import SerialReceiver, SerialTransmitter

BYTES = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0x5A, 0xC3]


def levels(byte: int, stop: int = 1) -> list[int]:
    """A start bit, eight data bits from the lowest on, a stop bit."""
    return [0, *(byte >> i & 1 for i in range(8)), stop]


def simulate(component, *benches) -> None:
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


def received(divisor: int, line: list[int]) -> list[tuple[int, int]]:
    """(cycle, byte) of what the receiver makes of the levels, one a cycle."""
    receiver, found = SerialReceiver(divisor), []

    async def drive(ctx):
        for cycle, level in enumerate(line):
            ctx.set(receiver.rx, level)
            if ctx.get(receiver.valid):
                found.append((cycle, ctx.get(receiver.data)))
            await ctx.tick()

    simulate(receiver, drive)
    return found


def on_line(bits, divisor: int) -> list[int]:
    return [level for level in bits for _ in range(divisor)]


@pytest.mark.parametrize("divisor", [4, 5, 8, 104])
def test_bytes_are_received(divisor):
    line = [1] * 3 * divisor
    for byte in BYTES[: 2 if divisor > 99 else None]:
        line += on_line(levels(byte), divisor)
    line += [1] * 2 * divisor
    assert [byte for _, byte in received(divisor, line)] == BYTES[: 2 if divisor > 99 else None]


@pytest.mark.parametrize("divisor", [8, 16])
def test_a_byte_is_there_half_a_bit_after_its_stop_bit_began(divisor):
    ((cycle, _),) = received(divisor, [1] * divisor + on_line(levels(0x42), divisor) + [1] * divisor)
    assert 0 <= cycle - (divisor + 9 * divisor + divisor // 2) <= 4


@pytest.mark.parametrize("drift", [-0.03, 0.03])
def test_another_clock_may_be_three_percent_off(drift):
    divisor, line = 16, [1] * 40
    at = 0.0
    for level in (bit for byte in BYTES for bit in (*levels(byte), 1)):
        at += divisor * (1 + drift)
        line += [level] * (round(at) - (len(line) - 40))
    assert [byte for _, byte in received(divisor, line + [1] * 40)] == BYTES


def test_a_byte_without_a_stop_bit_is_dropped():
    line = on_line([1, *levels(0x12), 1, *levels(0x34, stop=0), 1, 1, *levels(0x56), 1], 8)
    assert [byte for _, byte in received(8, line)] == [0x12, 0x56]


def test_a_spike_is_no_start_bit():
    line = [1] * 20 + [0] * 3 + [1] * 200 + on_line(levels(0x77), 16) + [1] * 16
    assert [byte for _, byte in received(16, line)] == [0x77]


@pytest.mark.parametrize("gap", [0, 7, 150])
@pytest.mark.parametrize("divisor", [4, 9])
def test_bytes_are_sent_bit_by_bit(divisor, gap):
    """Each begins when the one before has ended, or at once on a line that is quiet."""
    transmitter, line = SerialTransmitter(divisor), []
    total = (10 * divisor + gap + 2) * len(BYTES)

    async def send(ctx):
        for byte in BYTES:
            ctx.set(transmitter.i.payload, byte)
            ctx.set(transmitter.i.valid, 1)
            await ctx.tick().until(transmitter.i.ready)
            ctx.set(transmitter.i.valid, 0)
            for _ in range(gap):
                await ctx.tick()

    async def watch(ctx):
        for _ in range(total):
            line.append(ctx.get(transmitter.tx))
            await ctx.tick()

    simulate(transmitter, send, watch)
    quiet = max(0, gap - 10 * divisor) + 2
    for byte in BYTES:
        start = line.index(0)
        assert start <= quiet
        assert line[start : start + 10 * divisor] == on_line(levels(byte), divisor)
        line = line[start + 10 * divisor :]
    assert set(line) <= {1}


class Loop(Component):
    """A transmitter whose line is a receiver's."""

    def __init__(self, divisor: int):
        self.receiver, self.transmitter = SerialReceiver(divisor), SerialTransmitter(divisor)
        super().__init__({"data": Out(8), "valid": Out(1), "payload": In(8), "send": In(1), "ready": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver, m.submodules.transmitter = receiver, transmitter = self.receiver, self.transmitter
        m.d.comb += [
            receiver.rx.eq(transmitter.tx), self.data.eq(receiver.data), self.valid.eq(receiver.valid),
            transmitter.i.payload.eq(self.payload), transmitter.i.valid.eq(self.send), self.ready.eq(transmitter.i.ready),
        ]  # fmt: skip
        return m


def test_what_is_sent_back_to_back_is_received():
    loop, found, rng = Loop(4), [], Random(1)
    sent = [rng.randrange(256) for _ in range(40)]

    async def send(ctx):
        for byte in sent:
            ctx.set(loop.payload, byte)
            ctx.set(loop.send, 1)
            await ctx.tick().until(loop.ready)
        ctx.set(loop.send, 0)

    async def take(ctx):
        for _ in range(41 * 42):
            if ctx.get(loop.valid):
                found.append(ctx.get(loop.data))
            await ctx.tick()

    simulate(loop, send, take)
    assert found == sent
