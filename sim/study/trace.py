# Ref: Trace Event Format, "complete" and "metadata" events (Chromium project), read by ui.perfetto.dev.
"""When each part of the core works on a layer, as a file for the Chrome and Perfetto trace viewers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Unpack

from hw.config import CoreConfig
from sim.model import CoreModel, Progress, Rates
from sim.network.cycles import command_fields
from sim.network.parallel import split
from sim.network.plan import CommandFields, pieces
from sim.network.result import Estimate
from sim.workloads import Layer

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


def timeline(
    config: CoreConfig,
    m: int,
    k: int,
    n: int,
    width_a: int,
    width_b: int,
    *,
    repeats: int = 1,
    rates: Rates = Rates(),  # noqa: B008
    **fields: Unpack[CommandFields],
) -> Iterator[Event]:
    """Events of products as in ``product_cycles``, command by command; ``fields`` are further ones of the commands.

    A load lasts from its job until the sequencer may take the half, the array from the first step of a product to the
    last, a store from the first beat offered to the last one taken.
    """
    done: list[Progress] = []
    model = CoreModel(config, rates, observe=done.append)
    for piece in chain.from_iterable(pieces(config, m, k, n, width_a, width_b, **fields) for _ in range(repeats)):
        model.step(piece.command)
        progress = done.pop()
        spans = (
            progress.load_a,
            progress.load_b,
            (progress.accepted + 1, progress.issued + 1),
            progress.store,
        )
        name = f"rows {piece.row} columns {piece.column} inner {piece.inner}"
        for track, span in zip(TRACKS, spans, strict=True):
            if span is not None:
                yield Event(track, name, span[0], span[1] - span[0])


def _layer(result: Estimate, name: str | None) -> Layer:
    """The layer of this name, by default the one of the products that take longest."""
    layers = {layer.name: layer for layer in result.workload.layers}
    name = max(result.rows, key=lambda row: row.cycles / row.count).layer if name is None else name
    if name not in layers:
        names = ", ".join(layers) if len(layers) < 8 else f"{', '.join(list(layers)[:3])}, ..., {list(layers)[-1]}"
        raise ValueError(f"layer must be one of {names}, not {name}")
    return layers[name]


def chrome_trace(result: Estimate, layer: str | None = None) -> dict[str, Any]:
    """The trace of one layer on one core, JSON-ready; by default of the layer that takes longest.

    A cycle lasts one microsecond of the viewer's time, or its real time where the clock is known.

    Raises
    ------
    ValueError
        if the network has no such layer.
    """
    traced = _layer(result, layer)
    width = result.schedule.mantissa_width(traced)
    scale = 1 / result.physical.clock_mhz if result.physical.clock_mhz else 1
    names = [{"ph": "M", "pid": 1, "name": "process_name", "args": {"name": f"{traced.name} on {result.config.name}"}}]
    names += [
        {"ph": "M", "pid": 1, "tid": number, "name": "thread_name", "args": {"name": track}}
        for number, track in enumerate(TRACKS)
    ]
    events, start, cut_short = [], 0, False
    fields = command_fields(result.memory.operand_storage, result.memory.results, width)
    for product in traced.products(result.training):
        part, _ = split(traced, product, result.cluster)
        sizes, rates = (part.m, part.k, part.n, width, width), result.rates or Rates()
        every = timeline(result.config, *sizes, repeats=part.repeats, rates=rates, **fields)
        work = list(islice(every, 4 * _LIMIT + 1))
        cut_short |= len(work) > 4 * _LIMIT
        events += [
            {
                "ph": "X",
                "pid": 1,
                "tid": TRACKS.index(event.track),
                "name": product.stage,
                "ts": (start + event.start) * scale,
                "dur": event.cycles * scale,
                "args": {"command": event.name, "cycles": event.cycles},
            }
            for event in work[: 4 * _LIMIT]
        ]
        start += max(event.start + event.cycles for event in work)
    notes = {
        "layer": traced.name,
        "machine": result.config.name,
        "microseconds_per_cycle": scale,
        "cut_short": cut_short,
    }
    return {"traceEvents": names + events, "displayTimeUnit": "ms", "otherData": notes}
