"""Names of a core's formats in the results of the synthesis flow."""

from hw.config import CoreConfig

__all__ = ["format_name"]


def format_name(config: CoreConfig) -> str:
    """The synthesis flow's name of the core's format."""
    widths = "".join(map(str, config.mantissa_widths))
    name = f"mixed{widths}" if config.mixed else f"hbfp{widths}"
    name += "" if config.accumulator == "fp32" else f"-{config.accumulator}"
    return name if config.block_size == 64 else f"{name}/{config.block_size}"
