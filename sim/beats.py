"""Matrices to and from the beats of a core's streams."""

import numpy as np

from hw.config import CoreConfig

__all__ = ["operand_beats", "result_beat_count", "result_matrix"]


def operand_beats(matrix: np.ndarray, config: CoreConfig) -> np.ndarray:
    """Beats of an operand, each of its lines on fresh beats.

    Parameters
    ----------
    matrix : float32, shape (lines, inner): A, or B transposed.

    Returns
    -------
    uint32, shape (beats, lanes); lanes beyond ``inner`` are zero.
    """
    lines, inner = matrix.shape
    per_line = -(-inner // config.lanes)
    beats = np.zeros((lines, per_line * config.lanes), np.uint32)
    beats[:, :inner] = np.ascontiguousarray(matrix, np.float32).view(np.uint32)
    return beats.reshape(lines * per_line, config.lanes)


def _panels(rows: int, columns: int, config: CoreConfig):
    """Rows and columns of each panel of C, in the order in which they leave."""
    for row in range(0, rows, config.output_rows):
        for column in range(0, columns, config.panel_columns):
            yield slice(row, min(row + config.output_rows, rows)), slice(column, min(column + config.panel_columns, columns))


def result_beat_count(rows: int, columns: int, config: CoreConfig) -> int:
    """Beats in which a C of this shape leaves the core."""
    return sum(
        (r.stop - r.start) * -(-(c.stop - c.start) // config.tile_columns) for r, c in _panels(rows, columns, config)
    )


def result_matrix(beats: np.ndarray, rows: int, columns: int, config: CoreConfig) -> np.ndarray:
    """C from its beats.

    Parameters
    ----------
    beats : uint32, shape (result_beat_count(rows, columns, config), tile_columns).

    Returns
    -------
    float32, shape (rows, columns).
    """
    result = np.zeros((rows, columns), np.uint32)
    start = 0
    for r, c in _panels(rows, columns, config):
        height, width = r.stop - r.start, c.stop - c.start
        per_row = -(-width // config.tile_columns)
        panel = beats[start : start + height * per_row].reshape(height, per_row * config.tile_columns)
        result[r, c] = panel[:, :width]
        start += height * per_row
    return result.view(np.float32)
