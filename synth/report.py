"""The density report: tables for a terminal, Markdown for the documentation, one HTML page for a browser."""

import base64
import html
from pathlib import Path

from rich.table import Table

from synth.claims import memory_density, ratio, verdicts
from synth.density import Row
from synth.plots import plot_all

__all__ = ["claims_table", "markdown", "rows_table", "write_html"]

HEADINGS = ("format", "library", "dot", "tile", "area/MAC", "core", "accum.", "unit", "edge", "flip-flops", "ns",
            "bits/el.", "vs FP32", "× memory")  # fmt: skip


def _shape(row: Row) -> tuple[str, str]:
    d = row.design
    return str(d.dot or row.macs // (d.rows * d.columns)), f"{d.rows}x{d.columns}"


def _line(row: Row, rows: list[Row]) -> list[str]:
    d = row.design
    base = next((r for r in rows if r.design.format == "fp32" and r.design.library == d.library
                 and (r.design.dot, r.design.rows) == (d.dot, d.rows)), None)  # fmt: skip
    return [
        d.format, d.library, *_shape(row), f"{row.area:.1f}", f"{row.core:.1f}", f"{row.accumulator:.1f}",
        f"{row.unit:.1f}", f"{row.edge:.1f}", f"{row.flip_flops:.1f}", f"{row.period:.2f}" if row.period else "–",
        f"{row.bits_per_element:.3f}", f"{base.area / row.area:.1f}" if base else "–",
        f"{memory_density(row, base):.0f}" if base else "–",
    ]  # fmt: skip


def rows_table(rows: list[Row]) -> Table:
    """Every row, as a terminal table."""
    table = Table(title="Area per multiply-accumulate, by part (library units)")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("format", "library") else "right")
    for row in rows:
        table.add_row(*_line(row, rows))
    return table


def _claim_lines(rows: list[Row]) -> tuple[list[str], list[list[str]]]:
    libraries = list(dict.fromkeys(row.design.library for row in rows))
    lines = [
        [v["claim"].source, v["claim"].text, v["claim"].accounting, f"{v['claim'].published:g}",
         *(f"{v['measured'][name]:.2f}" if v["measured"].get(name) else "–" for name in libraries), v["verdict"]]
        for v in verdicts(rows)
    ]  # fmt: skip
    return ["source", "claim", "accounting", "published", *libraries, "verdict"], lines


def claims_table(rows: list[Row]) -> Table:
    """Published against measured, as a terminal table."""
    headings, lines = _claim_lines(rows)
    table = Table(title="Published claims")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*line)
    return table


def _markdown_table(headings, lines) -> str:
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def markdown(rows: list[Row]) -> str:
    """Both tables as Markdown."""
    tiles = [row for row in rows if row.design.dot is None]
    return (
        "## Published claims\n\n" + _markdown_table(*_claim_lines(rows))
        + "\n\n## Tiles\n\n" + _markdown_table(list(HEADINGS), [_line(row, rows) for row in tiles])
        + "\n\n## Cells and other shapes\n\n"
        + _markdown_table(list(HEADINGS), [_line(row, rows) for row in rows if row.design.dot is not None]) + "\n"
    )  # fmt: skip


STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;font-size:13px;margin:1em 0}
td,th{border-bottom:1px solid #ddd;padding:.25em .6em;text-align:right}
td:first-child,th:first-child,.text td:nth-child(2){text-align:left}th{border-bottom:2px solid #888}img{max-width:100%}
.holds{color:#176b2c}.fails{color:#a02020}"""


def _html_table(headings, lines, kind="") -> str:
    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f'<table class="{kind}">{row(headings, "th")}{"".join(row(line, "td") for line in lines)}</table>'


def write_html(rows: list[Row], failures: list, folder: Path, command: str) -> Path:
    """One page with tables and plots inside it; a browser opens it offline."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = ""
    for name in plot_all(rows, folder):
        data = base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
        pictures += f'<figure><img alt="{name}" src="data:image/png;base64,{data}"></figure>'
    tools = ", ".join(sorted({version for row in rows for version in (*row.tools.values(), row.timing)}))
    libraries = list(dict.fromkeys(row.design.library for row in rows))
    headline = "; ".join(
        f"{name}: HBFP4 is {value:.1f} times denser than FP32" for name in libraries
        if (value := ratio(rows, name, "hbfp4", "fp32"))
    )  # fmt: skip
    failed = "".join(f"<li>{html.escape(str(design))}: {html.escape(error)}</li>" for design, error in failures)
    page = (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Arithmetic density</title><style>{STYLE}</style>'
        f"<h1>Arithmetic density</h1><p>{html.escape(headline)}.</p>"
        "<p>Areas are of mapped cells, without wires, clock tree and memories. A tile has 4x4 units, operand registers, "
        "drain chains and control; a dot unit leaves out operand registers; a cell is one unit of 16 products with its "
        "own. Every mapped unit was simulated against an exact reference first.</p>"
        f"<h2>Published claims</h2>{_html_table(*_claim_lines(rows), 'text')}"
        f"<h2>Designs</h2>{_html_table(list(HEADINGS), [_line(row, rows) for row in rows])}{pictures}"
        + (f"<h2>Not measured</h2><ul>{failed}</ul>" if failed else "")
        + f"<p>Made by <code>{html.escape(command)}</code> with {html.escape(tools)}.</p></html>"
    )
    path = folder / "density.html"
    path.write_text(page)
    return path
