"""The buffer of maps against dictionaries of blocks and origins."""

from random import Random

import cocotb
import pytest

from hw.command import MOST_TAPS
from hw.config import CoreConfig
from hw.core.operand_buffer import read_layout, write_layout
from hw.core.patch_buffer import PatchBuffer
from hw.core.patch_origins import origin_layout
from tests.bench import parameters, simulate
from tests.core.test_operand_buffer import beats, operand, random_block
from tests.layouts import pack, step, unpack
from tests.streams import reset, start_clock

CONFIGS = {
    "one_position": CoreConfig(
        mantissa_widths=(4, 6), block_size=8, dot=4, lanes=2, operand_depth=6, tile_rows=2, mesh_rows=2, features=("patches",)
    ),
    "positions_side_by_side": CoreConfig(
        block_size=4, dot=2, lanes=4, load_lines=2, operand_depth=6, tile_rows=2, mesh_rows=2, features=("packed", "patches")
    ),
}  # fmt: skip
GROUPS, LINES = 2, 2
ALL = GROUPS * LINES
SENT = ("mantissas", "scale", "nan")


def writes(rng: Random, config: CoreConfig, held: dict):
    """The words of a block, or of blocks side by side, and where they must come to lie."""
    half, line, place, broadcast = rng.getrandbits(1), rng.randrange(ALL), rng.randrange(config.operand_depth), rng.random() < 0.5
    block, other = random_block(rng, config), random_block(rng, config)
    together = config.load_lines > 1 and rng.random() < 0.5
    line, place = (line & -2, place & -2 if broadcast else place) if together else (line, place)
    for fields, _ in beats(config, half, line, place, block):
        if together:
            mantissas, scale, nan = other
            fields |= {"together": 1, "others": [dict(zip(SENT, (mantissas, scale, nan), strict=True))]}
        yield pack(write_layout(config, ALL), fields), int(broadcast)
    for one in range(ALL) if broadcast else (line, line + 1)[: 1 + together]:
        held[half, one, place] = other if together and one != line and not broadcast else block
        if broadcast and together:
            held[half, one, place + 1] = other


@cocotb.test()
async def every_line_reads_its_own_patch(dut):
    """Reads of patches and of plain blocks, in every cycle, after writes of both kinds; taps outside read as zero."""
    config, rng = CoreConfig.from_dict(parameters()["config"]), Random(1)
    buffer = PatchBuffer(config, GROUPS, LINES)
    start_clock(dut)
    await reset(dut, write=0, broadcast=0, origin=0, origin_half=0, read=0)
    held, table = {}, {}
    for half in range(2):
        for line in range(ALL):
            for place in range(config.operand_depth):
                held[half, line, place] = block = random_block(rng, config)
                for fields, _ in beats(config, half, line, place, block):
                    await step(dut, write=pack(write_layout(config, ALL), fields), broadcast=0)
            for group in range(config.operand_depth):
                widths = {"place": config.position_width, "rows": MOST_TAPS, "columns": MOST_TAPS}
                origin = {name: rng.getrandbits(width) for name, width in widths.items()}
                table[half, line, group] = origin
                word = pack(origin_layout(config, ALL), origin | {"enable": 1, "line": line, "group": group})
                await step(dut, write=0, origin=word, origin_half=half)
    for _ in range(60):
        for word, broadcast in writes(rng, config, held):
            await step(dut, write=word, broadcast=broadcast, origin=0)
    await step(dut, write=0)

    expected = []
    for cycle in range(600):
        read = {
            "half": rng.getrandbits(1), "block": rng.randrange(config.operand_depth), "patches": rng.random() < 0.7,
            "step": rng.randrange(config.steps), "slice": rng.randrange(config.slices(config.mantissa_widths[-1])),
            "group": rng.randrange(config.operand_depth), "tap_row": rng.randrange(MOST_TAPS),
            "tap_column": rng.randrange(MOST_TAPS),
        }  # fmt: skip
        expected.append([wanted(config, held, table, read, line) for line in range(ALL)])
        outputs = await step(dut, [f"o__{g}" for g in range(GROUPS)], read=pack(read_layout(config, True), read))
        for group, got in enumerate(outputs):
            asked = cycle - buffer.read_cycles - group
            for line in range(LINES) if asked >= 0 else ():
                shown = unpack(buffer.o[group].shape(), got)[line]
                want = expected[asked][group * LINES + line]
                assert want is None or ([(q.sign, q.magnitude) for q in shown.mantissas], shown.scale, shown.nan) == want


def wanted(config: CoreConfig, held: dict, table: dict, read: dict, line: int):
    """What answers a read; None where the place is none."""
    place = read["block"]
    if read["patches"]:
        origin = table[read["half"], line, read["group"]]
        if not (origin["rows"] >> read["tap_row"] & origin["columns"] >> read["tap_column"] & 1):
            return [(0, 0)] * config.dot, 0, 0
        place = (place + origin["place"]) % (1 << config.position_width)
    block = held.get((read["half"], line, place))
    return block and operand(config, block, read["step"], read["slice"])


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_patch_buffer(name):
    buffer = PatchBuffer(CONFIGS[name], GROUPS, LINES)
    assert buffer.read_cycles == 4
    assert simulate(buffer, "tests.core.test_patch_buffer", {"config": CONFIGS[name].to_dict()}) == 1
