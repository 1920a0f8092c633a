# Ref: Trace Event Format, "complete" and "metadata" events (Chromium project), read by ui.perfetto.dev.
"""When each part of the core works on a layer, as a file for the Chrome and Perfetto trace viewers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil

from hw.config import CoreConfig
from sim.parallel import split
from sim.plan import panels
from sim.result import Estimate
from sim.workloads import Layer, Product

__all__ = ["Event", "chrome_trace", "timeline"]

TRACKS = ("load A", "load B", "array", "store C")
_LIMIT = 5000
"""Commands of a product in a trace; viewers become slow beyond some ten thousand events."""


@dataclass(frozen=True)
class Event:
    """Work on a track from cycle ``start`` for ``cycles`` cycles."""

    track: str
    name: str
    start: int
    cycles: int


def _commands(config: CoreConfig, m: int, k: int, n: int, passes: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Name of each command of a product, in order, and the cycles it takes on each track."""
    cut = panels(config, m, k, n)
    keep = cut.inner_panels == 1
    outer, inner = (cut.row_panels, cut.column_panels) if cut.keep_a else (cut.column_panels, cut.row_panels)
    order = ((i, j) if cut.keep_a else (j, i) for i in range(outer) for j in range(inner))
    for row, column in order:
        rows = min(cut.rows, m - row * cut.rows)
        columns = min(cut.columns, n - column * cut.columns)
        for part in range(cut.inner_panels):
            length = min(cut.inner, k - part * cut.inner)
            beats = ceil(length / config.lanes)
            tiles = ceil(rows / config.rows) * ceil(columns / config.columns)
            blocks = ceil(length / config.block_size)
            first = column == 0 if cut.keep_a else row == 0
            last = part == cut.inner_panels - 1
            yield (
                f"rows {row * cut.rows} columns {column * cut.columns} inner {part * cut.inner}",
                {
                    "load A": rows * beats if not (keep and cut.keep_a) or first else 0,
                    "load B": columns * beats if not keep or cut.keep_a or first else 0,
                    "array": tiles * blocks * config.steps * passes,
                    "store C": rows * ceil(columns / config.tile_columns) if last else 0,
                },
            )


def timeline(config: CoreConfig, m: int, k: int, n: int, passes: int = 1, start: int = 0) -> Iterator[Event]:
    """Events of one product, command by command.

    Each track does one thing at a time. An operand is loaded while the array works on the command before; the array
    starts when its operands are there and the results before have begun to leave.
    """
    free = dict.fromkeys(TRACKS, start)
    array_start = store_start = start
    for name, cycles in _commands(config, m, k, n, passes):
        ready = start
        for track in ("load A", "load B"):
            if cycles[track]:
                begin = max(free[track], array_start)
                free[track] = begin + cycles[track]
                yield Event(track, name, begin, cycles[track])
            ready = max(ready, free[track])
        array_start = max(ready, free["array"], store_start)
        free["array"] = array_start + cycles["array"]
        yield Event("array", name, array_start, cycles["array"])
        if cycles["store C"]:
            store_start = max(free["array"], free["store C"])
            free["store C"] = store_start + cycles["store C"]
            yield Event("store C", name, store_start, cycles["store C"])


def _repeated(config: CoreConfig, product: Product, passes: int, start: int) -> Iterator[Event]:
    """Events of all repeats of a product, one after another."""
    for _ in range(product.repeats):
        for event in timeline(config, product.m, product.k, product.n, passes, start):
            yield event
            start = max(start, event.start + event.cycles)


def _layer(result: Estimate, name: str | None) -> Layer:
    """The layer of this name, by default the one of the products that take longest."""
    layers = {layer.name: layer for layer in result.workload.layers}
    name = max(result.rows, key=lambda row: row.cycles / row.count).layer if name is None else name
    if name not in layers:
        names = ", ".join(layers) if len(layers) < 8 else f"{', '.join(list(layers)[:3])}, ..., {list(layers)[-1]}"
        raise ValueError(f"layer must be one of {names}, not {name}")
    return layers[name]


def chrome_trace(result: Estimate, layer: str | None = None) -> dict:
    """The trace of one layer on one core, JSON-ready; by default of the layer that takes longest.

    A cycle lasts one microsecond of the viewer's time, or its real time where the clock is known.

    Raises
    ------
    ValueError : if the network has no such layer.
    """
    traced = _layer(result, layer)
    passes = result.config.slices(result.schedule.mantissa_width(traced)) ** 2
    scale = 1 / result.physical.clock_mhz if result.physical.clock_mhz else 1
    names = [{"ph": "M", "pid": 1, "name": "process_name", "args": {"name": f"{traced.name} on {result.config.name}"}}]
    names += [
        {"ph": "M", "pid": 1, "tid": number, "name": "thread_name", "args": {"name": track}}
        for number, track in enumerate(TRACKS)
    ]
    events, start, cut_short = [], 0, False
    for product in traced.products(result.training):
        part, _ = split(traced, product, result.cluster)
        work = list(islice(_repeated(result.config, part, passes, start), 4 * _LIMIT + 1))
        cut_short |= len(work) > 4 * _LIMIT
        events += [
            {
                "ph": "X",
                "pid": 1,
                "tid": TRACKS.index(event.track),
                "name": product.stage,
                "ts": event.start * scale,
                "dur": event.cycles * scale,
                "args": {"command": event.name, "cycles": event.cycles},
            }
            for event in work[: 4 * _LIMIT]
        ]
        start = max(event.start + event.cycles for event in work)
    notes = {
        "layer": traced.name,
        "machine": result.config.name,
        "microseconds_per_cycle": scale,
        "cut_short": cut_short,
    }
    return {"traceEvents": names + events, "displayTimeUnit": "ms", "otherData": notes}
