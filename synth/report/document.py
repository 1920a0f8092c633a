"""The density report: Markdown for the documentation, one HTML page for a browser."""

import base64
import html
from pathlib import Path

from hw.host.files import keep
from synth.density.row import Design, Row
from synth.report.accuracy import accuracy_table
from synth.report.claims import find, libraries_of, ratio
from synth.report.clocks import equal_clock
from synth.report.interactive import interactive
from synth.report.plots import plot_all
from synth.report.tables import claims_table, formats_table, tables
from synth.sweep import Failure

__all__ = ["markdown", "sections", "write_html"]


def markdown(rows: list[Row]) -> str:
    """Every table as Markdown."""
    return "\n".join(table.markdown() for table in tables(rows))


def sections(rows: list[Row]) -> dict[str, str]:
    """Texts that other pages hold between markers of these names."""
    all_tables = tables(rows)
    first = next((i for i, table in enumerate(all_tables) if table.title.startswith("Accounting")), len(all_tables))
    return {
        "claims": f"{_summary(rows)}\n\n{formats_table(rows).markdown('###')}\n"
                  f"{claims_table(rows, headline=True).folded('###')}\n{accuracy_table().folded('###')}",
        "results": "\n".join(table.markdown() for table in all_tables[:first]),
        "tables": "\n".join(table.markdown() for table in all_tables[first:]),
    }


TITLES = {"fp32": "FP32", "bf16": "BF16", "mxfp6-e2m3": "MXFP6", "int8": "INT8", "mxfp4": "MXFP4", "int4": "INT4"}
"""Formats of the sentences on the first page; its table has all."""


def _summary(rows: list[Row]) -> str:
    """The first library's tile in two sentences: each format at its smallest, and all at the same clock."""
    library = libraries_of(rows)[0]
    row = find(rows, library, "hbfp4", "tile")
    others = [f"{title} {value:.1f} ({theirs.period:.3g} ns)" if theirs.period else f"{title} {value:.1f}"
              for name, title in TITLES.items()
              if (value := ratio(rows, library, "hbfp4", name)) and (theirs := find(rows, library, name, "tile"))]  # fmt: skip
    if row is None or not others:
        return ""
    unit = "gates" if library == "reference" else "µm²"
    clock = f" ({row.period:.3g} ns)" if row.period else ""
    text = (
        f"- **Area** in {library}, 4×4 tile with everything in it ([docs/density.md](docs/density.md)), each mapped as small as it "
        f"gets, at the clock in brackets: HBFP4 {row.area:.1f} {unit} per multiply-accumulate{clock};\n  others, as multiples of "
        f"that: {', '.join(others)}."
    )
    equal = [f"{title} {value:.1f}" for name, title in TITLES.items()
             if (value := ratio(rows, library, "hbfp4", name, "equal clock"))]  # fmt: skip
    mine = find(rows, library, "hbfp4", "equal clock")
    if equal and mine:
        text += (f"\n  All at {equal_clock(library):g} ns, pipelined and mapped for it: HBFP4 {mine.area:.1f} {unit}; "
                 f"{', '.join(equal)}.")  # fmt: skip
    return text + _joined(rows, library, unit)


def _joined(rows: list[Row], library: str, unit: str) -> str:
    """A sentence on two blocks for each FP32 addition, where that was measured, in both accountings."""
    told = []
    for accounting in ("tile", "equal clock"):
        mine = find(rows, library, "hbfp4-fp32x2", accounting)
        if mine is None:
            continue
        others = [f"{TITLES[name]} {value:.2f}" for name in ("mxfp4", "mxfp6-e2m3")
                  if (value := ratio(rows, library, "hbfp4-fp32x2", f"{name}-fp32x2", accounting))]  # fmt: skip
        clock = f" ({mine.period:.3g} ns)" if mine.period and accounting == "tile" else ""
        text = f"HBFP4 {mine.area:.1f} {unit}{clock}" + (f"; likewise {', '.join(others)} times as much" if others else "")
        told.append(text if accounting == "tile" else f"at {equal_clock(library):g} ns {text}")
    return f"\n  With two blocks joined before each FP32 addition: {'; '.join(told)}." if told else ""


STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:80em;margin:2em auto;padding:0 1em;color:#222}
table{display:block;overflow-x:auto;border-collapse:collapse;font-size:13px;margin:1em 0}
td,th{border-bottom:1px solid #ddd;padding:.25em .6em;text-align:right}
.text{text-align:left}th{border-bottom:2px solid #888}img{max-width:100%}"""


def write_html(rows: list[Row], failures: list[Failure[Design]], folder: Path, command: str) -> Path:
    """One page with figures to choose from, tables and plots inside it; a browser opens it offline."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = ""
    for name in plot_all(rows, folder):
        data = base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
        pictures += f'<figure><img alt="{name}" src="data:image/png;base64,{data}"></figure>'
    tools = ", ".join(sorted({version for row in rows for version in (*row.tools.values(), row.timing)}))
    headline = "; ".join(
        f"{name}: HBFP4 is {value:.1f} times denser than FP32" for name in libraries_of(rows)
        if (value := ratio(rows, name, "hbfp4", "fp32"))
    )  # fmt: skip
    failed = "".join(f"<li>{html.escape(str(design))}: {html.escape(error)}</li>" for design, error in failures)
    page = (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Arithmetic density</title><style>{STYLE}</style>'
        f"<h1>Arithmetic density</h1><p>{html.escape(headline)}.</p>"
        "<p>Areas are of mapped cells, without wires, clock tree and memories. Accountings are never mixed. Every mapped "
        "unit was simulated against an exact reference first.</p>"
        f"{interactive(rows)}{''.join(table.html() for table in tables(rows))}{pictures}"
        + (f"<h2>Not measured</h2><ul>{failed}</ul>" if failed else "")
        + f"<p>Made by <code>{html.escape(command)}</code> with {html.escape(tools)}.</p></html>"
    )
    path = folder / "density.html"
    keep(path, page)
    return path
