"""What parameters of a machine can be, where that is one of a few names."""

from enum import IntEnum

__all__ = ["ACCUMULATORS", "DATAPATHS", "FEATURES", "FPGA_DATAPATHS", "ROUNDING_MODES", "Rounding"]

ACCUMULATORS = ("fp32", "bf16", "aligned")
DATAPATHS = ("structural", "carry_chain", "dsp", "behavioral")
FPGA_DATAPATHS = ("carry_chain", "dsp")
FEATURES = ("packed", "bfloat16", "bias", "requantize")


class Rounding(IntEnum):
    """How magnitudes become mantissas, as commands number it; golden's names in capitals."""

    NEAREST = 0
    STOCHASTIC = 1
    TRUNCATE = 2


ROUNDING_MODES = tuple(mode.name.lower() for mode in Rounding)
