# Ref: S. B. Harma et al., "Accuracy Booster: Enabling 4-bit Fixed-point Arithmetic for DNN Training", arXiv 2211.10737
# Ref: M. Drumond et al., "Training DNNs with Hybrid Block Floating Point", NeurIPS 2018
"""Published ratios of arithmetic density beside measured ones."""

from dataclasses import dataclass

from synth.density import Row

__all__ = ["CLAIMS", "Claim", "ratio", "verdicts"]


@dataclass(frozen=True)
class Claim:
    """A published ratio: how much denser ``ours`` is than ``other``, in one accounting.

    ``accounting`` names the unit whose measured ratio is compared: "tile" (4x4 units, everything in it), "cell" (one
    unit of 16 products with its own operand registers) or "dot unit" (a 64-element unit without operand registers).
    """

    source: str
    text: str
    published: float
    ours: str
    other: str
    accounting: str
    at_least: bool = True


CLAIMS = (
    Claim("Accuracy Booster v3", "HBFP4 against FP32, per processing element", 21.3, "hbfp4", "fp32", "cell"),
    Claim("Accuracy Booster v3", "HBFP4 against BF16, per processing element", 4.4, "hbfp4", "bf16", "cell"),
    Claim("Accuracy Booster v3", "the same ratio, in a tile", 21.3, "hbfp4", "fp32", "tile"),
    Claim("Accuracy Booster v3", "the same ratio, in a tile", 4.4, "hbfp4", "bf16", "tile"),
    Claim("Accuracy Booster v2, table 1", "HBFP4 against FP32, N = 64", 16.15, "hbfp4", "fp32", "dot unit"),
    Claim("Accuracy Booster v2, table 1", "HBFP6 against FP32, N = 64", 10.19, "hbfp6", "fp32", "dot unit"),
    Claim("Accuracy Booster v2 (derived)", "HBFP4 against BF16, N = 64", 3.36, "hbfp4", "bf16", "dot unit"),
    Claim("Accuracy Booster v4", "HBFP4 against FP32", 25, "hbfp4", "fp32", "tile"),
    *(Claim("Accuracy Booster v4", f"HBFP4 against {name}: denser than every other format", 2.3, "hbfp4", name, "tile")
      for name in ("mxfp6-e2m3", "mxfp6-e3m2", "mxfp4", "nvfp4", "mxint8", "int8", "int4", "fp8-e4m3", "mxfp8-e4m3",
                   "msfp12")),
)  # fmt: skip


def _area(rows: list[Row], library: str, name: str, accounting: str) -> float | None:
    for row in rows:
        d = row.design
        if d.library != library or d.format != name or d.cycles != 1:
            continue
        if accounting == "cell" and d.dot == 16 and d.rows == d.columns == 1:
            return row.area
        if accounting in ("tile", "dot unit") and d.dot is None and d.rows == d.columns == 4:
            return row.area if accounting == "tile" else row.core + row.accumulator + row.unit
    return None


def ratio(rows: list[Row], library: str, ours: str, other: str, accounting: str = "tile") -> float | None:
    """Area of ``other`` per MAC divided by that of ``ours``: the ratio of densities at equal clock."""
    mine, theirs = (_area(rows, library, name, accounting) for name in (ours, other))
    return theirs / mine if mine and theirs else None


def verdicts(rows: list[Row]) -> list[dict]:
    """Each claim with its measured ratio in each library, and whether it holds in all of them."""
    libraries = list(dict.fromkeys(row.design.library for row in rows))
    result = []
    for claim in CLAIMS:
        measured = {name: ratio(rows, name, claim.ours, claim.other, claim.accounting) for name in libraries}
        known = [value for value in measured.values() if value is not None]
        if not known:
            continue
        holds = [value >= claim.published for value in known]
        verdict = "holds" if all(holds) else "does not hold" if not any(holds) else "holds in some libraries"
        result.append({"claim": claim, "measured": measured, "verdict": verdict})
    return result


def memory_density(row: Row, base: Row) -> float:
    """Density times memory saving against ``base``, as the MX papers compare formats."""
    return base.area / row.area * base.bits_per_element / row.bits_per_element


