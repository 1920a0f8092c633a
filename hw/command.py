"""The command word and its error codes: the one description that decoder, drivers and documents share."""

from enum import IntEnum

from hw.config import Rounding

__all__ = [
    "FIELDS", "SIZE_WIDTH", "CommandError", "OperandFormat", "OutputFormat", "Rounding", "pack_command",
]  # fmt: skip

SIZE_WIDTH = 16
"""Bits of a matrix size."""


class OperandFormat(IntEnum):
    """What an operand's stream carries."""

    FP32 = 0
    PACKED = 1  # packed blocks, as ``golden.pack`` makes them
    BFLOAT16 = 2  # two elements to a 32-bit word, the first in the lower half
    RESULTS = 3  # nothing: A is the previous command's C, which it left as blocks


class OutputFormat(IntEnum):
    """What becomes of C."""

    FP32 = 0
    PACKED = 1  # packed blocks along its rows
    BFLOAT16 = 2  # two elements to a 32-bit word
    RESULTS = 3  # blocks along its rows, for the A of the next command


class CommandError(IntEnum):
    """Why a command was refused. A refused command does nothing and takes nothing from the operand streams."""

    NONE = 0
    ZERO_SIZE = 1  # rows, inner or columns is 0
    A_TOO_LARGE = 2  # A does not fit its half of the operand buffer
    B_TOO_LARGE = 3
    A_NOT_LOADED = 4  # load_a is 0 and the A in the buffer is absent, of another inner size or has fewer rows
    B_NOT_LOADED = 5
    NOT_HELD = 6  # store is 0 or accumulate is 1 and C is larger than the array, or C in the array has another shape
    WIDTH = 7  # a mantissa width the machine does not have
    ROUNDING = 8  # a rounding mode the machine does not have
    FORMAT = 9  # an operand or output format, a bias or a ReLU the machine does not have
    SEED = 10  # a stochastic rounding from seed 0
    OUTPUT_TOO_WIDE = 11  # C into blocks is wider than a panel of the result buffer
    RESULTS_WAIT = 12  # the previous C waits as blocks, and this command does not load A from them


FIELDS: dict[str, int] = {
    "rows": SIZE_WIDTH,  # M
    "inner": SIZE_WIDTH,  # K
    "columns": SIZE_WIDTH,  # N
    "load_a": 1,  # take A from its stream; 0 uses the A of the previous command again
    "load_b": 1,
    "accumulate": 1,  # start from the C in the array instead of +0
    "store": 1,  # send C to the output stream
    "width_a": 4,  # mantissa width of A in bits
    "width_b": 4,
    "width_c": 4,  # where C becomes blocks
    "rounding": 2,
    "format_a": 2,  # OperandFormat
    "format_b": 2,
    "output": 2,  # OutputFormat
    "bias": 1,  # add the row vector from the bias stream
    "relu": 1,  # then replace negative elements by 0
    "seed_a": 32,  # of the stochastic rounding of A; not 0
    "seed_b": 32,
    "seed_c": 32,
}
"""Fields of a command, lowest bits first, with their widths."""


def pack_command(**values: int) -> int:
    """The command as one integer.

    Raises
    ------
    ValueError
        for a field that does not exist or a value that does not fit.
    """
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise ValueError(f"unknown command field {', '.join(sorted(unknown))}")
    word, position = 0, 0
    for name, width in FIELDS.items():
        value = int(values.get(name, 0))
        if not 0 <= value < 1 << width:
            raise ValueError(f"{name} must be between 0 and {(1 << width) - 1}, not {value}")
        word |= value << position
        position += width
    return word
