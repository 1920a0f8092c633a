"""Matrices to and from the beats of a core's streams."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

import golden
from hw.config import CoreConfig

__all__ = [
    "bias_beats", "halves", "join_packed", "operand_beats", "packed_beats", "panels_of", "result_beat_count", "result_blocks",
    "result_matrix", "stream_config", "stream_rows",
]  # fmt: skip


def _lines(words: np.ndarray, lanes: int) -> np.ndarray:
    """Rows of words on fresh beats of ``lanes`` words."""
    lines, count = words.shape
    per_line = -(-count // lanes)
    beats = np.zeros((lines, per_line * lanes), np.uint32)
    beats[:, :count] = words
    return beats.reshape(lines * per_line, lanes)


def halves(matrix: np.ndarray) -> np.ndarray:
    """Rows of bfloat16 numbers (float32 whose lower halves are zero), two to a word."""
    lines, count = matrix.shape
    halves = np.zeros((lines, count + count % 2), np.uint16)
    halves[:, :count] = np.ascontiguousarray(matrix, np.float32).view(np.uint32) >> 16
    return halves.view("<u4")


def operand_beats(matrix: np.ndarray, config: CoreConfig, bfloat16: bool = False) -> np.ndarray:
    """Beats of an operand, each of its lines on fresh beats.

    Parameters
    ----------
    matrix
        float32, shape (lines, inner): A, or B transposed. For bfloat16 the lower halves are dropped.

    Returns
    -------
    np.ndarray
        uint32, shape (beats, lanes); lanes beyond ``inner`` are zero.
    """
    words = halves(matrix) if bfloat16 else np.ascontiguousarray(matrix, np.float32).view(np.uint32)
    return _lines(words, config.lanes)


def packed_beats(packed: bytes, config: CoreConfig) -> np.ndarray:
    """Beats of an operand as ``golden.pack`` makes it: uint32, shape (beats, lanes)."""
    words = np.frombuffer(packed + bytes(-len(packed) % 4), "<u4")
    return _lines(words[np.newaxis], config.lanes)


def bias_beats(bias: np.ndarray, rows: int, config: CoreConfig) -> np.ndarray:
    """Beats of a bias (float32, shape (columns,)): each panel's part, again for each stripe of rows."""
    parts = [_lines(np.ascontiguousarray(bias[np.newaxis, c], np.float32).view(np.uint32), config.tile_columns)
             for _, c in panels_of(rows, len(bias), config)]  # fmt: skip
    return np.concatenate(parts)


def panels_of(rows: int, columns: int, config: CoreConfig) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of each panel of C, in the order in which they leave."""
    for row in range(0, rows, config.output_rows):
        for column in range(0, columns, config.panel_columns):
            yield (
                slice(row, min(row + config.output_rows, rows)),
                slice(column, min(column + config.panel_columns, columns)),
            )


def result_beat_count(rows: int, columns: int, config: CoreConfig, bfloat16: bool = False) -> int:
    """Beats in which a C of this shape leaves the core."""
    per_beat = config.tile_columns * (2 if bfloat16 else 1)
    return sum((r.stop - r.start) * -(-(c.stop - c.start) // per_beat) for r, c in panels_of(rows, columns, config))


def result_matrix(beats: np.ndarray, rows: int, columns: int, config: CoreConfig, bfloat16: bool = False) -> np.ndarray:
    """C from its beats.

    Parameters
    ----------
    beats
        uint32, shape (result_beat_count(rows, columns, config, bfloat16), tile_columns).

    Returns
    -------
    np.ndarray
        float32, shape (rows, columns).
    """
    result = np.zeros((rows, columns), np.uint32)
    start = 0
    per_beat = config.tile_columns * (2 if bfloat16 else 1)
    for r, c in panels_of(rows, columns, config):
        height, width = r.stop - r.start, c.stop - c.start
        per_row = -(-width // per_beat)
        panel = np.ascontiguousarray(beats[start : start + height * per_row], "<u4")
        if bfloat16:
            panel = panel.view("<u2").astype(np.uint32) << 16
        result[r, c] = panel.reshape(height, per_row * per_beat)[:, :width]
        start += height * per_row
    return result.view(np.float32)


def result_blocks(
    packed: bytes, format: golden.BlockFormat, rows: int, columns: int, config: CoreConfig
) -> golden.BlockTensor:
    """C of this shape in blocks along its rows, from the bytes that leave the core: panel by panel, each row by row."""
    count = -(-columns // format.block_size)
    flat = golden.unpack(packed, format, (rows * count, format.block_size))
    mantissas, fields = np.empty((rows, count, format.block_size), format.dtype), np.empty((rows, count), np.uint16)
    start = 0
    for r, c in panels_of(rows, columns, config):
        place = r, slice(c.start // format.block_size, -(-c.stop // format.block_size))
        shape = fields[place].shape
        end = start + shape[0] * shape[1]
        mantissas[place] = flat.mantissas[start:end].reshape(*shape, -1)
        fields[place] = flat.fields[start:end].reshape(shape)
        start = end
    return golden.BlockTensor(mantissas, fields, format, (rows, columns), 1)


def stream_config(config: CoreConfig) -> CoreConfig:
    """A machine whose C is what leaves by one stream of ``config``."""
    if config.result_streams == 1:
        return config
    return replace(config, mesh_rows=config.mesh_rows // config.result_streams, result_streams=1)


def stream_rows(rows: int, config: CoreConfig) -> NDArray[np.int64]:
    """Which row of C each row is that a stream sends, shape (streams, rows); ``rows`` and more are none."""
    most = config.chain_rows * config.interleave
    sent = [np.arange(first, min(first + most, rows)) for first in range(0, rows, config.output_rows)]
    return np.concatenate(sent) + config.chain_rows * np.arange(config.result_streams)[:, np.newaxis]


def join_packed(parts: list[bytes], format: golden.BlockFormat, rows: int, columns: int, config: CoreConfig) -> bytes:
    """C in packed blocks, in the order of a machine of one stream, from what leaves by several."""
    places, of_one = stream_rows(rows, config), stream_config(config)
    shape = rows, -(-columns // format.block_size)
    mantissas, fields = np.empty((*shape, format.block_size), format.dtype), np.empty(shape, np.uint16)
    for part, place in zip(parts, places, strict=True):
        blocks, real = result_blocks(part, format, len(place), columns, of_one), place < rows
        mantissas[place[real]], fields[place[real]] = blocks.mantissas[real], blocks.fields[real]
    order = np.concatenate([
        np.arange(rows * shape[1]).reshape(shape)[r, c.start // format.block_size : -(-c.stop // format.block_size)].reshape(-1)
        for r, c in panels_of(rows, columns, config)
    ])  # fmt: skip
    flat = mantissas.reshape(-1, format.block_size)[order]
    whole = golden.BlockTensor(flat, fields.reshape(-1)[order], format, (flat.size,), 0)
    return golden.pack(whole).tobytes()
