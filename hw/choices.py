"""What parameters of a machine can be, where that is one of a few names."""

from enum import IntEnum

__all__ = [
    "ACCUMULATORS", "CORE_FEATURES", "DATAPATHS", "FEATURES", "FPGA_DATAPATHS", "ROUNDING_MODES", "Rounding", "accumulator_kind",
    "blocks_per_addition",
]  # fmt: skip

ACCUMULATORS = ("fp32", "bf16", "aligned", "fp32x2", "fp32x4")
"""Kinds of accumulators; ``x2`` and ``x4``: so many blocks are joined, as integers, before each addition."""
DATAPATHS = ("structural", "carry_chain", "dsp", "behavioral")
FPGA_DATAPATHS = ("carry_chain", "dsp")
FEATURES = ("packed", "bfloat16", "bias", "requantize")
CORE_FEATURES = (*FEATURES, "patches")
"""Those of a core; on a bus only ``FEATURES``."""


class Rounding(IntEnum):
    """How magnitudes become mantissas, as commands number it; golden's names in capitals."""

    NEAREST = 0
    STOCHASTIC = 1
    TRUNCATE = 2


ROUNDING_MODES = tuple(mode.name.lower() for mode in Rounding)


def accumulator_kind(name: str) -> str:
    """The kind of an accumulator's additions, whatever is joined before them."""
    return name.partition("x")[0]


def blocks_per_addition(name: str) -> int:
    """Blocks that are joined before each of an accumulator's additions."""
    return int(name.partition("x")[2] or 1)
