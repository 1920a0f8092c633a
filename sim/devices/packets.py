"""Matrices to and from the packets of 32-bit words that pass a bus: without the padding of the core's beats."""

import numpy as np
from numpy.typing import NDArray

import golden
from hw.command import OutputFormat
from hw.config import CoreConfig
from sim.rtl.beats import halves, panels_of

__all__ = ["Words", "bias_packets", "block_packets", "matrix_packets", "result_from_words", "result_words"]

Words = NDArray[np.uint32]
"""Words of a packet: uint32, shape (words,)."""


def matrix_packets(lines: NDArray[np.float32], bfloat16: bool = False) -> list[Words]:
    """An operand as numbers, a packet to each line: A, or B transposed. For bfloat16 the lower halves are dropped."""
    return list(halves(lines) if bfloat16 else np.ascontiguousarray(lines, np.float32).view(np.uint32))


def block_packets(blocks: golden.BlockTensor, lines: int = 1) -> list[Words]:
    """An operand as packed blocks, all in one packet, so many lines side by side."""
    packed = golden.pack(blocks, lines)
    return [np.pad(packed, (0, -len(packed) % 4)).view("<u4")]


def bias_packets(bias: NDArray[np.float32], rows: int, config: CoreConfig) -> list[Words]:
    """A bias: each panel's part, again for each stripe of rows."""
    return [np.ascontiguousarray(bias[columns]).view(np.uint32) for _, columns in panels_of(rows, len(bias), config)]


def result_words(fields: dict[str, int], config: CoreConfig) -> int:
    """Words in which the C of a command leaves."""
    if not fields["store"]:
        return 0
    rows, columns = fields["rows"], fields["columns"]
    if fields["output"] == OutputFormat.PACKED:
        return -(-_packed_bytes(fields, config) // 4)
    per_word = 2 if fields["output"] == OutputFormat.BFLOAT16 else 1
    return sum((r.stop - r.start) * -(-(c.stop - c.start) // per_word) for r, c in panels_of(rows, columns, config))


def result_from_words(words: Words, fields: dict[str, int], config: CoreConfig) -> NDArray[np.float32] | bytes:
    """C of a command from its words: float32, shape (rows, columns), or the bytes of packed blocks."""
    if fields["output"] == OutputFormat.PACKED:
        return words.astype("<u4").tobytes()[: _packed_bytes(fields, config)]
    bfloat16 = fields["output"] == OutputFormat.BFLOAT16
    result, start = np.empty((fields["rows"], fields["columns"]), np.uint32), 0
    for rows, columns in panels_of(*result.shape, config):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        count = height * (-(-width // 2) if bfloat16 else width)
        panel = words[start : start + count].astype("<u4")
        numbers = panel.view("<u2").astype(np.uint32) << 16 if bfloat16 else panel
        result[rows, columns] = numbers.reshape(height, -1)[:, :width]
        start += count
    return result.view(np.float32)


def _packed_bytes(fields: dict[str, int], config: CoreConfig) -> int:
    blocks = fields["rows"] * -(-fields["columns"] // config.block_size)
    return golden.packed_size(blocks, golden.BlockFormat(fields["width_c"], config.block_size, config.exponent_width))
