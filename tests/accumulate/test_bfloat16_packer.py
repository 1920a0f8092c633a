"""Results as bfloat16 against golden: every rounding, rows of every length."""

from random import Random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from golden.finish import to_bfloat16
from hw.accumulate.bfloat16_packer import Bfloat16Packer
from tests.accumulate.test_result_finisher import CORNERS, pack, random_word
from tests.bench import parameters, simulate
from tests.quantize.exchange import Sink, Source, exchange, reset


def random_result(rng: Random) -> int:
    """Numbers close to and on ties, and the corners."""
    return rng.choice((rng.choice(CORNERS), random_word(rng), random_word(rng) & 0xFFFF0000 | 0x8000))


def random_rows(rng: Random, columns: int, count: int) -> tuple[list[dict], list[int]]:
    """Rows of random length and format: beats in, and the beats out that golden demands."""
    offered, wanted = [], []
    for row in range(count):
        length, last, bfloat16 = rng.randrange(1, 6 * columns), row == count - 1, rng.getrandbits(1)
        words = [random_result(rng) for _ in range(length)]
        for start in range(0, length, columns):
            part = words[start : start + columns]
            row_last = start + columns >= length
            keep = (1 << len(part)) - 1
            noise = pack([rng.getrandbits(32) for _ in range(columns)]) >> 32 * len(part) << 32 * len(part)
            marks = keep | row_last << columns | (last and row_last) << columns + 1
            offered.append(
                {"i__payload": (pack(part) | noise if bfloat16 else pack(part)) | marks << 32 * columns,
                 "bfloat16": bfloat16}
            )  # fmt: skip
        if bfloat16:
            halves = to_bfloat16(np.array(words, np.uint32).view(np.float32)).tolist()
            pairs = [halves[i : i + 2] for i in range(0, length, 2)]
            words = [sum(half << 16 * place for place, half in enumerate(pair)) for pair in pairs]
        for start in range(0, len(words), columns):
            part = words[start : start + columns]
            keep = (1 << len(part)) - 1
            wanted.append(pack(part) | (keep | (last and start + columns >= len(words)) << columns) << 32 * columns)
    return offered, wanted


async def compare(dut, rng: Random, idle: float = 0.0, stall: float = 0.0, count: int = 100) -> Source:
    offered, wanted = random_rows(rng, parameters()["columns"], count)
    source, sink = Source("i", offered, idle), Sink("o", len(wanted), stall)
    await exchange(dut, [source], [sink], seed=rng.getrandbits(32))
    for number, (beat, golden) in enumerate(zip(sink.beats, wanted, strict=True)):
        assert beat == golden, f"beat {number}: {beat:x}, not {golden:x}"
    assert sink.cycles[-1] >= source.cycles[-1] + Bfloat16Packer(1).latency_cycles
    return source


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.6])
async def rows_equal_golden_at_every_rate(dut, idle, stall):
    await reset(dut)
    await compare(dut, Random(1), idle, stall)


@cocotb.test()
async def one_beat_enters_per_cycle(dut):
    await reset(dut)
    source = await compare(dut, Random(2))
    assert source.cycles == list(range(len(source.cycles)))


@cocotb.test()
async def reset_in_the_middle_leaves_no_trace(dut):
    await reset(dut)
    rng = Random(3)
    for stop in (1, 2, 3, 4, 5, 9):
        await exchange(dut, [Source("i", random_rows(rng, parameters()["columns"], 9)[0])], [Sink("o", 99)], stop=stop)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        await compare(dut, rng, count=5)


@pytest.mark.parametrize("columns", [1, 4])
def test_bfloat16_packer(columns):
    values = {"columns": columns}
    assert simulate(Bfloat16Packer(columns), "tests.accumulate.test_bfloat16_packer", values) == 6
