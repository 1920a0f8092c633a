"""The output stage: what each command wants of its C, one C after the other."""

from random import Random

import cocotb
import numpy as np
import pytest

from golden.finish import finish, to_bfloat16
from golden.format import BlockFormat
from golden.pack import pack as pack_blocks
from golden.quantize import quantize
from hw.command import OutputFormat, Rounding
from hw.config import CoreConfig
from hw.core.output_stage import OutputStage, output_layout
from hw.core.result_buffer import beat_layout
from tests.accumulate.test_result_finisher import random_word
from tests.bench import parameters, simulate
from tests.layouts import pack
from tests.quantize.blocks import blocks_of, decode
from tests.quantize.exchange import Sink, Source, exchange, reset

CONFIGS = {
    "numbers": CoreConfig(block_size=4, tile_rows=1, tile_columns=3, panel_columns=9, features=("bfloat16", "bias")),
    "plain": CoreConfig(block_size=4, tile_rows=1, tile_columns=2, panel_columns=6, features=("bfloat16",)),
    "blocks": CoreConfig(
        (4, 6), block_size=8, lanes=4, tile_rows=1, tile_columns=2, panel_columns=16, features=("bias", "requantize"),
        rounding_modes=("nearest", "stochastic"),
    ),
}  # fmt: skip


class Job:
    """A C, what is to become of it, and the words or blocks that golden makes of it."""

    def __init__(self, config: CoreConfig, rng: Random):
        self.config, self.rng = config, rng
        self.formats = [OutputFormat.FP32] + [OutputFormat.BFLOAT16] * ("bfloat16" in config.features)
        self.formats += [OutputFormat.PACKED, OutputFormat.RESULTS] * ("requantize" in config.features)
        self.output, has_bias = rng.choice(self.formats), "bias" in config.features
        self.bias, self.relu = (rng.getrandbits(1) * has_bias for _ in range(2))
        self.columns, self.width = rng.randrange(1, config.panel_columns + 1), rng.choice(config.mantissa_widths)
        self.rounding, self.seed = rng.choice(config.rounding_modes), rng.getrandbits(32) or 1
        rows = rng.randrange(1, 4)
        self.c = np.array([[random_word(rng) for _ in range(self.columns)] for _ in range(rows)], np.uint32)
        self.added = np.array([random_word(rng) for _ in range(self.columns)], np.uint32)
        values, bias = self.c.view(np.float32), self.added.view(np.float32)
        self.finished = finish(values, bias if self.bias else None, bool(self.relu))

    @property
    def payload(self) -> int:
        return pack(output_layout(), {
            "output": self.output, "bias": self.bias, "relu": self.relu, "width": self.width,
            "rounding": Rounding[self.rounding.upper()], "seed": self.seed,
        })  # fmt: skip

    def _beats(self, row: list[int]) -> list[tuple[list[int], int]]:
        lanes = self.config.tile_columns
        parts = [row[start : start + lanes] for start in range(0, len(row), lanes)]
        return [(part + [0] * (lanes - len(part)), (1 << len(part)) - 1) for part in parts]

    def results(self) -> list[int]:
        """Beats of C, as the result buffer sends them."""
        beats = []
        for number, row in enumerate(self.c.tolist()):
            for words, keep in self._beats(row):
                beats.append({"data": words, "keep": keep, "row_first": number == 0})
            beats[-1]["row_last"] = 1
        beats[-1]["last"] = 1
        return [pack(beat_layout(self.config), beat) for beat in beats]

    def bias_beats(self) -> list[int]:
        lanes = range(self.config.tile_columns)
        beats = [words for words, _ in self._beats(self.added.tolist())] if self.bias else []
        return [sum(words[lane] << 32 * lane for lane in lanes) for words in beats]

    def golden(self):
        format = BlockFormat(self.width, self.config.block_size, self.config.exponent_width)
        return quantize(self.finished, format, rounding=self.rounding, seed=self.seed)

    def words(self) -> list[tuple[int, int]]:
        """Words of the output stream, as (word, the number of them that a beat keeps is beside it)."""
        if self.output == OutputFormat.PACKED:
            return list(np.frombuffer(pad(pack_blocks(self.golden())), np.uint32).tolist())
        if self.output == OutputFormat.BFLOAT16:
            words = []
            for row in to_bfloat16(self.finished).tolist():
                pairs = [row[i : i + 2] for i in range(0, len(row), 2)]
                words += [sum(half << 16 * place for place, half in enumerate(pair)) for pair in pairs]
            return words
        return self.finished.view(np.uint32).reshape(-1).tolist()


def pad(data) -> bytes:
    data = bytes(data)
    return data + b"\0" * (-len(data) % 4)


def kept_words(beats: list[int], lanes: int) -> list[list[int]]:
    """Words kept, up to each beat marked as a C's last."""
    groups = [[]]
    for beat in beats:
        keep = beat >> 32 * lanes
        groups[-1] += [beat >> 32 * lane & 0xFFFFFFFF for lane in range(lanes) if keep >> lane & 1]
        if keep >> lanes & 1:
            groups.append([])
    assert groups.pop() == []
    return groups


def sent_beats(job: Job) -> int:
    """Beats that a C leaves in, row by row, or joined for packed blocks."""
    lanes = job.config.tile_columns
    if job.output == OutputFormat.RESULTS:
        return 0
    if job.output == OutputFormat.PACKED:
        return -(-len(job.words()) // lanes)
    per_row = -(-job.columns // 2) if job.output == OutputFormat.BFLOAT16 else job.columns
    return len(job.c) * -(-per_row // lanes)


@cocotb.test()
@cocotb.parametrize(pace=[0.0, 0.5])
async def each_c_becomes_what_its_command_wants(dut, pace):
    """Formats, bias and ReLU change from one C to the next; no beat of one is touched by another's settings."""
    config, rng = CoreConfig.from_dict(parameters()["config"]), Random(7)
    jobs = [Job(config, rng) for _ in range(30)]
    for name in ("i_job", "i_bias"):
        if hasattr(dut, f"{name}__valid"):
            getattr(dut, f"{name}__valid").value = 0
    await reset(dut)
    sources = [
        Source("i_job", [job.payload for job in jobs], pace), Source("i", [b for job in jobs for b in job.results()], pace)
    ]  # fmt: skip
    if "bias" in config.features:
        sources.append(Source("i_bias", [beat for job in jobs for beat in job.bias_beats()], pace))
    sinks = [Sink("o", sum(map(sent_beats, jobs)), pace)]
    kept = [job for job in jobs if job.output == OutputFormat.RESULTS]
    if "requantize" in config.features:
        beats = sum(len(blocks_of(job.golden())) for job in kept) * (config.block_size // config.lanes)
        sinks.append(Sink("o_blocks", beats, pace))
    await exchange(dut, sources, sinks, seed=3)
    sent = [job for job in jobs if job.output != OutputFormat.RESULTS]
    for job, words in zip(sent, kept_words(sinks[0].beats, config.tile_columns), strict=True):
        assert words == job.words(), f"{job.output.name}, bias {job.bias}, relu {job.relu}, {job.c.shape}"
    if kept:
        assert decode(config, sinks[1].beats) == [block for job in kept for block in blocks_of(job.golden())]
    assert not dut.busy.value


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_output_stage(name):
    config = CONFIGS[name]
    assert simulate(OutputStage(config), "tests.core.test_output_stage", {"config": config.to_dict()}) == 2
