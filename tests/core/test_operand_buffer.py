"""The operand buffer against a dictionary of blocks."""

from itertools import product
from random import Random

import cocotb
import pytest

from hw.config import CoreConfig
from hw.core.operand_buffer import OperandBuffer, read_layout, write_layout
from tests.bench import parameters, simulate
from tests.layouts import pack, sign_magnitudes, step, unpack
from tests.streams import reset, start_clock

CONFIGS = {
    "beats_in_a_word": CoreConfig(block_size=12, dot=6, lanes=2, operand_depth=3),  # three beats to a word
    "lines_side_by_side": CoreConfig(block_size=4, dot=2, lanes=4, load_lines=2, operand_depth=2, features=("packed",)),
    "steps_in_a_word": CoreConfig(mantissa_widths=(4, 6), block_size=16, dot=2, lanes=8, operand_depth=2),
}  # fmt: skip
GROUPS, LINES = 2, 2


def random_block(rng: Random, config: CoreConfig) -> tuple:
    bound = 2 ** (config.storage_width - 1) - 1
    mantissas = sign_magnitudes(rng.choice((0, rng.randint(-bound, bound))) for _ in range(config.block_size))
    return mantissas, rng.randint(*config.scale_range), rng.getrandbits(1)


def beats(config: CoreConfig, half: int, line: int, block: int, contents: tuple):
    """The writes of a block; each as it is packed and what it changes."""
    mantissas, scale, nan = contents
    for beat in range(config.block_size // config.lanes):
        part = slice(beat * config.lanes, (beat + 1) * config.lanes)
        fields = {"half": half, "line": line, "block": block, "beat": beat, "scale": scale, "nan": nan}
        yield fields | {"enable": 1, "mantissas": mantissas[part]}, part


def operand(config: CoreConfig, contents: tuple, step_: int, slice_: int) -> tuple:
    """Mantissas, scale and NaN flag that answer a read of a block."""
    mantissas, scale, nan = contents
    mask = (1 << config.slice_width) - 1
    wanted = mantissas[step_ * config.dot : (step_ + 1) * config.dot]
    return [(q["sign"], q["magnitude"] >> slice_ * config.slice_width & mask) for q in wanted], scale, nan


@cocotb.test()
async def every_group_answers_in_its_cycle_with_what_was_written(dut):
    """Reads of random blocks, steps and slices in every cycle, while others are replaced."""
    config, rng = CoreConfig.from_dict(parameters()["config"]), Random(1)
    buffer = OperandBuffer(config, GROUPS, LINES)
    slices = config.slices(config.mantissa_widths[-1])
    places = list(product(range(2), range(GROUPS * LINES), range(config.operand_depth)))
    held = {place: random_block(rng, config) for place in places}
    writes = [w for place in rng.sample(places, len(places)) for w in beats(config, *place, held[place])]
    start_clock(dut)
    await reset(dut, write=0, read=0)
    for fields, _ in writes:
        await step(dut, write=pack(write_layout(config, GROUPS * LINES), fields))
    if config.load_lines == LINES:
        for half, line, block in places[::3]:
            lines = [(half, line // LINES * LINES + number, block) for number in range(LINES)]
            held |= {place: random_block(rng, config) for place in lines}
            (fields, _), (other, _) = (next(beats(config, *place, held[place])) for place in lines)
            fields |= {"together": 1, "others": [{name: other[name] for name in ("mantissas", "scale", "nan")}]}
            await step(dut, write=pack(write_layout(config, GROUPS * LINES), fields))
    held = {place: ([*mantissas], scale, nan) for place, (mantissas, scale, nan) in held.items()}

    reads = [None] * GROUPS  # of the latest cycles, the newest first
    expected = [None] * GROUPS
    late = [expected] * (buffer.read_cycles - 1)
    pending = []
    for _ in range(700):
        if not pending and rng.random() < 0.5:
            place = rng.choice(places)
            pending = [(place, *w) for w in beats(config, *place, random_block(rng, config))]
        write = pending.pop(0) if pending and rng.random() < 0.8 else None
        read = {
            "half": rng.getrandbits(1), "block": rng.randrange(config.operand_depth),
            "step": rng.randrange(config.steps), "slice": rng.randrange(slices),
        }  # fmt: skip
        word = pack(write_layout(config, GROUPS * LINES), write[1] if write else {"line": 1})
        outputs = await step(dut, [f"o__{g}" for g in range(GROUPS)], write=word, read=pack(read_layout(config), read))
        late.append(expected)
        for group, (got, lines) in enumerate(zip(outputs, late[-buffer.read_cycles], strict=True)):
            for line, wanted in enumerate(lines or []):
                shown = unpack(buffer.o[group].shape(), got)[line]
                assert ([(q.sign, q.magnitude) for q in shown.mantissas], shown.scale, shown.nan) == wanted
        reads = [read, *reads[:-1]]
        half, line, block = write[0] if write else (None, 0, None)
        expected = [
            r and (r["half"], r["block"], group) != (half, block, line // LINES) and [
                operand(config, held[r["half"], group * LINES + line, r["block"]], r["step"], r["slice"])
                for line in range(LINES)
            ]
            for group, r in enumerate(reads)
        ]  # fmt: skip
        if write:
            place, fields, part = write
            mantissas, _, _ = held[place]
            mantissas = mantissas[: part.start] + fields["mantissas"] + mantissas[part.stop :]
            held[place] = mantissas, fields["scale"], fields["nan"]


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_operand_buffer(name):
    buffer = OperandBuffer(CONFIGS[name], GROUPS, LINES)
    assert buffer.read_cycles == 2
    assert simulate(buffer, "tests.core.test_operand_buffer", {"config": CONFIGS[name].to_dict()}) == 1
