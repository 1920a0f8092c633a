"""Bias and ReLU against golden, on pairs of numbers where additions go wrong."""

from itertools import product
from random import Random

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge

from golden.finish import finish
from hw.accumulate.result_finisher import ResultFinisher
from tests.bench import parameters, simulate
from tests.quantize.exchange import Sink, Source, exchange, reset

CORNERS = (
    0, 1 << 31, 0x00800000, 0x80800001, 0x00FFFFFF, 0x3F800000, 0xBF800000, 0x3F800001, 0xBF7FFFFF, 0x33800000,
    0xB3800000, 0x33800001, 0x34000000, 0x7F7FFFFF, 0xFF7FFFFF, 0x73000000, 0x7F800000, 0xFF800000, 0x7FC00000,
)  # fmt: skip
ONLY_BIAS = (1, 0x807FFFFF, 0x7F800001, 0xFFFFFFFF)  # subnormals and other NaNs, which no accumulator holds


def random_word(rng: Random) -> int:
    """A number an accumulator can hold, mostly near 1.0."""
    exponent = rng.choice((rng.randrange(1, 255), rng.randrange(115, 130), rng.randrange(1, 4), 0))
    fraction = rng.choice((rng.getrandbits(23), 0, 0x7FFFFF, 1 << rng.randrange(23))) if exponent else 0
    return rng.getrandbits(1) << 31 | exponent << 23 | fraction


def around_a_tie(rng: Random) -> tuple[int, int]:
    """Two numbers whose exact sum lies halfway between two others, or off it by a single bit below."""
    distance, exponent = rng.randrange(1, 25), rng.randrange(60, 200)
    half, bit = 1 << distance - 1, rng.randrange(distance)
    kept = (1 << 23 | rng.getrandbits(23)) >> distance << distance
    large, small = rng.getrandbits(23), (kept | half | 1 << bit) & 0x7FFFFF
    signs = rng.getrandbits(1) << 31, rng.getrandbits(1) << 31
    return signs[0] | exponent << 23 | large, signs[1] | exponent - distance << 23 | small


def pairs(rng: Random) -> list[tuple[int, int]]:
    chosen = list(product(CORNERS, CORNERS + ONLY_BIAS))
    while len(chosen) < 1500:
        value = random_word(rng)
        if rng.random() < 0.2:
            chosen.append(rng.choice((around_a_tie(rng), around_a_tie(rng)[::-1])))
            continue
        near = value ^ 1 << 31 ^ rng.getrandbits(rng.randrange(1, 26))  # cancels, more or less
        if not 0 < near >> 23 & 255 < 255:
            near = random_word(rng)
        chosen.append((value, rng.choice((random_word(rng), near))))
    rng.shuffle(chosen)
    return chosen


def beats(rng: Random, columns: int) -> tuple[list[int], list[int]]:
    """Beats in, and the beats that golden demands."""
    chosen, offered, wanted = pairs(rng), [], []
    for start in range(0, len(chosen) - columns + 1, columns):
        part = chosen[start : start + columns]
        keep, row_last, last, add_bias, relu = (rng.getrandbits(bits) for bits in (columns, 1, 1, 1, 1))
        values, bias = (np.array(words, np.uint32).view(np.float32) for words in zip(*part, strict=True))
        result = finish(values[None, :], bias if add_bias else None, bool(relu))[0].view(np.uint32).tolist()
        marks = keep | row_last << columns | last << columns + 1
        wanted.append(pack(result) | marks << 32 * columns)
        more = pack([b for _, b in part]) | add_bias << 32 * columns | relu << 32 * columns + 1
        offered.append(pack([v for v, _ in part]) | marks << 32 * columns | more << 33 * columns + 2)
    return offered, wanted


def pack(words: list[int]) -> int:
    return sum(word << 32 * lane for lane, word in enumerate(words))


async def compare(dut, rng: Random, idle: float = 0.0, stall: float = 0.0) -> tuple[Source, Sink]:
    offered, wanted = beats(rng, parameters()["columns"])
    source, sink = Source("i", offered, idle), Sink("o", len(wanted), stall)
    await exchange(dut, [source], [sink], seed=rng.getrandbits(32))
    for number, (beat, golden) in enumerate(zip(sink.beats, wanted, strict=True)):
        assert beat == golden, f"beat {number}: {offered[number]:x} gave {beat:x}, not {golden:x}"
    return source, sink


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.6])
async def sums_equal_golden_at_every_rate(dut, idle, stall):
    await reset(dut)
    await compare(dut, Random(1), idle, stall)


@cocotb.test()
async def one_beat_per_cycle_with_the_documented_latency(dut):
    await reset(dut)
    source, sink = await compare(dut, Random(2))
    assert source.cycles == list(range(len(source.cycles)))
    assert sink.cycles == [cycle + ResultFinisher(1).latency_cycles for cycle in source.cycles]


@cocotb.test()
async def reset_in_the_middle_leaves_no_trace(dut):
    await reset(dut)
    rng = Random(3)
    for stop in (1, 2, 3, 4, 5, 9):
        await exchange(dut, [Source("i", beats(rng, parameters()["columns"])[0])], [Sink("o", 99, 0.5)], stop=stop)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        await compare(dut, rng)


def test_result_finisher():
    assert simulate(ResultFinisher(3), "tests.accumulate.test_result_finisher", {"columns": 3}) == 6
