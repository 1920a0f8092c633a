"""Reports of estimates: tables for people, CSV and SCALE-Sim's columns for programs, and the comparison of two."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hw.host.files import read_json
from sim.network.result import Estimate, ProductRow

__all__ = ["compare", "compute_report", "quantity", "read_report", "show", "show_sweep", "to_csv"]

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float) -> str:
    """Three significant digits with a decimal prefix."""
    for size, prefix in _PREFIXES:
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g} {prefix}"
    return f"{value:.3g} "


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _layer(row: ProductRow) -> str:
    name = escape(row.layer)
    return f"{name} ×{row.count}" if row.count > 1 else name


def show(console: Console, result: Estimate) -> None:
    """Print the rows and the totals."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("layer", "stage"):
        table.add_column(title, no_wrap=True)
    for title in ("M", "K", "N", "repeats", "bits", "MAC", "cycles", "time", "used", "of bound", "bytes"):
        table.add_column(title, justify="right", no_wrap=True)
    linked = result.cluster.cores > 1
    if linked:
        table.add_column("sent", justify="right", no_wrap=True)
    table.add_column("bound", no_wrap=True)
    for row in result.rows:
        sizes = (str(size) for size in (row.m, row.k, row.n, row.repeats, row.width))
        amounts = (quantity(row.macs), quantity(row.cycles), _percent(row.cycles / result.cycles))
        moved = [quantity(row.bytes)] + [quantity(row.link_bytes)] * linked
        rest = (_percent(row.utilization), f"{row.times_bound:.2f}", *moved, row.bound)
        table.add_row(_layer(row), row.stage, *sizes, *amounts, *rest)
    console.print(table)
    for line in _totals(result):
        console.print(line, highlight=False, markup=False)


def _totals(result: Estimate) -> list[str]:
    summary = result.summary()
    bounds = ", ".join(f"{name} {_percent(share)}" for name, share in summary["bound"].items())
    cores = f"{result.cluster.cores} x " if result.cluster.cores > 1 else ""
    lines = [
        "",
        f"{summary['workload']}, {summary['mode']}, batch {summary['batch']}, {summary['schedule']}, "
        f"on {cores}{result.config.name}",
        f"{quantity(summary['macs'])}MAC in {quantity(summary['cycles'])}cycles: "
        f"{summary['macs_per_cycle']:,.1f} per cycle, multipliers used {_percent(summary['utilization'])}",
        f"{summary['times_bound']:.2f} times the bound: the array needs {quantity(summary['compute_bound'])}cycles, "
        f"the streams {quantity(summary['port_bound'])}; memories of the core hold {quantity(summary['on_chip_bits'])}bit",
        f"bound by {bounds}; memory traffic {quantity(summary['bytes'])}B"
        + f"; cores send each other {quantity(summary['link_bytes'])}B" * (result.cluster.cores > 1),
        *_streams(result),
        f"{quantity(summary['parameters'])}parameters; weights of the products take "
        f"{quantity(summary['weight_bytes'])}B in blocks",
    ]
    if result.run is not None:
        lines.append(
            f"{result.run.epochs} epochs of {result.run.steps_per_epoch} steps: {quantity(result.run.cycles)}cycles"
        )
    for name, text, unit in (
        ("seconds", "a step takes", "s"),
        ("run_seconds", "the run takes", "s"),
        ("area_um2", "area of the tiles", "µm²"),
        ("joules", "energy of a step", "J"),
        ("watts", "power", "W"),
    ):
        if name in summary:
            lines.append(f"{text} {summary[name]:.4g} {unit}")
    if "joules" in summary:
        parts = {name: summary[f"joules_{name}"] / summary["joules"] for name in ("arrays", "idle", "buffers", "dram")}
        lines.append(f"{quantity(2 * summary['macs_per_joule'])}OP/s per W; of the energy "
                     + ", ".join(f"{name} {_percent(share)}" for name, share in parts.items()))  # fmt: skip
    if result.workload.not_modelled:
        others = ", ".join(f"{name} {count}" for name, count in result.workload.not_modelled.items())
        lines.append(f"not modelled: {others}")
    for name in result.workload.missing:
        lines.append(f"WARNING: {name} is left out and may hold products: cycles and MAC are too few")
    return lines


def _streams(result: Estimate) -> list[str]:
    """What passes the ports, if they count."""
    config, memory, rates = result.config, result.memory, result.rates
    if rates is None:
        return []
    apart = (("A", config.lanes, rates.a), ("B", config.lanes, rates.b))
    entering = apart if rates.operands is None else (("A and B", config.lanes, rates.operands),)
    kinds = (*entering, ("C", config.tile_columns, rates.c))
    words = ", ".join(f"{name} {float(words * rate):.4g}" for name, words, rate in kinds)
    return [f"streams in words per cycle: {words}; operands {memory.operands}, results {memory.results}"]


def show_sweep(console: Console, records: list[dict[str, Any]], axes: list[str]) -> None:
    """Print one line per machine: its parameters and main results."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in (*axes, "cycles", "MAC/cycle", "used", "bytes"):
        table.add_column(title, justify="right", no_wrap=True)
    for record in records:
        parameters = [str(record.get(axis)) for axis in axes]
        if "error" in record:
            table.add_row(*parameters, escape(record["error"]))
            continue
        results = (quantity(record["cycles"]), f"{record['macs_per_cycle']:,.1f}")
        table.add_row(*parameters, *results, _percent(record["utilization"]), quantity(record["bytes"]))
    console.print(table)


def to_csv(records: list[dict[str, Any]]) -> str:
    """Records as comma-separated values, with a header of every key."""
    keys = list(dict.fromkeys(key for record in records for key in record))
    text = StringIO()
    writer = csv.DictWriter(text, keys, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def compute_report(result: Estimate) -> str:
    """SCALE-Sim's COMPUTE_REPORT.csv: one line per product; stalls are the cycles the array was issued nothing."""
    lines = ["LayerID, Total Cycles, Stall Cycles, Overall Util %, Mapping Efficiency %, Compute Util %,"]
    number = 0
    for row in result.rows:
        cycles, busy = row.cycles / row.count, row.core.busy / row.count
        mapping = 100 * result.mapping_efficiency(row)
        computing = 100 * row.macs * row.passes / row.count / (row.peak * busy)
        for _ in range(row.count):
            overall = 100 * row.utilization
            values = (number, round(cycles), round(cycles - busy), overall, mapping, computing)
            lines.append(", ".join(map(str, values)) + ",")
            number += 1
    return "\n".join(lines) + "\n"


PARTS = ("machine", "memory", "rates", "cluster")
"""Of a report: what the network ran on."""


def read_report(path: str | Path) -> dict[str, Any]:
    """A report written as JSON.

    Raises
    ------
    FileNotFoundError, ValueError
        naming the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        report: dict[str, Any] = read_json(path)
        figures = (report["summary"][key] for key in ("cycles", "macs", "bytes", "utilization"))
        parts = (report.get(part, {}) for part in PARTS)
        if all(isinstance(figure, int | float) for figure in figures) and all(isinstance(part, dict) for part in parts):
            return report
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError(f"{path.name} is not a report of python -m sim --json")


def compare(console: Console, left: dict[str, Any], right: dict[str, Any], names: tuple[str, str]) -> None:
    """Print the totals of two reports and the ratio of the second to the first, then what differs in the machines."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", *names, "ratio"):
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    first, second = left["summary"], right["summary"]
    for key, value in first.items():
        other = second.get(key)
        if isinstance(value, int | float) and isinstance(other, int | float):
            table.add_row(key, f"{value:,.6g}", f"{other:,.6g}", f"{other / value:.4g}" if value else "")
        elif value != other and isinstance(value, str):
            table.add_row(key, value, str(other), "")
    for part in PARTS:
        before, after = left.get(part, {}), right.get(part, {})
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                table.add_row(f"{part} {key}", str(before.get(key)), str(after.get(key)), "")
    console.print(table)
    if first["cycles"] and second["cycles"]:
        faster = first["cycles"] / second["cycles"]
        console.print(f"\n{names[1]} takes {1 / faster:.3f} of the cycles of {names[0]} (speed-up {faster:.3f})")
