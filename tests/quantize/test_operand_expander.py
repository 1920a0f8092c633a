"""Operand lines in FP32 and bfloat16, one after the other."""

from random import Random

import cocotb
import pytest
from cocotb.triggers import FallingEdge

from hw.quantize.operand_expander import OperandExpander
from tests.bench import parameters, simulate
from tests.quantize.exchange import Sink, Source, exchange, reset


async def compare(dut, rng: Random, count: int, idle: float = 0.0, stall: float = 0.0) -> Sink:
    """Send lines of random length; only the elements of a line are compared, for the rest is padding."""
    lanes = parameters()["lanes"]
    offered, plan = [], []
    for _ in range(count):
        bfloat16, length = rng.getrandbits(1), rng.randrange(1, 5 * lanes)
        width = 16 if bfloat16 else 32
        numbers = [rng.getrandbits(width) for _ in range(length)]
        per_beat = 32 * lanes // width
        for start in range(0, length, per_beat):
            part = numbers[start : start + per_beat]
            payload = sum(number << width * lane for lane, number in enumerate(part))
            offered.append(payload | rng.getrandbits(32 * lanes) >> width * len(part) << width * len(part))
        for start in range(0, length, lanes):
            plan.append((bfloat16, start + lanes >= length, numbers[start : start + lanes]))
    source, sink = Source("i", offered, idle), Sink("o", len(plan), stall)

    def drive():
        bfloat16, line_last, _ = plan[min(len(sink.beats), len(plan) - 1)]
        return {"bfloat16": bfloat16, "line_last": line_last}

    await exchange(dut, [source], [sink], seed=rng.getrandbits(32), drive=drive)
    for beat, (bfloat16, _, numbers) in zip(sink.beats, plan, strict=True):
        got = [beat >> 32 * lane & 0xFFFFFFFF for lane in range(len(numbers))]
        assert got == [number << 16 if bfloat16 else number for number in numbers]
    return sink


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.6])
async def every_element_arrives_once(dut, idle, stall):
    await reset(dut)
    await compare(dut, Random(1), 200, idle, stall)


@cocotb.test()
async def one_beat_leaves_per_cycle_at_once(dut):
    await reset(dut)
    sink = await compare(dut, Random(2), 200)
    assert sink.cycles == list(range(sink.count))


@cocotb.test()
async def reset_in_the_middle_of_a_beat_leaves_no_trace(dut):
    await reset(dut)
    beat = [(1 << 32 * parameters()["lanes"]) - 1]
    await exchange(dut, [Source("i", beat)], [Sink("o", 1)], drive=lambda: {"bfloat16": 1, "line_last": 0}, stop=1)
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    await compare(dut, Random(3), 5)


@pytest.mark.parametrize("lanes", [1, 4])
def test_operand_expander(lanes):
    assert simulate(OperandExpander(lanes), "tests.quantize.test_operand_expander", {"lanes": lanes}) == 6
