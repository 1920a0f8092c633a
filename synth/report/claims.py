# Ref: S. B. Harma et al., "Accuracy Booster: Enabling 4-bit Fixed-point Arithmetic for DNN Training", arXiv 2211.10737
# Ref: M. Drumond et al., "Training DNNs with Hybrid Block Floating Point", NeurIPS 2018
"""Published ratios of arithmetic density beside measured ones, and what this project aims at."""

from collections.abc import Callable
from dataclasses import dataclass

from hw.baseline.formats import format_named
from synth.density.row import Row
from synth.report.clocks import at_clock, best, equal_clock

__all__ = ["AIMS", "BOTH", "CLAIMS", "Claim", "aims", "find", "libraries_of", "memory_density", "ratio", "verdicts"]


@dataclass(frozen=True)
class Claim:
    """A published ratio: how much denser ``ours`` is than ``other``, in one accounting.

    ``accounting`` names what is compared: "formula", "cell" (one unit of 16 products with its own registers), "dot unit",
    "dot unit, own converter", "dot unit, shared converter", "tile" (mapped by area, at whatever clock), "array", "array of
    2x2 tiles", "equal clock" (tiles that all run at ``equal_clock``), "best clock" (a tile, each format at its own) or
    "storage" (bits per element). ``headline`` claims go to the first page.
    """

    source: str
    text: str
    published: float
    ours: str
    other: str
    accounting: str
    headline: bool = False


V1, V2, V3, V4 = ("Accuracy Booster v1", "Accuracy Booster v2", "Accuracy Booster v3", "Accuracy Booster v4")
OTHERS = ("mxfp6-e2m3", "mxfp6-e3m2", "mxfp4", "nvfp4", "mxint8", "mxfp8-e4m3", "mxfp8-e5m2", "msfp12", "int8", "int4",
          "int4-group", "fp8-e4m3", "fp8-e5m2")  # fmt: skip
BOTH = ("tile", "equal clock")
"""Accountings of every ratio that is quoted: each format as small as it gets, and all at one clock."""
FIRST = ("mxfp6-e2m3", "mxfp4", "int8", "int4")


def _claims() -> list[Claim]:
    """Every claim; where the publication's unit is not known, in the tile."""
    own = "dot unit, own converter"
    claims = []
    for accounting in ("formula", "cell", "tile", "array"):
        claims.append(Claim(V3, "HBFP4 against FP32", 21.3, "hbfp4", "fp32", accounting, True))
        claims.append(Claim(V3, "HBFP4 against BF16 with BF16 sums", 4.4, "hbfp4", "bf16-bf16", accounting, True))
    for m, published in ((4, {16: 12.52, 64: 16.15, 256: 17.43, 576: 17.69}), (5, {64: 12.21, 576: 13.07}),
                         (6, {16: 8.58, 64: 10.19, 576: 10.81}), (8, {576: 7.23})):  # fmt: skip
        for n, value in published.items():
            size = "" if n == 64 else f"/{n}"
            text = f"HBFP{m} (BF16 sums) against FP32, N = {n}"
            claims.append(Claim(V2, text, value, f"hbfp{m}-bf16{size}", f"fp32/{n}", own, m in (4, 6) and n == 64))
    claims.append(Claim(V2, "the same with FP32 sums, N = 64", 16.15, "hbfp4", "fp32/64", own, True))
    claims.append(
        Claim(V2, "the same, converter shared by 16 units", 16.15, "hbfp4", "fp32/64", "dot unit, shared converter")
    )
    for m, value in ((4, 3.36), (6, 2.12), (8, 1.44)):
        text = f"HBFP{m} against BF16 (both BF16 sums), N = 64, derived"
        claims.append(Claim(V2, text, value, f"hbfp{m}-bf16", "bf16-bf16/64", own, m == 4))
    for accounting in BOTH:
        claims.append(Claim(V1, "Booster (4 and 6 bits in one unit) against FP32", 16.98, "mixed46", "fp32", accounting))
    for accounting in ("tile", "array", "array of 2x2 tiles", "equal clock", "best clock"):
        claims.append(Claim(V4, "HBFP4 against FP32", 25, "hbfp4", "fp32", accounting, True))
    claims += [
        Claim(V4, f"HBFP4 against every other format: {name}", 2.3, "hbfp4", name, accounting,
              name in FIRST and accounting in ("tile", "equal clock"))
        for name in OTHERS for accounting in ("tile", "equal clock", *(("array", "best clock") if name in FIRST else ()))
    ]  # fmt: skip
    for accounting in BOTH:
        claims.append(Claim("Drumond 2018", "HBFP8 against FP16 (an FPGA's throughput)", 8.5, "hbfp8", "fp16", accounting))
    claims.append(Claim(V4, "storage of MXFP6 against HBFP4", 1.49, "hbfp4", "mxfp6-e2m3", "storage", True))
    return claims


CLAIMS = _claims()


def libraries_of(rows: list[Row]) -> list[str]:
    """Names of the rows' libraries, in their order."""
    return list(dict.fromkeys(row.design.library for row in rows))


def _dot_unit(converter: str) -> Callable[[Row], bool]:
    def selected(row: Row) -> bool:
        d = row.design
        return d.accounting == "dot unit" and (d.converter == converter or format_named(d.format).kind == "float")

    return selected


def _array(mesh: int) -> Callable[[Row], bool]:
    return lambda row: row.design.accounting == "array" and row.design.mesh == mesh and row.design.dot is None


SELECTORS: dict[str, Callable[[Row], bool]] = {
    "formula": lambda row: row.design.accounting == "formula",
    "cell": lambda row: row.design.cell,
    "tile": lambda row: row.design.usual,
    "storage": lambda row: row.design.usual,
    "dot unit": _dot_unit("none"),
    "dot unit, own converter": _dot_unit("own"),
    "dot unit, shared converter": _dot_unit("shared"),
    "array": _array(1),
    "array of 2x2 tiles": _array(2),
}


def _wide(row: Row) -> str:
    """Name of a row's format, with the size of a dot unit where the format has none."""
    return row.design.format + (f"/{row.design.dot}" if row.design.accounting == "dot unit" and row.design.dot else "")


def find(rows: list[Row], library: str, name: str, accounting: str) -> Row | None:
    """The row of a format in an accounting."""
    if accounting == "best clock":
        return best(rows, library, name)
    if accounting == "equal clock":
        return at_clock(rows, library, name, equal_clock(library))
    fits = SELECTORS[accounting]
    return next((r for r in rows if r.design.library == library and _wide(r) == name and fits(r)), None)


def ratio(rows: list[Row], library: str, ours: str, other: str, accounting: str = "tile") -> float | None:
    """How much denser ``ours`` is than ``other``: the ratio of areas; each at its own clock, that of area times period."""
    mine, theirs = (find(rows, library, name, accounting) for name in (ours, other))
    if mine is None or theirs is None:
        return None
    if accounting == "best clock":
        return mine.density / theirs.density
    if accounting == "storage":
        return theirs.bits_per_element / mine.bits_per_element
    return theirs.area / mine.area


@dataclass(frozen=True)
class Verdict:
    """A claim, its measured ratio in each library, and whether it holds in all of them."""

    claim: Claim
    measured: dict[str, float | None]
    verdict: str


def _verdict(values: list[bool]) -> str:
    return "holds" if all(values) else "does not hold" if not any(values) else "holds in some libraries"


def verdicts(rows: list[Row], headline: bool = False) -> list[Verdict]:
    """Each claim that rows tell of, with its measured ratio in each library, and whether it holds in all of them."""
    result = []
    for claim in CLAIMS:
        if headline and not claim.headline:
            continue
        measured = {name: ratio(rows, name, claim.ours, claim.other, claim.accounting) for name in libraries_of(rows)}
        known = [value for value in measured.values() if value is not None]
        if known:
            holds = [value >= claim.published for value in known]
            result.append(Verdict(claim, measured, _verdict(holds)))
    return result


AIMS = (
    ("HBFP4, area per MAC", "tile", "nangate45", "hbfp4", None, "at most", 92),
    ("HBFP4 with two blocks for each FP32 addition, area per MAC", "tile", "nangate45", "hbfp4-fp32x2", None, "at most", 88),
    ("HBFP4 with aligned accumulators, area per MAC", "tile", "nangate45", "hbfp4-aligned", None, "at most", 80),
    *(("FP32 / HBFP4", counted, "nangate45", "hbfp4", "fp32", "at least", 42) for counted in BOTH),
    *(("BF16 with FP32 sums / HBFP4", counted, "nangate45", "hbfp4", "bf16", "at least", 18) for counted in BOTH),
    *(("MXFP6 E2M3 / HBFP4", counted, "nangate45", "hbfp4", "mxfp6-e2m3", "at least", 2.6) for counted in BOTH),
    *(("MXFP4 / HBFP4", counted, "nangate45", "hbfp4", "mxfp4", "at least", 1.5) for counted in BOTH),
    *(("INT8 / HBFP4", counted, "nangate45", "hbfp4", "int8", "at least", 2.9) for counted in BOTH),
    ("mixed 4/6 / HBFP4", "tile", "nangate45", "hbfp4", "mixed46", "at most", 1.03),
    *(("MXFP6 E2M3 / HBFP4", "tile", name, "hbfp4", "mxfp6-e2m3", "at least", 2.3)
      for name in ("nangate45", "sky130", "sg13g2", "osu018")),
)  # fmt: skip
"""What is wanted of the tile: text, what is counted ("tile": mapped by area), library, formats, relation and value."""


def aims(rows: list[Row]) -> list[tuple[str, str, str, str, float, float, bool]]:
    """What this project aims at, as (what, counted, library, relation, aim, measured, whether reached)."""
    result = []
    for text, counted, library, ours, other, relation, aim in AIMS:
        row = find(rows, library, ours, counted)
        value = ratio(rows, library, ours, other, counted) if other else row.area if row else None
        if value is not None:
            reached = value <= aim if relation == "at most" else value >= aim
            result.append((text, counted, library, relation, aim, value, reached))
    return result


def memory_density(row: Row, base: Row) -> float:
    """Density times memory saving against ``base``, as the MX papers compare formats."""
    return base.area / row.area * base.bits_per_element / row.bits_per_element
