"""The block quantizer against golden: every bit, at every rate."""

from random import Random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from golden.format import BlockFormat
from golden.quantize import quantize
from hw.config import CoreConfig
from hw.quantize.block_quantizer import BlockQuantizer
from tests.bench import parameters, simulate
from tests.quantize.blocks import blocks_of, decode, total_health
from tests.quantize.exchange import Sink, Source, exchange, reset
from tests.quantize.tensors import random_row, special_blocks

ALL = ("nearest", "stochastic", "truncate")
CONFIGS = {
    "default": CoreConfig(),
    "mixed": CoreConfig(mantissa_widths=(4, 6), block_size=32, lanes=8, rounding_modes=ALL),
    "odd_block": CoreConfig(
        mantissa_widths=(8,), block_size=49, lanes=7, exponent_width=10, rounding_modes=("nearest", "stochastic")
    ),
    "one_element": CoreConfig(mantissa_widths=(2,), block_size=1, rounding_modes=("truncate",)),
    "one_beat": CoreConfig(
        mantissa_widths=(3,), block_size=4, lanes=4, exponent_width=4, rounding_modes=("nearest", "truncate")
    ),
    "wide": CoreConfig(
        mantissa_widths=(4, 7, 10), block_size=6, lanes=2, exponent_width=4, rounding_modes=("nearest", "stochastic")
    ),
    "five": CoreConfig(mantissa_widths=(5,), block_size=12, lanes=3, exponent_width=5, rounding_modes=("stochastic",)),
    "six": CoreConfig(mantissa_widths=(6,), block_size=16, lanes=8, exponent_width=9),
    "seven": CoreConfig(mantissa_widths=(7,), block_size=9, lanes=1, exponent_width=7, rounding_modes=ALL),
}


class Tensor:
    """A matrix to convert with one set of settings: what goes in and what must come out."""

    def __init__(self, config: CoreConfig, rows: list[list[int]], rng: Random):
        self.config = config
        self.rows = rows
        self.width = rng.choice(config.mantissa_widths)
        self.mode = rng.choice(config.rounding_modes)
        self.seed = rng.getrandbits(32) or 1
        matrix = np.array(rows, np.uint32).view(np.float32)
        format = BlockFormat(self.width, config.block_size, config.exponent_width)
        self.golden = quantize(matrix, format, rounding=self.mode, seed=self.seed)

    def beats(self, rng: Random) -> list[dict]:
        """What the source offers; lanes that do not count carry noise."""
        lanes, size = self.config.lanes, self.config.block_size
        settings = self.width | ALL.index(self.mode) << 4 | self.seed << 6
        beats = []
        for row in self.rows:
            for start in range(0, len(row), lanes):
                numbers = row[start : start + lanes]
                last = (start + lanes) % size == 0 or start + lanes >= len(row)
                payload = sum(number << 32 * lane for lane, number in enumerate(numbers))
                for lane in range(len(numbers), lanes):
                    payload |= rng.getrandbits(32) << 32 * lane
                payload |= ((1 << len(numbers)) - 1 | (not beats) << lanes | last << lanes + 1) << 32 * lanes
                beats.append({"i__payload": payload, "settings": settings})
        return beats


async def convert(dut, tensors: list[Tensor], rng: Random, idle: float = 0.0, stall: float = 0.0):
    """Run tensors back to back, compare every block and each tensor's health; returns source and sink."""
    config = tensors[0].config
    beats = BlockQuantizer(config).beats
    source = Source("i", [beat for tensor in tensors for beat in tensor.beats(rng)], idle)
    sink = Sink("o", beats * sum(len(blocks_of(tensor.golden)) for tensor in tensors), stall, also=("health",))
    await exchange(dut, [source], [sink], seed=rng.getrandbits(32), quiet=("health",))
    left = sink.beats
    for tensor in tensors:
        blocks = blocks_of(tensor.golden)
        part, left = left[: beats * len(blocks)], left[beats * len(blocks) :]
        for number, (block, wanted) in enumerate(zip(decode(config, [p for p, _ in part]), blocks, strict=True)):
            assert block == wanted, f"block {number}, {tensor.width} bits, {tensor.mode}:\n got {block}\n not {wanted}"
        assert total_health(config, [health for _, health in part]) == tensor.golden.health
    return source, sink


def config() -> CoreConfig:
    return CoreConfig.from_dict(parameters()["config"])


def ragged_tensors(config: CoreConfig, rng: Random, count: int) -> list[Tensor]:
    """Tensors of random sizes, among them rows of one element and rows that end inside a block."""
    shapes = [(rng.randrange(1, 5), rng.choice((1, rng.randrange(1, 4 * config.block_size)))) for _ in range(count)]
    return [Tensor(config, [random_row(length, rng) for _ in range(rows)], rng) for rows, length in shapes]


@cocotb.test()
async def corner_cases_equal_golden(dut):
    await reset(dut)
    rng = Random(1)
    tensors = []
    for width in config().mantissa_widths:
        for mode in config().rounding_modes:
            tensor = Tensor(config(), special_blocks(width, config().block_size, rng), rng)
            while (tensor.width, tensor.mode) != (width, mode):
                tensor = Tensor(config(), tensor.rows, rng)
            tensors.append(tensor)
    await convert(dut, tensors, rng)


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.6])
async def random_tensors_equal_golden_at_every_rate(dut, idle, stall):
    await reset(dut)
    rng = Random(2)
    await convert(dut, ragged_tensors(config(), rng, 30), rng, idle, stall)


@cocotb.test()
async def whole_blocks_flow_at_one_beat_per_cycle_with_the_documented_latency(dut):
    await reset(dut)
    rng = Random(3)
    quantizer = BlockQuantizer(config())
    row = [number for block in special_blocks(4, config().block_size, rng) for number in block]
    source, sink = await convert(dut, [Tensor(config(), [row], rng)] * 2, rng)
    start, count = source.cycles[0], len(source.cycles)
    assert source.cycles == list(range(start, start + count))
    first = source.cycles[quantizer.beats - 1] + quantizer.latency_cycles
    assert sink.cycles == list(range(first, first + count))


@cocotb.test()
async def reset_in_the_middle_leaves_no_trace(dut):
    await reset(dut)
    rng = Random(4)
    for stop in (1, 2, 3, 5, 8, 40):
        tensor = Tensor(config(), [random_row(5 * config().block_size, rng)], rng)
        await exchange(dut, [Source("i", tensor.beats(rng))], [Sink("o", 1 << 30, 0.5)], stop=stop)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        dut.i__valid.value = 0
        await convert(dut, ragged_tensors(config(), rng, 3), rng)


@pytest.mark.parametrize("name", CONFIGS)
def test_block_quantizer(name):
    config = CONFIGS[name]
    assert simulate(BlockQuantizer(config), "tests.quantize.test_block_quantizer", {"config": config.to_dict()}) == 7
