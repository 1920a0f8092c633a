"""The block unpacker against golden, on packed tensors and on words no packer writes."""

from itertools import count
from random import Random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from golden.format import BlockFormat, BlockTensor
from golden.pack import packed_size, unpack
from hw.config import CoreConfig
from hw.quantize.block_unpacker import BlockUnpacker
from tests.bench import parameters, simulate
from tests.quantize.blocks import blocks_of, decode
from tests.quantize.exchange import Sink, Source, exchange, reset

CONFIGS = {
    "default": CoreConfig(),
    "mixed": CoreConfig(mantissa_widths=(4, 6), block_size=32, lanes=8),
    "odd_block": CoreConfig(mantissa_widths=(8,), block_size=49, lanes=7, exponent_width=10),
    "one_element": CoreConfig(mantissa_widths=(2,), block_size=1, exponent_width=5),
    "four_lines": CoreConfig(block_size=16, lanes=16, load_lines=4, features=("packed",)),
    "wide": CoreConfig(mantissa_widths=(4, 7, 10), block_size=6, lanes=2, exponent_width=4),
}


def config() -> CoreConfig:
    return CoreConfig.from_dict(parameters()["config"])


def random_tensor(config: CoreConfig, rng: Random, blocks: int) -> tuple[BlockTensor, list[int]]:
    """What random bits mean, and the bits as beats: every code occurs, also those no quantizer makes.

    ``blocks`` of each of the lines that leave at once.
    """
    blocks *= config.load_lines
    format = BlockFormat(rng.choice(config.mantissa_widths), config.block_size, config.exponent_width)
    bits = rng.getrandbits(blocks * format.block_bits)
    for block in range(blocks):
        field = rng.choice((None, None, None, 0, format.nan_field))
        if field is not None:
            shift = block * format.block_bits
            bits = bits & ~(format.nan_field << shift) | field << shift
    octets = bits.to_bytes(packed_size(blocks, format), "little")
    tensor = unpack(octets, format, (blocks * format.block_size,))
    noise = rng.getrandbits(4096) << blocks * format.block_bits  # behind a tensor's end
    beats = -(-blocks * format.block_bits // (32 * config.lanes))
    stream = bits | noise
    return tensor, [stream >> 32 * config.lanes * beat & (1 << 32 * config.lanes) - 1 for beat in range(beats)]


def one_by_one(config: CoreConfig, beats: tuple[int, ...], others: tuple[int, ...] = ()) -> list[int]:
    """Beats of blocks, those that leave at once one after another."""
    if config.load_lines == 1:
        return list(beats)
    size = BlockUnpacker(config).o.payload.shape().size
    return [word for first, more in zip(beats, others, strict=True)
            for word in (first, *(more >> size * i & (1 << size) - 1 for i in range(config.load_lines - 1)))]  # fmt: skip


async def unpack_all(dut, tensors, rng: Random, idle: float = 0.0, stall: float = 0.0, stop: int | None = None) -> Sink:
    """Run tensors back to back, each with its width, and compare every block."""
    c = config()
    per_block = c.block_size // c.lanes
    source = Source("i", [beat for _, beats in tensors for beat in beats], idle)
    plan = []  # (width, final) of each beat on o
    for tensor, _ in tensors:
        blocks = tensor.fields.size // c.load_lines
        plan += [(tensor.format.mantissa_width, block == blocks - 1) for block in range(blocks) for _ in range(per_block)]
    sink = Sink("o", len(plan), stall, also=("words_needed", "others")[: 2 if c.load_lines > 1 else 1])

    def drive():
        width, final = plan[min(len(sink.beats), len(plan) - 1)]
        return {"width": width, "tensor_last": final}

    await exchange(dut, [source], [sink], seed=rng.getrandbits(32), drive=drive, stop=stop)
    if stop is None:
        wanted = [block for tensor, _ in tensors for block in blocks_of(tensor)]
        beats, needed, *others = zip(*sink.beats, strict=True)
        lasts = [words for words, (_, final), beat in zip(needed, plan, count(1), strict=False) if final and beat % per_block == 0]
        words = [-(-tensor.fields.size * tensor.format.block_bits // 32) for tensor, _ in tensors]
        assert lasts == [(number - 1) % c.lanes + 1 for number in words]
        for number, (block, golden) in enumerate(zip(decode(c, one_by_one(c, beats, *others)), wanted, strict=True)):
            assert block == golden, f"block {number}:\n got {block}\n not {golden}"
    return sink


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.6])
async def random_words_mean_what_golden_says(dut, idle, stall):
    await reset(dut)
    rng = Random(1)
    await unpack_all(dut, [random_tensor(config(), rng, rng.randrange(1, 12)) for _ in range(30)], rng, idle, stall)


@cocotb.test()
async def one_beat_leaves_per_cycle_after_the_documented_latency(dut):
    await reset(dut)
    rng = Random(2)
    sink = await unpack_all(dut, [random_tensor(config(), rng, 50)], rng)
    first = BlockUnpacker(config()).latency_cycles
    assert sink.cycles == list(range(first, first + sink.count))


@cocotb.test()
async def reset_in_the_middle_leaves_no_trace(dut):
    await reset(dut)
    rng = Random(3)
    for stop in (1, 2, 3, 7, 20):
        await unpack_all(dut, [random_tensor(config(), rng, 30)], rng, 0.3, 0.3, stop)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        await unpack_all(dut, [random_tensor(config(), rng, 3) for _ in range(3)], rng)


@pytest.mark.parametrize("name", CONFIGS)
def test_block_unpacker(name):
    config = CONFIGS[name]
    assert simulate(BlockUnpacker(config), "tests.quantize.test_block_unpacker", {"config": config.to_dict()}) == 6


def test_random_bits_reach_the_code_no_quantizer_makes():
    """The oracle's own saturation, on one block of nothing else."""
    octets = np.array([0x80, 0x88, 0x88], np.uint8)
    assert unpack(octets, BlockFormat(4, 4, 8), (4,)).mantissas.tolist() == [[-7, -7, -7, -7]]
