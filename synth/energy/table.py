"""The table of energies, and which designs the documentation shows."""

from typing import Any

from synth.energy.measure import EnergyRow
from synth.table import Table

__all__ = ["DESIGNS", "energy_sections", "energy_table"]

FLOAT_DOT = 8
"""Products of a unit of floats: a cycle of 64 has some 300 000 gates; a multiply-accumulate of 8 costs nearly the same."""
DESIGNS: tuple[dict[str, Any], ...] = (
    *({"format": name} for name in ("hbfp4", "hbfp4-aligned", "hbfp6", "hbfp8", "mxfp4", "mxfp6-e2m3", "nvfp4", "mxint8",
                                    "int8", "int4")),
    *({"format": name, "dot": FLOAT_DOT} for name in ("bf16-bf16", "bf16", "fp32")),
    *({"format": name, "cycles": 3, "tree_cycles": 1, "effort": "speed"} for name in ("hbfp4", "mxfp4", "mxfp6-e2m3")),
    *({"format": name, "cycles": 3, "tree_cycles": 1, "effort": "speed", "dot": FLOAT_DOT} for name in ("bf16", "fp32")),
    *({"format": name, "tree_cycles": 1, "effort": "speed"} for name in ("int8", "int4")),
)  # fmt: skip
"""Fields of ``EnergyDesign``: each format's relaxed tile, and pipelines of near equal clock."""


def energy_table(rows: list[EnergyRow]) -> Table:
    """Energy per multiply-accumulate and what it is made of, each beside HBFP4's of the same kind."""
    parts = list(dict.fromkeys(part for row in rows for part in row.parts))
    lines = []
    for row in rows:
        d = row.design
        base = next((r for r in rows if r.design.format == "hbfp4" and (
            r.design.library, r.design.statistics, r.design.glitches, r.design.effort) == (
            d.library, d.statistics, d.glitches, d.effort)), None)  # fmt: skip
        lines.append([
            d.format, d.library, d.statistics, "gate delays" if d.glitches else "none", f"{d.effort} {d.cycles}/{d.tree_cycles}",
            f"{row.energy:.0f}", *(f"{row.parts.get(part, 0):.0f}" for part in parts), f"{row.switching:.0f}",
            f"{row.period:.2f}", f"{row.energy / base.energy:.2f}" if base else "–",
        ])  # fmt: skip
    headings = ("format", "library", "operands", "glitches", "mapped for, registers", "fJ/MAC", *parts, "of it nets", "ns",
                "HBFP4 = 1")  # fmt: skip
    return Table("Energy per multiply-accumulate", "", headings, lines, 5)


def energy_sections(rows: list[EnergyRow]) -> dict[str, str]:
    """Texts that pages hold between markers of these names."""
    return {"energy": energy_table(rows).markdown("##").partition("\n\n")[2].lstrip()}
