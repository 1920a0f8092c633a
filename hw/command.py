"""The command word and its error codes: the one description that decoder, drivers and documents share."""

from enum import IntEnum

from hw.config import Rounding

__all__ = [
    "ERRORS", "FIELDS", "MEANINGS", "MOST_TAPS", "OPERAND_FORMATS", "OUTPUT_FORMATS", "PATCH_FIELDS", "SIZE_WIDTH", "CommandError",
    "OperandFormat", "OutputFormat", "Rounding", "pack_command", "unpack_command",
]  # fmt: skip

SIZE_WIDTH = 16
"""Bits of a matrix size."""


class OperandFormat(IntEnum):
    """What an operand's stream carries."""

    FP32 = 0
    PACKED = 1
    BFLOAT16 = 2
    RESULTS = 3


class OutputFormat(IntEnum):
    """What becomes of C."""

    FP32 = 0
    PACKED = 1
    BFLOAT16 = 2
    RESULTS = 3


class CommandError(IntEnum):
    """Why a command was refused. A refused command does nothing and takes nothing from the operand streams."""

    NONE = 0
    ZERO_SIZE = 1
    A_TOO_LARGE = 2
    B_TOO_LARGE = 3
    A_NOT_LOADED = 4
    B_NOT_LOADED = 5
    NOT_HELD = 6
    WIDTH = 7
    ROUNDING = 8
    FORMAT = 9
    SEED = 10
    OUTPUT_TOO_WIDE = 11
    RESULTS_WAIT = 12


FIELDS: dict[str, int] = {
    "rows": SIZE_WIDTH,
    "inner": SIZE_WIDTH,
    "columns": SIZE_WIDTH,
    "load_a": 1,
    "load_b": 1,
    "accumulate": 1,
    "store": 1,
    "width_a": 4,
    "width_b": 4,
    "width_c": 4,
    "rounding": 2,
    "format_a": 2,
    "format_b": 2,
    "output": 2,
    "bias": 1,
    "relu": 1,
    "seed_a": 32,
    "seed_b": 32,
    "seed_c": 32,
}
"""Fields of a command, lowest bits first, with their widths."""

MOST_TAPS = 8
"""Of a kernel along an axis, where A is a feature map."""

PATCH_FIELDS: dict[str, int] = {
    "patches": 1,
    "positions": SIZE_WIDTH,
    "channels": SIZE_WIDTH,
    "map_rows": SIZE_WIDTH,
    "map_columns": SIZE_WIDTH,
    "out_rows": SIZE_WIDTH,
    "out_columns": SIZE_WIDTH,
    "kernel_rows": 4,
    "kernel_columns": 4,
    "stride_rows": 4,
    "stride_columns": 4,
    "dilation_rows": 4,
    "dilation_columns": 4,
    "pad_rows": 4,
    "pad_columns": 4,
}
"""Fields that follow in the commands of a machine with the feature "patches"; in others they are 0."""

MEANINGS: dict[str, str] = {
    "rows": "M",
    "inner": "K",
    "columns": "N",
    "load_a": "take A from its stream; 0 uses the A of the previous command again",
    "load_b": "the same for B",
    "accumulate": "start from the C in the array instead of +0",
    "store": "send C to the output stream",
    "width_a": "mantissa width of A in bits",
    "width_b": "of B",
    "width_c": "where C becomes blocks",
    "rounding": "into blocks",
    "format_a": "what A's stream carries",
    "format_b": "what B's stream carries",
    "output": "what becomes of C",
    "bias": "add the row vector from the bias stream",
    "relu": "then replace negative elements by 0",
    "seed_a": "of the stochastic rounding of A; not 0",
    "seed_b": "of B",
    "seed_c": "of C where it becomes blocks",
    "patches": "A's stream has a feature map, a line for each position; A is the patches under a kernel",
    "positions": "lines of the map: samples times map_rows times map_columns",
    "channels": "elements of a line; inner is kernel_rows times kernel_columns times these, padded to whole blocks",
    "map_rows": "height of a sample's map",
    "map_columns": "its width",
    "out_rows": "positions of the kernel from top to bottom; rows is samples times these times out_columns",
    "out_columns": "from left to right",
    "kernel_rows": "height of the kernel, 1 to 8",
    "kernel_columns": "its width, 1 to 8",
    "stride_rows": "rows of the map from one position of the kernel to the one below",
    "stride_columns": "columns to the next one",
    "dilation_rows": "rows of the map from one tap to the one below",
    "dilation_columns": "columns to the next one",
    "pad_rows": "rows of zeros above the map",
    "pad_columns": "columns of zeros left of it",
}
"""What each field says."""

OPERAND_FORMATS: dict[OperandFormat, str] = {
    OperandFormat.FP32: "FP32 words",
    OperandFormat.PACKED: "packed blocks, as ``golden.pack`` makes them, ``load_lines`` lines side by side",
    OperandFormat.BFLOAT16: "two elements to a 32-bit word, the first in the lower half",
    OperandFormat.RESULTS: "nothing: A is the previous command's C, which it left as blocks",
}

OUTPUT_FORMATS: dict[OutputFormat, str] = {
    OutputFormat.FP32: "FP32 words",
    OutputFormat.PACKED: "packed blocks along its rows",
    OutputFormat.BFLOAT16: "two elements to a 32-bit word",
    OutputFormat.RESULTS: "blocks along its rows, for the A of the next command",
}

ERRORS: dict[CommandError, str] = {
    CommandError.NONE: "accepted",
    CommandError.ZERO_SIZE: "rows, inner or columns is 0, or positions or channels of a map",
    CommandError.A_TOO_LARGE: "A, or its map, does not fit its half of the operand buffer",
    CommandError.B_TOO_LARGE: "B does not fit its half of the operand buffer",
    CommandError.A_NOT_LOADED: "load_a is 0 and the A in the buffer is absent, of another inner size or kind or has fewer rows",
    CommandError.B_NOT_LOADED: "load_b is 0 and the B in the buffer is absent, of another inner size or has fewer columns",
    CommandError.NOT_HELD: "store is 0 or accumulate is 1 and C is larger than the array, or C in the array has another shape",
    CommandError.WIDTH: "a mantissa width the machine does not have",
    CommandError.ROUNDING: "a rounding mode the machine does not have",
    CommandError.FORMAT: "an operand or output format, a bias or a ReLU the machine does not have",
    CommandError.SEED: "a stochastic rounding from seed 0",
    CommandError.OUTPUT_TOO_WIDE: "C is wider than a panel, and stays as blocks or is rounded into blocks at random",
    CommandError.RESULTS_WAIT: "the previous C waits as blocks, and this command does not load A from them",
}
"""What each of these values means."""


def pack_command(**values: int) -> int:
    """The command as one integer.

    Raises
    ------
    ValueError
        for a field that does not exist or a value that does not fit.
    """
    unknown = set(values) - set(FIELDS) - set(PATCH_FIELDS)
    if unknown:
        raise ValueError(f"unknown command field {', '.join(sorted(unknown))}")
    word, position = 0, 0
    for name, width in (FIELDS | PATCH_FIELDS).items():
        value = int(values.get(name, 0))
        if not 0 <= value < 1 << width:
            raise ValueError(f"{name} must be between 0 and {(1 << width) - 1}, not {value}")
        word |= value << position
        position += width
    return word


def unpack_command(word: int) -> dict[str, int]:
    """The fields of a command: inverse of ``pack_command``; those of ``PATCH_FIELDS`` only where one is not 0.

    Raises
    ------
    ValueError
        for a word that is no command's.
    """
    bits, plain = (sum(fields.values()) for fields in (FIELDS | PATCH_FIELDS, FIELDS))
    if not 0 <= word < 1 << bits:
        raise ValueError(f"a command must have {plain} bits, or {bits} with patches, not be {word:#x}")
    values, position = {}, 0
    for name, width in (FIELDS if word < 1 << plain else FIELDS | PATCH_FIELDS).items():
        values[name] = word >> position & (1 << width) - 1
        position += width
    return values
