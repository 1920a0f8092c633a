"""Beats against matrices, element by element."""

import numpy as np
import pytest

import golden
from hw.config import CoreConfig
from sim.rtl.beats import (
    bias_beats,
    halves,
    join_packed,
    operand_beats,
    packed_beats,
    panels_of,
    result_beat_count,
    result_blocks,
    result_matrix,
    stream_config,
    stream_rows,
)  # fmt: skip
from tests.sim.machines import MACHINES

CONFIG = CoreConfig(block_size=16, lanes=4, tile_rows=2, tile_columns=2, mesh_rows=2, interleave=2, panel_columns=6)
SHAPES = [(1, 1), (3, 4), (5, 9), (8, 6), (9, 7), (17, 13)]


def matrix(rows, columns, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, columns), np.float32)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_lines_of_an_operand_start_on_fresh_beats(rows, columns):
    a = matrix(rows, columns)
    beats = operand_beats(a, CONFIG)
    per_line = -(-columns // 4)
    assert beats.shape == (rows * per_line, 4)
    for row in range(rows):
        words = beats[row * per_line : (row + 1) * per_line].ravel()
        assert (words[:columns] == a[row].view(np.uint32)).all()
        assert not words[columns:].any()


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_bfloat16_is_two_to_a_word_the_first_in_the_lower_half(rows, columns):
    a = matrix(rows, columns)
    words = halves(a)
    for row in range(rows):
        for column in range(columns):
            half = int(words[row, column // 2]) >> 16 * (column % 2) & 0xFFFF
            assert half == int(a[row, column].view(np.uint32)) >> 16
    assert operand_beats(a, CONFIG, bfloat16=True).shape == (rows * -(-columns // 8), 4)


@pytest.mark.parametrize("length", [1, 3, 4, 15, 16, 17, 40])
def test_packed_blocks_are_bytes_in_order(length):
    packed = bytes(range(1, length + 1))
    beats = packed_beats(packed, CONFIG)
    assert beats.shape == (-(-length // 16), 4)
    assert beats.astype("<u4").tobytes() == packed + bytes(-length % 16)


def test_packed_blocks_of_a_tensor_come_back():
    blocks = golden.quantize(matrix(3, 40), golden.BlockFormat(4, 16), 1)
    packed = golden.pack(blocks).tobytes()
    back = golden.unpack(packed_beats(packed, CONFIG).tobytes()[: len(packed)], blocks.format, blocks.shape)
    assert (back.mantissas == blocks.mantissas).all()
    assert (back.fields == blocks.fields).all()


@pytest.mark.parametrize("name", MACHINES)
def test_panels_cover_c_once_stripe_by_stripe(name):
    config = MACHINES[name]
    for rows, columns in SHAPES:
        covered, places = np.zeros((rows, columns), int), []
        for r, c in panels_of(rows, columns, config):
            covered[r, c] += 1
            places.append((r.start, c.start))
            assert r.stop - r.start <= config.output_rows
            assert c.stop - c.start <= config.panel_columns
        assert (covered == 1).all()
        assert places == sorted(places)


@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("name", MACHINES)
def test_a_result_comes_back_from_its_beats(name, bfloat16):
    """The beats that the core sends: the rows of each panel, each row on fresh beats."""
    config = MACHINES[name]
    per_beat = config.tile_columns * (2 if bfloat16 else 1)
    for rows, columns in SHAPES:
        c = matrix(rows, columns)
        if bfloat16:
            c = (c.view(np.uint32) & 0xFFFF0000).view(np.float32)
        sent = []
        for r, columns_of in panels_of(rows, columns, config):
            for line in c[r, columns_of]:
                words = line.view(np.uint32) >> (16 if bfloat16 else 0)
                words = np.pad(words, (0, -len(words) % per_beat))
                for beat in words.reshape(-1, per_beat):
                    sent.append(beat.astype("<u2").view("<u4") if bfloat16 else beat)
        beats = np.array(sent, np.uint32)
        assert len(beats) == result_beat_count(rows, columns, config, bfloat16)
        assert (result_matrix(beats, rows, columns, config, bfloat16).view(np.uint32) == c.view(np.uint32)).all()


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_a_bias_comes_again_for_each_stripe(rows, columns):
    bias = matrix(1, columns)[0]
    beats = bias_beats(bias, rows, CONFIG)
    stripes = -(-rows // CONFIG.output_rows)
    words = []
    for start in range(0, columns, CONFIG.panel_columns):
        part = bias[start : start + CONFIG.panel_columns].view(np.uint32)
        words += [*part, *[0] * (-len(part) % CONFIG.tile_columns)]
    assert beats.shape[1] == CONFIG.tile_columns
    assert beats.ravel().tolist() == words * stripes


@pytest.mark.parametrize(("rows", "columns"), [(1, 5), (7, 16), (8, 17), (13, 40), (24, 33)])
def test_streams_of_c_put_together_are_those_of_one(rows, columns):
    """What each stream sends is a part of C, with rows of nothing where the other has rows and it has none."""
    config = CoreConfig(
        block_size=16, lanes=16, tile_rows=2, tile_columns=4, mesh_rows=4, result_streams=2, panel_columns=16,
        features=("requantize",),
    )  # fmt: skip
    matrix = np.random.default_rng(rows).standard_normal((rows, columns)).astype(np.float32)
    blocks = golden.quantize(matrix, golden.BlockFormat(4, 16))
    places, alone = stream_rows(rows, config), stream_config(config)
    assert sorted(places[places < rows].tolist()) == list(range(rows))

    def sent(tensor, panels_by):
        order = [(row, block) for r, c in panels_of(*tensor.shape, panels_by) for row in range(r.start, r.stop)
                 for block in range(c.start // 16, -(-c.stop // 16))]  # fmt: skip
        part = (np.stack([values[place] for place in order]) for values in (tensor.mantissas, tensor.fields))
        return golden.pack(golden.BlockTensor(*part, tensor.format, (16 * len(order),), 0)).tobytes()

    parts = []
    for place in places:
        rows_of = np.concatenate([matrix, np.zeros((16, columns), np.float32)])[place]
        parts.append(sent(golden.quantize(rows_of, blocks.format), alone))
    whole = join_packed(parts, blocks.format, rows, columns, config)
    assert whole == sent(blocks, config)
    back = result_blocks(whole, blocks.format, rows, columns, config)
    assert (back.mantissas == blocks.mantissas).all()
    assert (back.fields == blocks.fields).all()
