"""The requantizer: rows of C's panels, beat by beat, into the blocks that golden makes of them."""

from random import Random

import cocotb
import numpy as np
import pytest

from golden.format import BlockFormat
from golden.quantize import quantize
from hw.config import CoreConfig
from hw.core.requantizer import Requantizer, requantize_layout
from hw.core.result_buffer import beat_layout
from tests.bench import parameters, simulate
from tests.layouts import pack
from tests.quantize.blocks import blocks_of, decode, total_health
from tests.quantize.exchange import Sink, Source, exchange, reset
from tests.quantize.tensors import random_row

CONFIGS = {
    "one_part": CoreConfig(
        block_size=4, tile_rows=1, tile_columns=4, panel_columns=8, features=("requantize",), rounding_modes=("truncate",)
    ),
    "parts": CoreConfig(
        (4, 6), block_size=8, lanes=4, tile_rows=1, tile_columns=2, panel_columns=16, features=("requantize",),
        rounding_modes=("nearest", "stochastic"),
    ),
    "single": CoreConfig(block_size=4, lanes=1, tile_rows=1, tile_columns=1, panel_columns=8, features=("requantize",)),
}  # fmt: skip
MODES = ("nearest", "stochastic", "truncate")


class Result:
    """A C with its settings: the beats it comes in, and the blocks it must become."""

    def __init__(self, config: CoreConfig, rows: int, columns: int, rng: Random):
        self.config, self.columns = config, columns
        self.rows = [random_row(columns, rng) for _ in range(rows)]
        self.width, self.mode = rng.choice(config.mantissa_widths), rng.choice(config.rounding_modes)
        self.seed = rng.getrandbits(32) or 1
        format = BlockFormat(self.width, config.block_size, config.exponent_width)
        matrix = np.array(self.rows, np.uint32).view(np.float32)
        self.golden = quantize(matrix, format, rounding=self.mode, seed=self.seed)

    def beats(self, rng: Random) -> list[dict]:
        """Beats of C; what is beyond its columns carries noise and is not kept."""
        lanes, beats = self.config.tile_columns, []
        settings = pack(requantize_layout(), {
            "width": self.width, "rounding": MODES.index(self.mode), "seed": self.seed,
        })  # fmt: skip
        for number, row in enumerate(self.rows):
            for start in range(0, self.columns, lanes):
                part = row[start : start + lanes]
                noise = [rng.getrandbits(32) for _ in range(lanes - len(part))]
                ends = start + lanes >= self.columns
                payload = pack(beat_layout(self.config), {
                    "data": part + noise, "keep": (1 << len(part)) - 1, "row_first": number == 0, "row_last": ends,
                    "last": ends and number == len(self.rows) - 1,
                })  # fmt: skip
                beats.append({"i__payload": payload, "settings": settings})
        return beats


async def convert(dut, results: list[Result], rng: Random, idle: float = 0.0, stall: float = 0.0) -> Source:
    config = results[0].config
    per_block = config.block_size // config.lanes
    source = Source("i", [beat for result in results for beat in result.beats(rng)], idle)
    count = sum(len(blocks_of(result.golden)) for result in results)
    sink = Sink("o", per_block * count, stall, also=("tensor_last", "health"))
    await exchange(dut, [source], [sink], seed=rng.getrandbits(32), quiet=("health",))
    left = sink.beats
    for result in results:
        wanted = blocks_of(result.golden)
        part, left = left[: per_block * len(wanted)], left[per_block * len(wanted) :]
        assert decode(config, [payload for payload, *_ in part]) == wanted
        marks = [mark for _, mark, _ in part[per_block - 1 :: per_block]]
        assert marks == [0] * (len(wanted) - 1) + [1], "the last block of C, and no other, has its mark"
        assert total_health(config, [health for *_, health in part]) == result.golden.health
    return source


def shapes(config: CoreConfig, rng: Random, count: int) -> list[Result]:
    """Rows of one element, of whole panels, and such that end inside a beat or a block."""
    return [
        Result(config, rng.randrange(1, 4), rng.choice((1, config.panel_columns, rng.randrange(1, config.panel_columns + 1))), rng)
        for _ in range(count)
    ]  # fmt: skip


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.6])
async def blocks_equal_golden_at_every_rate(dut, idle, stall):
    await reset(dut)
    rng, config = Random(1), CoreConfig.from_dict(parameters()["config"])
    await convert(dut, shapes(config, rng, 25), rng, idle, stall)


@cocotb.test()
async def whole_rows_flow_at_one_beat_per_cycle(dut):
    """Beats of C are taken without a pause, from one row and one C to the next."""
    await reset(dut)
    rng, config = Random(2), CoreConfig.from_dict(parameters()["config"])
    source = await convert(dut, [Result(config, 3, config.panel_columns, rng) for _ in range(2)], rng)
    start = source.cycles[0]
    assert source.cycles == list(range(start, start + len(source.cycles)))


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_requantizer(name):
    config = CONFIGS[name]
    assert simulate(Requantizer(config), "tests.core.test_requantizer", {"config": config.to_dict()}) == 5


def test_one_quantizer_serves_both_ways():
    """A core's loaders and its requantizer share the module of their quantizers."""
    from hw.core.loader import Loader

    config = CONFIGS["parts"]
    assert Requantizer(config).quantizer.module_name == Loader(config, 1).quantizer.module_name
