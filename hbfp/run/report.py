"""What a run says: a table for people, JSON and CSV for programs."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hbfp.run.many.search import Choice
from hbfp.run.network import LayerResult, Result

__all__ = ["show", "show_choice", "summary"]


def summary(result: Result, device: str, **more: Any) -> dict[str, Any]:
    """JSON-ready values of a run."""
    return {
        "device": device, "cycles": result.cycles, **more, "missing": list(result.missing),
        "layers": [layer.to_dict() for layer in result.layers],
    }  # fmt: skip


def _cells(layer: LayerResult) -> list[str]:
    time = ["–", "–"] if layer.cycles is None else [f"{layer.cycles:,}", f"{layer.utilization:.1%}"]
    lost = [f"{layer.saturated:,}", f"{layer.flushed:,}"]
    sqnr = "–" if layer.sqnr is None else f"{layer.sqnr:.1f}"
    operation = f"{layer.operation}, map" if layer.walked else layer.operation
    return [escape(layer.title), operation, str(layer.width), f"{layer.macs:,}", sqnr, *lost, *time]


def show(console: Console, result: Result) -> None:
    """Print a line per layer, and the totals."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("layer", "operation"):
        table.add_column(title, no_wrap=True)
    for title in ("bits", "MAC", "SQNR dB", "saturated", "flushed", "cycles", "array used"):
        table.add_column(title, justify="right", no_wrap=True)
    for layer in result.layers:
        table.add_row(*_cells(layer))
    console.print(table)
    macs = sum(layer.macs for layer in result.layers)
    time = "" if result.cycles is None else f" in {result.cycles:,} cycles"
    console.print(f"{len(result.layers)} layers, {macs:,} MAC{time}", highlight=False)
    for name in result.missing:
        console.print(f"WARNING: {name} holds products that ONNX Runtime computed in its own precision", markup=False)


def show_choice(console: Console, choice: Choice) -> None:
    """Print the widths that were found and what they are worth."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("layer", no_wrap=True)
    for title in ("bits", "accuracy if alone narrow", "cycles saved"):
        table.add_column(title, justify="right", no_wrap=True)
    for step in choice.steps:
        table.add_row(escape(step.layer), str(choice.widths[step.layer]), f"{step.accuracy:.2%}", f"{step.saved:,}")
    console.print(table)
    for title, (reached, cycles) in (
        ("all wide", choice.wide), ("chosen", (choice.accuracy, choice.cycles)), ("all narrow", choice.narrow),
    ):  # fmt: skip
        console.print(f"{title:11} accuracy {reached:.2%}, {cycles:,} cycles", highlight=False)
