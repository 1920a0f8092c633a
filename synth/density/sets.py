"""Which designs the reports measure."""

from collections.abc import Callable, Iterable

from hw.baseline.formats import FORMATS
from synth.density.row import CONVERTERS, Design

__all__ = ["EQUAL_CLOCK", "ONE_CLOCK", "QUICK", "SETS", "clock", "clocks", "clocks_of", "full", "quick"]

QUICK = (
    "hbfp4",
    "hbfp4-aligned",
    "hbfp6",
    "mixed46",
    "mxfp4",
    "mxfp6-e2m3",
    "int8",
    "int4",
    "bf16-bf16",
    "bf16",
    "fp32",
)
CELLS = ("hbfp4", "mxfp6-e2m3", "mxfp4", "int8", "bf16-bf16", "bf16", "fp32")
HEADLINE = ("hbfp4", "hbfp6", "mxfp4", "mxfp6-e2m3", "int8", "int4", "bf16-bf16", "bf16", "fp32")
FORMULA = ("hbfp4", "hbfp6", "bf16-bf16", "fp32")
FAST = (("hbfp4", 2), ("mxfp6-e2m3", 2), ("bf16", 1), ("fp32", 1))  # with the registers in their trees
BLOCKS = (16, 32, 128, 256, 576)
SHAPES = ((1, 4), (4, 4), (16, 4), (None, 1), (None, 2), (None, 8))
# Registers in the accumulator and in the tree (in each operation of the floats' trees): each pair is searched.
STAGES = {
    "float": ((1, 1), (2, 1), (3, 2), (3, 3), (4, 3)),
    "integer": ((1, 0), (1, 1), (1, 2), (2, 3), (2, 4)),
    "block": ((1, 0), (1, 1), (3, 1), (3, 2), (5, 2), (5, 3), (5, 4), (7, 3), (7, 4)),
}
CLOCKS = (6.7, 4.3, 3.2, 2.6, 2.1, 1.7, 1.3, 1.0)
"""ns that formats are compared at, in the first of the libraries below; a part gets ``SHARE`` of them."""
EQUAL_CLOCK = 4
"""Place of the clock that claims of equal clock are held to."""
SHARE = 0.93
SLOWER = {"nangate45": 1.0, "sky130": 4.5, "sg13g2": 2.6, "osu018": 4.0, "reference": 1.0}
CURVES = ("hbfp4", "mxfp4", "mxfp6-e2m3", "int8", "int4", "bf16", "bf16-bf16", "fp32", "hbfp6")

ONE_CLOCK = {
    name: (3, 2) if FORMATS[name].kind == "float" or "x4" in name else (3, 1) if FORMATS[name].block_size else (1, 1)
    for name in FORMATS if name not in CURVES and not name.endswith("-bf16")
}  # fmt: skip
"""Registers in the accumulator and in the sum of formats that are mapped for the equal clock alone.

They are those that every searched format of the kind has at that clock, which a test compares with the published results;
four blocks are joined in two stages.
"""


def _kind(name: str) -> str:
    form = FORMATS[name]
    return form.kind if form.kind == "float" else "block" if form.block_size else "integer"


def clocks_of(library: str) -> list[float]:
    """The periods in ns that formats are compared at in a library."""
    return [round(clock * SLOWER.get(library, 1.0), 2) for clock in CLOCKS]


def curve(name: str, library: str) -> list[Design]:
    """A format's pipelines, each mapped for the least product of area and delay, and for each clock."""
    targets = [None, *(round(clock * SHARE, 3) for clock in clocks_of(library))]
    return [
        Design(name, library, cycles=cycles, tree_cycles=tree, effort="speed", target=target)
        for cycles, tree in STAGES[_kind(name)] for target in targets
    ]  # fmt: skip


def clocks(libraries: list[str], names: tuple[str, ...] = CURVES) -> list[Design]:
    """Area against clock: each format's relaxed tile and its curve."""
    return [
        design for library in libraries for name in names for design in (Design(name, library), *curve(name, library))
    ]


def clock(libraries: list[str], names: tuple[str, ...] = tuple(ONE_CLOCK)) -> list[Design]:
    """Formats at the equal clock alone: one pipeline, each part mapped for that clock, the next slower and the slowest one."""
    designs = []
    for library in libraries:
        targets = [round(clocks_of(library)[place] * SHARE, 3) for place in (0, EQUAL_CLOCK - 1, EQUAL_CLOCK)]
        designs += [Design(name, library, cycles=ONE_CLOCK[name][0], tree_cycles=ONE_CLOCK[name][1], effort="clock", target=target)
                    for name in names for target in targets]  # fmt: skip
    return designs


def _units(library: str, sizes: Iterable[int], widths: Iterable[int]) -> list[Design]:
    """Dot units as published: of this project's formats with a converter of their own, and of floats."""
    designs: list[Design] = []
    for n in sizes:
        size = "" if n == 64 else f"/{n}"
        designs += [Design(f"hbfp{m}-bf16{size}", library, accounting="dot unit", converter="own") for m in widths]
        designs += [Design(name, library, dot=n, accounting="dot unit") for name in ("fp32", "bf16-bf16")]
    return designs


def _cells(library: str) -> list[Design]:
    return [Design(name, library, dot=16, rows=1, columns=1) for name in CELLS]


def quick(library: str) -> list[Design]:
    """What a first look needs: one library, one block size, the array of four formats, few clocks."""
    designs = [Design(name, library) for name in QUICK] + _cells(library)
    designs += [Design(name, library, accounting="formula") for name in FORMULA]
    designs += _units(library, (64,), (4, 6))
    designs += [Design("hbfp4", library, accounting="dot unit", converter=converter) for converter in CONVERTERS]
    designs += [Design(name, library, accounting="array") for name in ("hbfp4", "fp32")]
    designs += [Design(name, library, cycles=3, tree_cycles=tree, effort="speed") for name, tree in FAST]
    return designs


def full(libraries: list[str]) -> list[Design]:
    """Everything in the first library, and the formats people compare most in the others."""
    first, *others = libraries
    designs = [design for library in libraries for design in quick(library)]
    designs += [Design(name, first) for name in FORMATS]
    designs += [Design("hbfp4", first, dot=dot, rows=size, columns=size) for dot, size in SHAPES]
    formula = (*FORMULA, "hbfp5", "hbfp8", "mxfp4", "mxfp6-e2m3", "bf16", "fp16")
    designs += [Design(name, first, accounting="formula") for name in formula]
    designs += [
        Design(name, first, accounting="array", mesh=mesh) for mesh in (1, 2) for name in (*HEADLINE, "mixed46")
    ]
    designs.append(Design("hbfp4", first, accounting="array", mesh=4))
    designs += _units(first, (16, 64, 256, 576), (4, 5, 6, 8))
    for library in others:
        designs += [Design(name, library, accounting="array") for name in ("mxfp6-e2m3", "bf16-bf16")]
    designs += [Design(f"hbfp{m}/{n}", first) for n in BLOCKS for m in (4, 5, 6, 8)]
    return list(dict.fromkeys(designs))


SETS: dict[str, Callable[[list[str]], list[Design]]] = {
    "quick": lambda libraries: [design for library in libraries for design in quick(library)],
    "full": full,
    "clock": clock,
    "clocks": clocks,
    "silicon": lambda libraries: list(dict.fromkeys(full(libraries) + clock(libraries) + clocks(libraries))),
}
"""Named sets of designs, as functions of libraries' names."""
