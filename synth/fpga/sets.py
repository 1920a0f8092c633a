"""Which tiles docs/fpga.md shows, and the tables made of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from synth import sweep
from synth.fpga.families import FAMILIES
from synth.fpga.filled import DEVICES, filled_lines, products
from synth.fpga.implement import Resources, Target

__all__ = ["SETS", "load", "tables"]

TILES = ("hbfp4", "mixed46", "hbfp6", "hbfp8", "int4", "int8", "mxfp4", "mxfp6-e2m3")
CELLS = (*TILES, "fp8-e4m3", "bf16", "fp16", "fp32")
MOST = ("hbfp4", "int8", "mxfp4", "mxfp6-e2m3")  # cells in every family
MEASURED = tuple(name for name, entry in FAMILIES.items() if entry.multiplier)
BODIES = ("carry_chain", "dsp")
CLOCKED = {
    "hbfp4/16": (2, 5), "int4": (2, 1), "int8": (2, 1), "mxfp4": (2, 5), "mxfp6-e2m3": (2, 5), "hbfp8/16": (2, 5),
    "fp8-e4m3": (3, 4), "fp16": (3, 4), "bf16": (3, 4), "fp32": (3, 4),
}  # fmt: skip
"""Registers in the sum (of floats in each operation) and in the accumulator of units that are placed."""


def _tiles(names: tuple[str, ...] = TILES) -> list[Target]:
    """2 × 2 units of a block (64 products where nothing is shared) per cycle."""
    return [Target(name, family, datapath=body) for name in names for family in MEASURED for body in BODIES]


def _formats() -> list[Target]:
    """One unit of 16 products of each format, of floats 4; of some also with the body for chips, which can be the smaller one."""
    return [
        *(Target(name, family, products(name), 1) for name in CELLS for family in MEASURED),
        *(Target(name, family, products(name), 1, datapath="dsp") for name in CELLS if name != "fp32" for family in MEASURED),
        *(Target(name, family, 16, 1) for name in MOST for family in FAMILIES if family not in MEASURED),
        *(
            Target(name, family, products(name), 1, datapath="structural")
            for name, family in (("hbfp4", "xc7"), ("hbfp4", "ecp5"), ("fp32", "ecp5"))
        ),
    ]


def _clocks() -> list[Target]:
    """One unit with registers inside, placed and routed: HBFP4 in every family, the others in one."""

    def unit(name: str, family: str, body: str, seeds: int) -> Target:
        return Target(name, family, products(name), 1, *CLOCKED[name], body, seeds, "speed")

    ours = [
        unit("hbfp4/16", family, body, 5 if family == "ecp5" else 3)
        for family, entry in FAMILIES.items() if entry.placement for body in BODIES if body != "dsp" or entry.multiplier
    ]  # fmt: skip
    theirs = [unit(name, "ecp5", "carry_chain", 3) for name in CLOCKED if name != "hbfp4/16"]
    return [*ours, *theirs]


CLOCKS = ["one unit", "in", "products", "registers in sum, accumulator", "tables", "flip-flops", "MHz, median", "with each seed"]

SETS: dict[str, Callable[[], list[Target]]] = {
    "goals": lambda: _tiles(("hbfp4",)),
    "full": lambda: [*_tiles(), *_formats(), *_clocks()],
}
"""Functions that list the targets of a set, by name."""


def load(path: Path) -> list[Resources]:
    """Rows of a results file, as of ``synth.sweep.load``."""
    return sweep.load(path, Resources)


def _table(headings: list[str], lines: list[list[Any]]) -> str:
    rows = [headings, ["---"] + ["---:"] * (len(headings) - 1), *(line for line in lines if set(line[1:]) != {"–"})]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows) + "\n"


def tables(rows: list[Resources]) -> dict[str, str]:
    """Texts between markers, by their names."""
    found = {Target(**row.target): row for row in rows if row.target}

    def tables_only(name: str, family: str, dot: int | None = None, size: int = 2) -> str:
        bodies = (Target(name, family, dot, size, datapath=body) for body in ("carry_chain", "structural"))
        least = min((found[target].tables_per_mac for target in bodies if target in found), default=None)
        return "–" if least is None else f"{least:.1f}"

    def with_blocks(name: str, family: str, dot: int | None = None, size: int = 2) -> str:
        row = found.get(Target(name, family, dot, size, datapath="dsp"))
        return f"{row.tables_per_mac:.1f} + {row.multipliers / row.macs:.2f}" if row else "–"

    def both(name: str, dot: int | None = None, size: int = 2) -> list[str]:
        return [column(name, family, dot, size) for family in MEASURED for column in (tables_only, with_blocks)]

    others = [family for family in FAMILIES if family not in MEASURED]
    headings = [heading for family in MEASURED for heading in (family, f"{family}, with blocks")]
    tiles = [[name, *both(name)] for name in TILES]
    cells = [
        [name, *both(name, products(name), 1), *(tables_only(name, family, products(name), 1) for family in others)]
        for name in CELLS
    ]
    clocks: list[list[Any]] = []
    for target in _clocks():
        if target in found:
            row = found[target]
            seeds = ", ".join(f"{mhz:.1f}" for mhz in row.clocks)
            where = f"{target.family}{', with blocks' * (target.datapath == 'dsp')}"
            counts = [row.macs, f"{target.tree_cycles}, {target.cycles}", row.tables, row.flip_flops]
            clocks.append([target.format, where, *counts, f"{row.megahertz:.1f}", seeds])
    full = [heading for device in DEVICES.values() for heading in (device.name, "HBFP4 : it")]
    return {
        "filled": _table(["MAC per cycle", *full], filled_lines(found)),
        "tiles": _table(["tables per MAC", *headings], tiles),
        "cells": _table(["tables per MAC", *headings, *others], cells),
        "clocks": _table(CLOCKS, clocks),
    }
