"""Which designs the reports measure."""

from hw.baseline.formats import FORMATS
from synth.density.row import CONVERTERS, Design

__all__ = ["QUICK", "full", "quick"]

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
FAST = ("hbfp4", "mxfp6-e2m3", "bf16", "fp32")
BLOCKS = (16, 32, 128, 256, 576)
SHAPES = ((1, 4), (4, 4), (16, 4), (None, 1), (None, 2), (None, 8))
# Registers in the accumulator and in the tree (in each addition of the floats' trees).
STAGES = {
    "float": ((3, 1), (3, 2), (4, 3)),
    "integer": ((1, 0), (1, 1), (1, 2)),
    "block": ((1, 0), (3, 1), (5, 2)),
}


def _speed(name: str, library: str, stages=None) -> list[Design]:
    kind = FORMATS[name].kind
    kind = kind if kind == "float" else "block" if FORMATS[name].block_size else "integer"
    return [
        Design(name, library, cycles=cycles, tree_cycles=tree, effort="speed")
        for cycles, tree in stages or STAGES[kind]
    ]


def _units(library: str, sizes, widths) -> list[Design]:
    """Dot units as published: of this project's formats with a converter of their own, and of floats."""
    designs = []
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
    for name, stages in (("hbfp4", ((3, 1),)), ("mxfp6-e2m3", ((3, 1),)), ("bf16", ((3, 2),)), ("fp32", ((3, 2),))):
        designs += _speed(name, library, stages)
    return designs


def full(libraries: list[str]) -> list[Design]:
    """Everything in the first library, and the formats people compare most in the others."""
    first, *others = libraries
    designs = [design for library in libraries for design in quick(library)]
    designs += [Design(name, first) for name in FORMATS]
    designs += [Design("hbfp4", first, dot=dot, rows=size, columns=size) for dot, size in SHAPES]
    formula = (*FORMULA, "hbfp5", "hbfp8", "mxfp4", "mxfp6-e2m3", "bf16", "fp16")
    designs += [Design(name, first, accounting="formula") for name in formula]
    for name in (*HEADLINE, "hbfp4-aligned", "nvfp4"):
        designs += _speed(name, first)
    designs += [
        Design(name, first, accounting="array", mesh=mesh) for mesh in (1, 2) for name in (*HEADLINE, "mixed46")
    ]
    designs += _units(first, (16, 64, 256, 576), (4, 5, 6, 8))
    for library in others:
        designs += [Design(name, library, accounting="array") for name in ("mxfp6-e2m3", "bf16-bf16")]
    designs += [Design(f"hbfp{m}/{n}", first) for n in BLOCKS for m in (4, 5, 6, 8)]
    return list(dict.fromkeys(designs))
