"""The tables of layouts, and which the documentation shows."""

from typing import Any

from synth.layout.measure import LayoutRow
from synth.table import Table

__all__ = ["DESIGNS", "layout_sections", "layout_table", "routing_table"]

FLOAT_DOT = 2
"""Products of a unit of floats: with 64 a tile has 568,000 cells."""
DESIGNS: tuple[dict[str, Any], ...] = (
    *({"format": name, "rows": 2, "columns": 2} for name in ("hbfp4", "int4", "mxfp4")),
    {"format": "fp32", "dot": FLOAT_DOT, "rows": 2, "columns": 2},
    {"format": "fp32", "dot": FLOAT_DOT, "rows": 2, "columns": 2, "utilisation": 0.9},
    *({"format": name, "rows": 4, "columns": 4} for name in ("hbfp4", "int4")),
    {"format": "hbfp4/16", "piece": "unit", "routed": True},
    {"format": "int4", "dot": 16, "piece": "unit", "routed": True},
    {"format": "fp32", "dot": 1, "piece": "unit", "routed": True},
    {"format": "int4", "dot": 4, "piece": "unit", "routed": True},
)
"""Fields of ``LayoutDesign``: whole tiles, and units small enough for a detailed routing."""


def layout_table(rows: list[LayoutRow]) -> Table:
    """Area, wires and clock of layouts; ratios are to HBFP4's of the same piece and as many units."""
    lines = []
    for row in rows:
        d = row.design
        same = [r for r in rows if (r.design.piece, r.design.rows) == (d.piece, d.rows)]
        base = next((r for r in same if r.design.format.startswith("hbfp4")), None)
        ratios = [
            f"{getattr(row, what) / getattr(base, what):.2f}" if base else "–" for what in ("cell_area", "block_area")
        ]
        lines.append([
            d.format, d.library, _piece(row), f"{100 * d.utilisation:.0f}", str(row.cells), str(row.changed),
            f"{row.cell_area:.1f}", f"{row.buffered_area:.1f}", f"{row.block_area:.1f}", *ratios, f"{row.length:.1f}",
            f"{row.length * 1e3 / row.macs:.0f}", f"{row.wire_load / row.pin_load:.2f}",
            *(f"{100 * share:.0f}" for share in row.demand), f"{row.period:.2f}", f"{row.wired_period:.2f}",
        ])  # fmt: skip
    headings = ("format", "library", "piece", "filled %", "cells", "changed", "cells µm²/MAC", "buffered", "block",
                "HBFP4 = 1, cells", "HBFP4 = 1, block", "wires mm", "µm/MAC", "wire / pin load", "tracks % mean", "99th", "over",
                "ns", "ns with wires")  # fmt: skip
    return Table("Layouts", "", headings, lines, 3)


def routing_table(rows: list[LayoutRow]) -> Table:
    """Detailed routings beside the estimate for the same pins."""
    lines = [
        [row.design.format, row.design.library, _piece(row), f"{100 * row.design.utilisation:.0f} %", str(r["nets"]),
         str(r["failed"]), f"{r['length']:.2f}", f"{r['estimated']:.2f}", f"{r['length'] / r['estimated']:.2f}",
         str(r["vias"]), row.checked]
        for row in rows if (r := row.routing)
    ]  # fmt: skip
    headings = ("format", "library", "piece", "filled", "nets", "not routed", "wires mm", "estimated mm", "ratio", "vias",
                "checked")  # fmt: skip
    return Table("Detailed routing", "", headings, lines, 4)


def _piece(row: LayoutRow) -> str:
    d = row.design
    return f"{d.rows}×{d.columns} tile, {row.macs} MACs" if d.piece == "tile" else f"unit, {row.macs} MACs"


def layout_sections(rows: list[LayoutRow]) -> dict[str, str]:
    """Texts that pages hold between markers of these names."""
    tables = {"layout": layout_table(rows), "routing": routing_table(rows)}
    return {name: table.markdown("##").partition("\n\n")[2].lstrip() for name, table in tables.items()}
