"""The result buffer against the matrix it gathers."""

from random import Random

import cocotb
import pytest
from cocotb.triggers import with_timeout

from hw.accumulate.float_format import FP32
from hw.array.tile import drain_layout
from hw.config import CoreConfig
from hw.core.result_buffer import ResultBuffer, beat_layout
from hw.sequence.layouts import tile_layout
from tests.bench import parameters, simulate
from tests.layouts import number, pack, step, unpack
from tests.streams import Pace, get, reset, start_clock

CONFIGS = {
    "panels": CoreConfig(
        tile_rows=2, tile_columns=3, mesh_columns=2, interleave=2, panel_columns=12, operand_depth=4, result_panels=3
    ),
    "one_unit": CoreConfig(tile_rows=1, tile_columns=1, operand_depth=4),
}
TILES_IN_FLIGHT = 3
RESULT_WIDTH = 32


def machine() -> CoreConfig:
    return CoreConfig.from_dict(parameters()["config"])


class Matrix:
    """A C of random words, its output tiles and the beats it must leave in."""

    def __init__(self, rng: Random, config: CoreConfig):
        self.config = config
        self.rows = rng.randint(1, 2 * config.output_rows + 1)
        self.columns = rng.randint(1, 2 * config.panel_columns + 1)
        self.words = [[rng.getrandbits(32) for _ in range(self.columns)] for _ in range(self.rows)]

    def word(self, row: int, column: int) -> int | None:
        """An element, or nothing beyond the edge."""
        return self.words[row][column] if row < self.rows and column < self.columns else None

    def panels(self):
        c = self.config
        for north in range(0, self.rows, c.output_rows):
            for west in range(0, self.columns, c.panel_columns):
                yield north, west, min(c.output_rows, self.rows - north), min(c.panel_columns, self.columns - west)

    def tiles(self):
        """Each output tile's announcement, and its results as they leave the drains: rows of ``columns`` words."""
        c = self.config
        for north, west, rows, columns in self.panels():
            count = -(-columns // c.columns)
            for tile in range(count):
                panel_last = tile == count - 1
                slots = -(-rows // c.rows)
                fields = {
                    "valid": 1, "slots": slots, "rows": rows, "columns": columns, "panel_tile": tile,
                    "panel_last": panel_last,
                    "last": panel_last and north + rows == self.rows and west + columns == self.columns,
                }  # fmt: skip
                start = west + tile * c.columns
                results = [
                    [self.word(north + slot * c.rows + row, start + column) for column in range(c.columns)]
                    for row in range(c.rows) for slot in range(slots)
                ]  # fmt: skip
                yield fields, results

    def beats(self):
        """What leaves: words, how many of them count, and the marks."""
        lanes = self.config.tile_columns
        for north, west, rows, columns in self.panels():
            for row in range(rows):
                for start in range(0, columns, lanes):
                    raw = self.words[north + row][west + start : west + min(start + lanes, columns)]
                    words = [FP32.canonical_word(word) for word in raw]
                    row_last = start + lanes >= columns
                    whole = north + rows == self.rows and west + columns == self.columns
                    yield words, int(row == 0), int(row_last), int(row_last and row == rows - 1 and whole)


async def drain(dut, config: CoreConfig, matrices, rng: Random) -> None:
    """The array's side: announcements, results a while later, in column j of the drains j cycles after column 0."""
    layout = drain_layout(config, RESULT_WIDTH)
    columns, lanes = config.mesh_columns, config.tile_columns
    waiting, begun = [tile for matrix in matrices for tile in matrix.tiles()], 0
    results: list = []  # of announced tiles, row by row, with the cycle from which they may come
    row, cycle = None, 0
    late = [None] * columns  # what each drain column shows
    while waiting or results or any(late):
        cycle += 1
        announce = None
        in_flight = len({id(tile) for _, _, tile in results})
        room = begun < config.result_panels or (waiting and waiting[0][0]["panel_tile"])
        if waiting and room and in_flight < TILES_IN_FLIGHT - 1 and rng.random() < 0.5:
            announce, rows = waiting.pop(0)
            begun += announce["panel_tile"] == 0
            results += [(cycle + 3, words, announce) for words in rows]
        row = results.pop(0)[1] if results and cycle >= results[0][0] and rng.random() < 0.7 else None
        late = [row, *late[:-1]]
        inputs = {"i_tile": pack(tile_layout(config), announce or {})}
        for column, words in enumerate(late):
            part = words[column * lanes : (column + 1) * lanes] if words else [None] * lanes
            values = [rng.getrandbits(32) if word is None else word for word in part]
            inputs[f"i_drain__{column}"] = pack(layout, {"values": values, "valid": words is not None})
        (free,) = await step(dut, ["panel_free"], **inputs)
        begun -= free
        assert begun >= 0
    idle = {"i_tile": 0} | {f"i_drain__{column}": 0 for column in range(columns)}
    for _ in range(10_000):
        free, busy = await step(dut, ["panel_free", "busy"], **idle)
        begun -= free
        assert busy == bool(begun + free)
        if not begun + free:
            return


@cocotb.test()
@cocotb.parametrize(stall=[100, 40])
async def gathers_panels_and_sends_their_rows(dut, stall):
    """Matrices of all raggedness back to back: words, ``keep``, ends of rows and of C; two panels are in it at most."""
    config, rng = machine(), Random(stall)
    matrices = [Matrix(rng, config) for _ in range(7)]
    wanted = [beat for matrix in matrices for beat in matrix.beats()]
    start_clock(dut)
    await reset(dut, i_tile=0, o__ready=0, **{f"i_drain__{column}": 0 for column in range(config.mesh_columns)})
    task = cocotb.start_soon(drain(dut, config, matrices, rng))
    for value, (words, row_first, row_last, last) in zip(
        await with_timeout(get(dut, "o", len(wanted), Pace(stall, 1)), 1, "ms"), wanted, strict=True
    ):
        beat = unpack(beat_layout(config), number(value))
        assert [beat.data[lane] for lane in range(len(words))] == words
        assert beat.keep == (1 << len(words)) - 1
        assert (beat.row_first, beat.row_last, beat.last) == (row_first, row_last, last)
    await with_timeout(task, 1, "ms")


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_result_buffer(name):
    component = ResultBuffer(CONFIGS[name], RESULT_WIDTH, TILES_IN_FLIGHT)
    assert simulate(component, "tests.core.test_result_buffer", {"config": CONFIGS[name].to_dict()}) == 2
