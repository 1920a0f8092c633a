# Ref: AMD (Xilinx), DS180 "7 Series FPGAs Overview"; Lattice, FPGA-DS-02012 "ECP5 and ECP5-5G Family"
"""How many multiply-accumulates of each format fill the same device."""

from collections.abc import Mapping
from typing import NamedTuple

from hw.baseline.formats import format_named
from synth.fpga.implement import Resources, Target

__all__ = ["DEVICES", "FILLED", "Chip", "filled", "filled_lines", "products"]


class Chip(NamedTuple):
    """A device: its name, lookup tables and multiplier blocks."""

    name: str
    tables: int
    blocks: int


DEVICES = {"xc7": Chip("XC7A100T", 63_400, 240), "ecp5": Chip("LFE5U-85", 83_640, 156)}
FILLED = ("hbfp4", "mixed46", "hbfp6", "hbfp8", "int4", "int8", "mxfp4", "mxfp6-e2m3", "fp8-e4m3", "bf16", "fp16", "fp32")


def products(name: str) -> int:
    """Products of one unit alone: 16; 4 of floats, whose operations for a product do not depend on their number."""
    return 4 if format_named(name).kind == "float" else 16


def filled(device: Chip, plain: Resources | None, blocks: Resources | None) -> float:
    """Multiply-accumulates per cycle of a device full of two bodies of a unit, in the shares that give most.

    Parameters
    ----------
    device
        what there is; all of it is used, as no real design does.
    plain, blocks
        the body in tables alone, and the one with multiplier blocks; either may be missing, not both.
    """
    with_blocks = 0.0
    tables = float(device.tables)
    if blocks and blocks.multipliers and (plain is None or blocks.tables_per_mac < plain.tables_per_mac):
        with_blocks = min(device.blocks * blocks.macs / blocks.multipliers, tables / blocks.tables_per_mac)
        tables -= with_blocks * blocks.tables_per_mac
    return with_blocks + (tables / plain.tables_per_mac if plain else 0.0)


def filled_lines(found: Mapping[Target, Resources]) -> list[list[str]]:
    """A line per format: of each device how many fit, and how many times as many HBFP4 has.

    Units are those of a tile, with a block per cycle, or, where it is not measured or larger, one of few ``products``.
    """

    def least(name: str, family: str, *datapaths: str) -> Resources | None:
        shapes = ((None, 2), (products(name), 1))
        targets = [Target(name, family, dot, size, datapath=path) for path in datapaths for dot, size in shapes]
        return min((found[t] for t in targets if t in found), key=lambda row: row.tables_per_mac, default=None)

    def most(name: str, family: str) -> float:
        plain, blocks = least(name, family, "carry_chain", "structural"), least(name, family, "dsp")
        return filled(DEVICES[family], plain, blocks) if plain or blocks else 0.0

    lines = []
    for name in FILLED:
        line = [name]
        for family in DEVICES:
            theirs, ours = most(name, family), most("hbfp4", family)
            line += [f"{theirs:.0f}", f"{ours / theirs:.1f}"] if theirs else ["–", "–"]
        lines.append(line)
    return lines
