"""Command-line options of a machine's parameters, shared by every program that takes a configuration."""

import argparse
from collections.abc import Callable
from dataclasses import MISSING, fields

from hw.choices import CORE_FEATURES
from hw.config import ACCUMULATORS, ROUNDING_MODES, CoreConfig
from hw.host.program import CommandLineError

__all__ = ["add_config_options", "config_from_options"]

HELP = {
    "exponent_width": "bits of a block's stored exponent",
    "dot": "products per unit and cycle, a divisor of the block size (default: the block size)",
    "tile_rows": "rows of units in a tile",
    "tile_columns": "columns of units in a tile",
    "mesh_rows": "rows of tiles",
    "mesh_columns": "columns of tiles",
    "interleave": "outputs a unit holds, to hide the accumulator's latency",
    "accumulator_cycles": "register stages of the accumulator, 1 to 12",
    "tree_cycles": "register stages inside the compressor tree, 0 to 5",
    "lanes": "FP32 elements per beat of an operand stream (default: largest fitting divisor up to 16)",
    "load_lines": "lines of an operand in packed blocks that enter side by side, 1, 2, 4 or 8",
    "operand_depth": "blocks of each array row in one half of an operand buffer",
    "panel_columns": "columns of C gathered before rows leave (default: the array's columns)",
    "result_panels": "panels of C the result buffer holds: one fills, one leaves, any more hide the way between",
    "result_streams": "streams by which C leaves, a divisor of the mesh's rows",
    "queue_depth": "commands that wait in the queue",
}


def _mantissa(text: str) -> tuple[int, ...]:
    if text == "mixed":
        return (4, 6)
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise CommandLineError(
            f"mantissa_width must be a number, a list such as 4,6 or 'mixed', not {text or 'nothing'}"
        ) from None


def _integer(name: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise CommandLineError(f"{name} must be an integer, not {text or 'nothing'}") from None

    return parse


def _pair(name: str) -> Callable[[str], tuple[int, int]]:
    def parse(text: str) -> tuple[int, int]:
        rows, _, columns = text.lower().partition("x")
        try:
            return int(rows), int(columns)
        except ValueError:
            raise CommandLineError(f"{name} must be ROWSxCOLUMNS, such as 4x4, not {text or 'nothing'}") from None

    return parse


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def add_config_options(parser: argparse.ArgumentParser, unset: bool = False) -> None:
    """Add one option per parameter of ``CoreConfig``, with its default in the help text.

    With ``unset`` options that are not given are None, for programs that have defaults of their own.
    """
    defaults = {field.name: field.default for field in fields(CoreConfig) if field.default is not MISSING}
    starts = dict.fromkeys(defaults) if unset else defaults
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--mantissa", type=_mantissa, default=starts["mantissa_widths"], metavar="M",
        help="mantissa width in bits, sign included: 2 to 8, a list such as 4,6, or 'mixed' for 4,6 (default: 4)",
    )  # fmt: skip
    group.add_argument(
        "--block", type=_integer("block_size"), default=starts["block_size"], metavar="N",
        help=f"elements that share an exponent (default: {defaults['block_size']})",
    )  # fmt: skip
    group.add_argument("--tile", type=_pair("tile"), metavar="RxC", help="tile rows and columns at once, such as 4x4")
    group.add_argument("--mesh", type=_pair("mesh"), metavar="RxC", help="mesh rows and columns at once, such as 2x2")
    group.add_argument(
        "--accumulator", default=starts["accumulator"], metavar="KIND",
        help=f"{', '.join(ACCUMULATORS)} (default: {defaults['accumulator']})",
    )  # fmt: skip
    group.add_argument(
        "--datapath", default=starts["datapath"], metavar="BODY",
        help="structural for chips, carry_chain for FPGAs, dsp for their multiplier blocks, behavioral for simulation "
        f"(default: {defaults['datapath']})",
    )  # fmt: skip
    group.add_argument(
        "--rounding", type=_names, default=starts["rounding_modes"], metavar="MODES",
        help=f"roundings into blocks, of {', '.join(ROUNDING_MODES)} (default: nearest)",
    )  # fmt: skip
    group.add_argument(
        "--features", type=_names, default=starts["features"], metavar="NAMES",
        help=f"what the core has beyond FP32 in and out, of {', '.join(CORE_FEATURES)} (default: none)",
    )  # fmt: skip
    group.add_argument(
        "--clock-gating", action="store_true", default=starts["clock_gating"],
        help="registers of the array load only what is valid: clock gates on chips, clock enables on FPGAs",
    )  # fmt: skip
    for name, text in HELP.items():
        default = defaults[name]
        note = "" if default is None else f" (default: {default})"
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, type=_integer(name), default=starts[name], metavar="N", help=text + note)


def config_from_options(options: argparse.Namespace) -> CoreConfig:
    """The configuration the options describe.

    Raises
    ------
    CommandLineError
        with the text of the broken rule.
    """
    values = {name: getattr(options, name) for name in HELP}
    for name in ("tile", "mesh"):
        pair = getattr(options, name)
        if pair is not None:
            values[f"{name}_rows"], values[f"{name}_columns"] = pair
    try:
        return CoreConfig(
            mantissa_widths=options.mantissa, block_size=options.block, accumulator=options.accumulator,
            datapath=options.datapath, rounding_modes=options.rounding, features=options.features,
            clock_gating=options.clock_gating, **values,
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise CommandLineError(str(error)) from None
