"""Static timing of mapped netlists from a library's own tables, where no other timing program is installed."""

from dataclasses import dataclass, field
from pathlib import Path

from synth.mapping.arcs import EDGES, Arcs, tables_of
from synth.mapping.flat import Flat, FlatCell, flatten
from synth.mapping.liberty import Library, LibraryError

__all__ = ["TIMER", "StaticTiming", "Wires", "analyse", "analyse_flat", "least_period"]

TIMER = "built-in timing"
NEVER = -1e30


@dataclass(frozen=True)
class Wires:
    """What wires add, in the library's units: to each net's load, and on the way to a pin, by (number of its cell, pin).

    A port that is an output is a pin of cell -1.
    """

    load: dict[int, float] = field(default_factory=dict)
    delay: dict[tuple[int, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class StaticTiming:
    """Loads, latest arrivals and steepest-case slopes of every net: for each of ``EDGES`` a list by net.

    Attributes
    ----------
    flat
        the design; ``cells`` are those of them that the library has, ``arcs`` theirs.
    period
        least clock period, in the library's unit of time; ``unit`` is that in ns.
    """

    flat: Flat
    cells: list[FlatCell]
    arcs: list[Arcs]
    load: list[list[float]]
    arrival: list[list[float]]
    slope: list[list[float]]
    period: float
    unit: float


def least_period(netlists: dict[str, Path], library: Library, top: str) -> float:
    """Least clock period in ns of ``top``, see ``analyse``."""
    timing = analyse(netlists, library, top)
    return timing.period * timing.unit


def analyse(netlists: dict[str, Path], library: Library, top: str) -> StaticTiming:
    """Static timing of ``top``, of mapped netlists by module, without wires: see ``analyse_flat``."""
    return analyse_flat(flatten(netlists, top), library)


def analyse_flat(flat: Flat, library: Library, wires: Wires | None = None) -> StaticTiming:
    """Static timing: ideal clock, ports at the clock's edge.

    Every arc is used, whatever the other inputs are; slopes and delays come from the library's tables. Outputs of cells
    that are not in the library arrive never. A wire adds load and delay; slopes do not change on it.

    Raises
    ------
    LibraryError
        for a combinational loop.
    """
    wires, tables = wires or Wires(), tables_of(library.path)
    cells = [cell for cell in flat.cells if cell.kind in library.cells]  # parts and memories are left out
    arcs = [tables.cell(cell.kind, library) for cell in cells]
    load = [[wires.load.get(net, 0.0) for net in range(flat.nets)] for _ in EDGES]
    for cell, arc in zip(cells, arcs, strict=True):
        for pin, values in arc.loads.items():
            if pin in cell.pins:
                for edge, value in enumerate(values):
                    load[edge][cell.pins[pin]] += value
    arrival, slope = _start(flat, cells, arcs, load)
    done = _propagate(flat.nets, cells, arcs, load, arrival, slope, wires)
    if done < sum(bool(arc.delays) for arc in arcs):
        raise LibraryError("the netlist has a combinational loop")
    worst = max((arrival[edge][net] + wires.delay.get((-1, name), 0.0) for name, net in flat.outputs for edge in (0, 1)),
                default=0.0)  # fmt: skip
    for index, (cell, arc) in enumerate(zip(cells, arcs, strict=True)):
        for pin, edge, setup in arc.setups:
            if pin in cell.pins and arrival[edge][cell.pins[pin]] != NEVER:
                net, way = cell.pins[pin], wires.delay.get((index, pin), 0.0)
                worst = max(worst, arrival[edge][net] + way + setup(slope[edge][net], 0.0))
    return StaticTiming(flat, cells, arcs, load, arrival, slope, max(worst, 0.0), tables.unit)


def _start(
    flat: Flat, cells: list[FlatCell], arcs: list[Arcs], load: list[list[float]]
) -> tuple[list[list[float]], list[list[float]]]:
    """Arrivals and slopes at inputs and behind registers."""
    arrival, slope = ([[start] * flat.nets for _ in EDGES] for start in (NEVER, 0.0))
    for _, net in flat.inputs:
        if net > 1:
            arrival[0][net] = arrival[1][net] = 0.0
    for cell, arc in zip(cells, arcs, strict=True):
        for out, edge, delay, transition in arc.launches:
            if out in cell.pins:
                net = cell.pins[out]
                arrival[edge][net] = max(arrival[edge][net], delay(0.0, load[edge][net]))
                slope[edge][net] = max(slope[edge][net], transition(0.0, load[edge][net]))
    return arrival, slope


def _propagate(
    nets: int, cells: list[FlatCell], arcs: list[Arcs], load: list[list[float]], arrival: list[list[float]],
    slope: list[list[float]], wires: Wires,
) -> int:  # fmt: skip
    """Carry arrivals and slopes through the cells in topological order; how many were reached."""
    sinks: list[list[int]] = [[] for _ in range(nets)]
    drivers, waiting = [0] * nets, [0] * len(cells)
    for index, (cell, arc) in enumerate(zip(cells, arcs, strict=True)):
        pins = cell.pins
        for net in {pins[out] for _, out, *_ in arc.delays if out in pins}:
            drivers[net] += 1
        for net in {pins[name] for name, out, *_ in arc.delays if name in pins and out in pins}:
            sinks[net].append(index)
    for net, users in enumerate(sinks):
        if drivers[net]:
            for index in users:
                waiting[index] += 1
    ready = [i for i, arc in enumerate(arcs) if arc.delays and not waiting[i]]
    done = 0
    while ready:
        index = ready.pop()
        done += 1
        pins, reached = cells[index].pins, set()
        for name, out, source, edge, delay, transition in arcs[index].delays:
            if name not in pins or out not in pins:
                continue
            net, start = pins[out], arrival[source][pins[name]]
            reached.add(net)
            if start == NEVER:
                continue
            start += wires.delay.get((index, name), 0.0)
            before, behind = slope[source][pins[name]], load[edge][net]
            arrival[edge][net] = max(arrival[edge][net], start + delay(before, behind))
            slope[edge][net] = max(slope[edge][net], transition(before, behind))
        for net in reached:
            drivers[net] -= 1
            if drivers[net] == 0:
                for user in sinks[net]:
                    waiting[user] -= 1
                    if waiting[user] == 0:
                        ready.append(user)
    return done
