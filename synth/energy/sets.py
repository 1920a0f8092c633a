"""Which designs the documentation shows: every format as small as it gets, and all at one clock."""

from hw.baseline.formats import format_named
from synth.density.sets import EQUAL_CLOCK, clocks_of
from synth.energy.measure import EnergyDesign

__all__ = ["GATED", "JOINED", "PIPELINES", "RELAXED", "equal_clock_designs", "relaxed_designs"]

FLOAT_DOT = 8
"""Products of a unit of floats: a cycle of 64 has some 300 000 gates; a multiply-accumulate of 8 has the same operations."""
PIPELINES = {
    "hbfp4": (3, 1, 2.418), "hbfp6": (3, 1, 1.953), "mxfp4": (3, 1, 1.953), "int4": (1, 1, 6.231), "bf16": (3, 2, 1.953),
    "fp32": (3, 2, 1.953), "mxfp6-e2m3": (3, 1, 1.953), "mixed46": (3, 1, 1.953),
    "int8": (1, 1, 6.231), "hbfp8": (3, 1, 1.953), "nvfp4": (3, 1, 1.953), "fp8-e4m3": (3, 2, 1.953), "bf16-bf16": (1, 1, 1.953),
}  # fmt: skip
"""Registers in the accumulator and in the sum, and the target in ns, of the smallest tile at equal clock in the first library.

They are those that the search of ``synth.density`` has found; a test compares them with its published results.
"""
JOINED = {"hbfp4": (3, 1, 2.418), "hbfp4-fp32x2": (3, 1, 1.953)}
"""The same of one block and two blocks for each FP32 addition, mapped by the few recipes of "clock", with "hidden" operands."""
GATED = {"hbfp4": (3, 1, 1.953)}
"""The same with clock gating, by the few recipes of "clock", for a target that gives each part the recipe it has without: that of
``PIPELINES`` would give one another, at 2.26 ns."""
BOUNDED = ("hbfp4", "int4")
UNIFORM = ("hbfp4", "mxfp4", "int4", "fp32")
"""Formats whose transitions are also counted with transport delays, and those that also multiply uniform numbers."""
RELAXED = ("hbfp4", "hbfp6", "mixed46", "int4", "mxfp4", "mxfp6-e2m3", "mxfp8-e4m3", "int8")
WAYS = (("digits", "none"), ("digits", "inertial"))


def _dot(name: str) -> int | None:
    return FLOAT_DOT if format_named(name).kind == "float" else None


def equal_clock_designs(library: str) -> list[EnergyDesign]:
    """Every format's pipeline at equal clock: settled values, glitches, and of some the ceiling and uniform operands."""
    scale = clocks_of(library)[EQUAL_CLOCK] / clocks_of("nangate45")[EQUAL_CLOCK]
    designs = []
    for name, (cycles, tree, target) in PIPELINES.items():
        ways = [*WAYS, *[("digits", "transport")] * (name in BOUNDED), *[("uniform", "inertial")] * (name in UNIFORM)]
        designs += [
            EnergyDesign(name, library, statistics, delays, _dot(name), cycles, tree, "speed", round(target * scale, 3),
                         clocks_of(library)[EQUAL_CLOCK])
            for statistics, delays in ways
        ]  # fmt: skip
    few = [("hidden", JOINED, False), ("digits", GATED, True)]
    return designs + [
        EnergyDesign(name, library, statistics, delays, None, cycles, tree, "clock", round(target * scale, 3),
                     clocks_of(library)[EQUAL_CLOCK], gated)
        for statistics, pipelines, gated in few for name, (cycles, tree, target) in pipelines.items() for _, delays in WAYS
    ]  # fmt: skip


def relaxed_designs(library: str) -> list[EnergyDesign]:
    """Formats as small as they get, at the clock that this allows."""
    return [EnergyDesign(name, library, statistics, delays, _dot(name), clock_gating=gated)
            for gated in (False, True) for name in (GATED if gated else RELAXED) for statistics, delays in WAYS]  # fmt: skip
