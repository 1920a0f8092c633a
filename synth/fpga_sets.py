"""Which tiles docs/fpga.md shows, and the tables made of them."""

from pathlib import Path

from synth import sweep
from synth.fpga import Resources, Target
from synth.fpga_families import FAMILIES

__all__ = ["SETS", "load", "tables"]

MOST = ("hbfp4", "mxfp4", "mxfp6-e2m3", "int8")
CELLS = (*MOST, "hbfp6", "mixed46", "int4", "bf16")


def _goals() -> list[Target]:
    """Blocks of 64, a block per cycle, 2 × 2 units; the cell of 16; each with the body for chips too.

    That of 64 products does not map to ECP5 within minutes, so it is in no set.
    """
    shapes = (("hbfp4", None, 2), ("hbfp4/16", 16, 1))
    return [
        Target(name, family, dot, size, datapath=body)
        for family in ("xc7", "ecp5") for name, dot, size in shapes for body in ("carry_chain", "structural")
    ]  # fmt: skip


def _formats() -> list[Target]:
    """One unit of 16 products of each format."""
    return [
        Target(name, family, 16, 1)
        for name in CELLS for family in (FAMILIES if name in MOST else ("xc7", "ecp5"))
    ]  # fmt: skip


def _clocks() -> list[Target]:
    """One unit of 16 products with registers inside, placed and routed."""
    return [
        Target(name, family, 16, 1, tree_cycles=2, cycles=5, seeds=5 if family == "ecp5" else 3, effort="speed")
        for family, entry in FAMILIES.items() if entry.placement for name in ("hbfp4/16",)
    ]  # fmt: skip


def _full() -> list[Target]:
    quick = [
        target for target in _goals() if (target.family, target.size, target.datapath) != ("ecp5", 2, "structural")
    ]
    return [*quick, *_formats(), *_clocks()]


SETS = {"goals": lambda: _goals()[::2], "full": _full}
"""Functions that list the targets of a set, by name."""


def load(path: Path) -> list[Resources]:
    """Rows of a results file, as of ``synth.sweep.load``."""
    return sweep.load(path, Resources)


def _table(headings, lines) -> str:
    rows = [headings, ["---"] + ["---:"] * (len(headings) - 1), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows) + "\n"


def tables(rows: list[Resources]) -> dict[str, str]:
    """Texts between markers, by their names."""
    found = {Target(**row.target): row for row in rows if row.target}

    def per_mac(target):
        return f"{found[target].tables_per_mac:.1f}" if target in found else "–"

    goals = []
    for carry, heap in zip(_goals()[::2], _goals()[1::2], strict=True):
        shape = f"{carry.family}, {carry.size} × {carry.size} units of {carry.dot or 64}"
        goals.append([shape, per_mac(heap), per_mac(carry)])
    formats = []
    for name in CELLS:
        line = [per_mac(Target(name, family, 16, 1)) for family in FAMILIES]
        if set(line) != {"–"}:
            formats.append([name, *line])
    clocks = []
    for target in _clocks():
        if target in found:
            row = found[target]
            seeds = ", ".join(f"{mhz:.1f}" for mhz in row.clocks)
            clocks.append([target.family, row.tables, row.flip_flops, f"{row.megahertz:.1f}", seeds])
    return {
        "goals": _table(["tables per MAC", "bit heap", "carry chains"], goals),
        "formats": _table(["tables per MAC", *FAMILIES], formats),
        "clocks": _table(["HBFP4, one unit of 16", "tables", "flip-flops", "MHz, median", "with each seed"], clocks),
    }
