"""The loader against golden's conversion, with the order of its writes and the life of the buffer's halves."""

from random import Random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import with_timeout

import golden
from hw.command import Rounding
from hw.config import CoreConfig
from hw.core.loader import Loader, load_layout
from hw.core.operand_buffer import write_layout
from hw.quantize.block_quantizer import conversion_health
from hw.timing import FULL_CYCLES
from sim.rtl.beats import operand_beats
from tests.bench import simulate
from tests.layouts import pack, signed_mantissas, step, unpack
from tests.streams import Pace, put, reset, start_clock

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), block_size=6, lanes=2, operand_depth=12, rounding_modes=("nearest", "stochastic")
)
LINES, DEPTH = 3, CONFIG.operand_depth
WRITE, HEALTH = write_layout(CONFIG, LINES), conversion_health(CONFIG.lanes)


class Job:
    """A tensor to load and the writes it must cause, in order."""

    def __init__(self, rng: Random, lines: int, inner: int):
        width, mode = rng.choice(CONFIG.mantissa_widths), rng.choice(CONFIG.rounding_modes)
        seed = rng.getrandbits(32) | 1
        random = np.random.default_rng(rng.getrandbits(32))
        matrix = (random.normal(size=(lines, inner)) * 2.0 ** random.integers(-9, 9, (lines, inner))).astype(np.float32)
        if rng.random() < 0.4:  # ties, and their neighbours, which every bit of a word decides
            ties = (random.integers(-31, 32, (lines, inner)) / 16).astype(np.float32)
            matrix = np.nextafter(ties, random.choice([-9, 0, 9], (lines, inner)).astype(np.float32))
        if rng.random() < 0.2:
            matrix[0, -1] = np.nan
        tensor = golden.quantize(matrix, golden.BlockFormat(width, CONFIG.block_size), rounding=mode, seed=seed)
        blocks = tensor.mantissas.shape[1]
        self.health = tensor.health
        self.fields = {
            "lines": lines, "inner": inner, "blocks": blocks, "width": width, "rounding": Rounding[mode.upper()],
            "seed": seed,
        }  # fmt: skip
        self.last_words = [(inner - 1) % CONFIG.lanes + 1] * lines
        self.words = [int.from_bytes(beat.tobytes(), "little") for beat in operand_beats(matrix, CONFIG)]
        self.writes = [
            {
                "line": line % LINES, "block": line // LINES * blocks + block, "beat": beat,
                "scale": int(tensor.scales[line, block]), "nan": int(tensor.nan_blocks[line, block]),
                "mantissas": tensor.mantissas[line, block, CONFIG.lanes * beat :][: CONFIG.lanes].tolist(),
            }
            for line in range(lines) for block in range(blocks) for beat in range(CONFIG.block_size // CONFIG.lanes)
        ]  # fmt: skip


def shown(word: int) -> dict:
    write = unpack(WRITE, word)
    fields = {name: getattr(write, name) for name in ("line", "block", "beat", "scale", "nan")}
    return fields | {"mantissas": signed_mantissas(write.mantissas)}


@cocotb.test()
@cocotb.parametrize(idle=[100, 50], patience=[0, 60])
async def fills_free_halves_with_golden_blocks(dut, idle, patience):
    """Tensors back to back: each write has golden's block at its place, and no half is written before it is free.

    ``patience`` is how many cycles the reader may keep a half.
    """
    rng = Random(idle + patience)
    shapes = [(groups * LINES, DEPTH // groups * CONFIG.block_size) for groups in (1, 2, DEPTH)]  # which fill the buffer
    shapes += [(rng.randint(1, 3 * LINES), rng.choice((1, 2, 5, 6, 7, 12, 17))) for _ in range(7)]
    jobs = [Job(rng, *shape) for shape in rng.sample(shapes, len(shapes))]
    start_clock(dut)
    await reset(dut, i_job__valid=0, i__valid=0, take=0, retire=0)
    words = [pack(load_layout(), job.fields) for job in jobs]
    tasks = [
        cocotb.start_soon(put(dut, "i_job", words)),
        cocotb.start_soon(put(dut, "i", [word for job in jobs for word in job.words], Pace(idle, 1))),
    ]
    await with_timeout(_follow(dut, jobs, rng, patience), 1, "ms")
    for task in tasks:
        await with_timeout(task, 1, "us")


async def _follow(dut, jobs, rng, patience) -> None:
    states = ["free", "free"]
    filled, taken = [], []  # halves, the oldest first, with the cycle from which they may go on
    health = {"saturated": 0, "flushed": 0, "nan_blocks": 0}
    todo = [
        (number % 2, n + 1 == len(job.writes), write)
        for number, job in enumerate(jobs) for n, write in enumerate(job.writes)
    ]  # fmt: skip
    ends = []
    cycle = 0
    while todo or filled or taken:
        cycle += 1
        take = bool(filled) and not taken and cycle >= filled[0][1]
        retire = bool(taken) and cycle >= taken[0][1]
        word, full, counts, end, words = await step(
            dut, ["write", "full", "health", "line_end", "line_words"], take=take, retire=retire
        )
        ends += [words] if end else []
        assert full == bool(filled)
        if retire:
            states[taken.pop(0)[0]] = "free"
        if take:
            half, _ = filled.pop(0)
            states[half] = "taken"
            taken.append((half, cycle + 1 + rng.randint(0, patience)))
        if word & 1:  # enable
            fields = unpack(WRITE, word)
            half, last, wanted = todo.pop(0)
            assert states[half] in ("free", "filling")
            assert fields.half == half
            assert shown(word) == wanted
            states[half] = "filled" if last else "filling"
            if last:
                filled.append((half, cycle + FULL_CYCLES + rng.randint(0, patience)))
        for name in health if counts else ():
            health[name] += getattr(unpack(HEALTH, counts), name)
    assert ends == [words for job in jobs for words in job.last_words]
    assert health == {name: sum(getattr(job.health, name) for job in jobs) for name in health}


@pytest.mark.cocotb
def test_loader():
    assert simulate(Loader(CONFIG, LINES), "tests.core.test_loader") == 4
