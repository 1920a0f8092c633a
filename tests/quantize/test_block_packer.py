"""The block packer against golden, and back through golden's unpacker."""

from random import Random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from golden.format import BlockFormat, BlockTensor
from golden.pack import pack
from golden.quantize import quantize
from hw.config import CoreConfig
from hw.quantize.block_packer import BlockPacker
from tests.bench import parameters, simulate
from tests.quantize.blocks import blocks_of, encode
from tests.quantize.exchange import Sink, Source, exchange, reset
from tests.quantize.tensors import random_row

CONFIGS = {
    "default": (CoreConfig(), None),
    "mixed": (CoreConfig(mantissa_widths=(4, 6), block_size=32, lanes=8), None),
    "odd_block": (CoreConfig(mantissa_widths=(8,), block_size=49, lanes=7, exponent_width=10), None),
    "one_element": (CoreConfig(mantissa_widths=(2,), block_size=1, exponent_width=5), None),
    "other_words": (CoreConfig(mantissa_widths=(4, 7, 10), block_size=6, lanes=2, exponent_width=4), 5),
}


def packer() -> BlockPacker:
    return BlockPacker(CoreConfig.from_dict(parameters()["config"]), parameters()["words"])


def random_tensor(config: CoreConfig, rng: Random, blocks: int) -> BlockTensor:
    format = BlockFormat(rng.choice(config.mantissa_widths), config.block_size, config.exponent_width)
    rows = [random_row(config.block_size, rng) for _ in range(blocks)]
    return quantize(np.array(rows, np.uint32).view(np.float32), format)


def beats_in(config: CoreConfig, tensor: BlockTensor) -> list[dict]:
    """Beats of ``i`` with their width and the mark of the final block."""
    width = tensor.format.mantissa_width
    beats = [{"i__payload": payload, "width": width, "tensor_last": 0} for payload in encode(config, blocks_of(tensor))]
    for beat in beats[-(config.block_size // config.lanes) :]:
        beat["tensor_last"] = 1
    return beats


def beats_out(words: int, tensor: BlockTensor) -> list[int]:
    """Beats of ``packed_beat`` that ``golden.pack`` demands."""
    octets = pack(tensor).tobytes()
    beats = []
    for start in range(0, len(octets), 4 * words):
        part = octets[start : start + 4 * words]
        keep = (1 << -(-len(part) // 4)) - 1
        last = start + 4 * words >= len(octets)
        beats.append(int.from_bytes(part, "little") | (keep | last << words) << 32 * words)
    return beats


async def pack_all(dut, tensors: list[BlockTensor], rng: Random, idle: float = 0.0, stall: float = 0.0):
    """Run tensors back to back and compare every beat; returns source and sink."""
    p = packer()
    wanted = [beat for tensor in tensors for beat in beats_out(p.packing.words, tensor)]
    source = Source("i", [beat for tensor in tensors for beat in beats_in(p.config, tensor)], idle)
    sink = Sink("o", len(wanted), stall)
    await exchange(dut, [source], [sink], seed=rng.getrandbits(32))
    for number, (beat, golden) in enumerate(zip(sink.beats, wanted, strict=True)):
        assert beat == golden, f"beat {number}: got {beat:x}, not {golden:x}"
    return source, sink


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.6])
async def packed_tensors_equal_golden(dut, idle, stall):
    await reset(dut)
    rng = Random(1)
    config = packer().config
    await pack_all(dut, [random_tensor(config, rng, rng.randrange(1, 40)) for _ in range(24)], rng, idle, stall)


@cocotb.test()
async def one_beat_enters_per_cycle_and_leaves_after_the_documented_latency(dut):
    await reset(dut)
    rng = Random(2)
    p = packer()
    tensor = random_tensor(p.config, rng, 64)
    source, sink = await pack_all(dut, [tensor], rng)
    count = len(source.cycles)
    assert source.cycles == list(range(count))
    width, per_block = tensor.format.mantissa_width, p.config.block_size // p.config.lanes
    arrived = [  # bits after each beat
        (beat // per_block + 1) * p.config.exponent_width + (beat + 1) * p.config.lanes * width for beat in range(count)
    ]
    for number, cycle in enumerate(sink.cycles[:-1]):
        completing = next(i for i, bits in enumerate(arrived) if bits >= (number + 1) * p.packing.beat_bits)
        assert cycle == completing + p.latency_cycles


@cocotb.test()
async def reset_in_the_middle_leaves_no_trace(dut):
    await reset(dut)
    rng = Random(3)
    config = packer().config
    for stop in (1, 2, 3, 7, 20):
        source = Source("i", beats_in(config, random_tensor(config, rng, 30)), 0.3)
        await exchange(dut, [source], [Sink("o", 1 << 30, 0.3)], stop=stop)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        await pack_all(dut, [random_tensor(config, rng, 5) for _ in range(3)], rng)


@pytest.mark.parametrize("name", CONFIGS)
def test_block_packer(name):
    config, words = CONFIGS[name]
    values = {"config": config.to_dict(), "words": words}
    assert simulate(BlockPacker(config, words), "tests.quantize.test_block_packer", values) == 6


def test_refuses_words_too_few_for_a_beat_of_mantissas():
    with pytest.raises(ValueError, match=r"^words must be at least 3, not 2$"):
        BlockPacker(CoreConfig(), 2)
