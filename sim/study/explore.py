"""Many machines at once: one estimate for each point of a grid, in this process, over its cores, or over a cluster."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from functools import partial
from itertools import chain, product
from math import ceil, lcm
from typing import Any

from hw.config import CoreConfig
from sim.model import Rates
from sim.network.energy import read_energy
from sim.network.estimate import estimate
from sim.network.memory import Memory
from sim.network.parallel import Cluster, Link
from sim.network.result import Estimate
from sim.network.synthesis import Physical, read_results
from sim.workloads import Workload, load, schedule

__all__ = ["NEEDS", "PARALLEL", "Values", "check_needs", "evaluate", "grid", "sweep"]

Values = dict[str, Any]
"""Parameters or results by their names, of whatever kind each is."""

_CONFIG = {field.name for field in fields(CoreConfig)} - {"mantissa_widths"}
_MEMORY = {field.name for field in fields(Memory)}
_CLUSTER = {"data", "tensor", "cores_per_chip", "overlap"}
PARALLEL = ("data", "tensor")
"""What several cores share: the batch, or each weight matrix."""
_ESTIMATE = {"training", "epochs", "samples", "merge", "prefetch", "latency"}
NEEDS = {
    "library": ("synthesis", "energy"), "dram_energy": ("energy",), "epochs": ("training",), "samples": ("epochs",),
    "link": ("data", "tensor", "cores"), "link_latency": ("link",), "overlap": ("link",),
    "cores_per_chip": ("data", "tensor", "cores"), "cores": ("parallel",), "parallel": ("cores",),
    "latency": ("prefetch",),
}  # fmt: skip
"""Parameters that say nothing without another: that one, or one of several."""
_SMALL = 500
"""Points below which starting processes costs more than it saves."""


def grid(**axes: object) -> list[Values]:
    """Every combination of the axes' values; a value that is no list is an axis of one."""
    lists = [list(values) if isinstance(values, list | tuple | range) else [values] for values in axes.values()]
    return [dict(zip(axes, point, strict=True)) for point in product(*lists)]


def _cluster(point: Values) -> Cluster:
    """The cores of a point, taken from it: ``data`` and ``tensor``, or ``cores`` and which of these they are."""
    latency = point.pop("link_latency", 0)
    link = Link(point.pop("link"), latency) if "link" in point else None
    if "parallel" in point:
        kind = point.pop("parallel")
        if kind not in PARALLEL:
            raise ValueError(f"parallel must be one of {', '.join(PARALLEL)}, not {kind}")
        if kind in point:
            raise ValueError(f"cores and {kind} must not be given both")
        point[kind] = point.pop("cores")
    return Cluster(link=link, **{name: point.pop(name) for name in list(point) if name in _CLUSTER})


def check_needs(given: Container[str], needs: Mapping[str, Sequence[str]]) -> None:
    """Refuse what says nothing without another that is not given.

    Raises
    ------
    ValueError
        naming both.
    """
    for name, others in needs.items():
        if name in given and not any(other in given for other in others):
            raise ValueError(f"{name} needs {' or '.join(others)}")


def _pair(name: str, value: str | Iterable[int]) -> tuple[int, int]:
    """Rows and columns from (4, 8) or "4x8"."""
    parts = value.lower().split("x") if isinstance(value, str) else list(value)
    if len(parts) != 2 or not all(str(part).isdecimal() for part in parts):
        raise ValueError(f"{name} must be ROWSxCOLUMNS, not {value}")
    return int(parts[0]), int(parts[1])


def _rates(ports: bool, share: object) -> Rates | None:
    """Rates of the core's streams from the share of cycles in which each passes a beat; None for no ports."""
    return Rates.even(share) if ports else None


def _core(point: Values, widths: tuple[int, ...], memory: Memory) -> CoreConfig:
    """The core of a point, with the widths, the features and the panels that the rest of the point asks for."""
    machine = _machine(point, widths)
    machine.setdefault("features", memory.features)
    if memory.results == "packed" and "panel_columns" not in machine:
        core = CoreConfig(**machine | {"features": ()})
        machine["panel_columns"] = lcm(core.columns, core.block_size)
    return CoreConfig(**machine)


def _machine(point: Values, widths: tuple[int, ...]) -> Values:
    """The parameters of the core in a point, the pairs and short names of the command line included."""
    machine = {name: point.pop(name) for name in list(point) if name in _CONFIG}
    for name in ("mesh", "tile"):
        if name in point:
            machine[f"{name}_rows"], machine[f"{name}_columns"] = _pair(name, point.pop(name))
    if "block" in point:
        machine["block_size"] = point.pop("block")
    machine["mantissa_widths"] = tuple(point.pop("mantissa_widths", widths))
    return {name: value for name, value in machine.items() if value is not None}


def evaluate(workload: Workload | str, point: Mapping[str, Any]) -> Estimate:
    """The estimate of one point: a flat mapping of parameters.

    A point may hold the parameters of ``CoreConfig`` (``mesh``, ``tile`` as "4x4" and ``block`` are short forms;
    ``mantissa_widths`` defaults to what the schedule needs, ``features`` to what the formats in memory need), of
    ``Memory``, of ``Cluster`` with ``link`` in bytes per cycle and ``link_latency`` (``cores`` with ``parallel`` "data" or
    "tensor" is a short form), ``schedule``, ``training``,
    ``ports`` (False counts the array alone), ``port_rate`` (the share of cycles in which each stream of the core passes a
    beat), ``prefetch``, ``latency``, ``epochs``, ``samples``, ``physical``, or ``synthesis`` with ``library`` for
    ``read_results``, ``energy`` with ``library`` for ``read_energy`` and ``dram_energy`` in pJ per byte, ``clock_mhz`` in place
    of theirs, and the options of the workload: ``batch``, ``sequence`` and so on.

    Raises
    ------
    TypeError, ValueError
        for an unknown name, one that needs another (``NEEDS``), or a machine that cannot be.
    """
    point = {name: value for name, value in point.items() if value is not None}
    check_needs(point, NEEDS)
    if "port_rate" in point and point.get("ports") is False:
        raise ValueError("port_rate needs ports, which ideal ones are not")
    plan = schedule(point.pop("schedule", "all-4"))
    memory = Memory(**{name: point.pop(name) for name in list(point) if name in _MEMORY})
    config = _core(point, plan.widths(point.get("training", False)), memory)
    rates = _rates(point.pop("ports", True), point.pop("port_rate", 1))
    cluster = _cluster(point)
    physical = point.pop("physical", Physical())
    library = point.pop("library", None)
    if "synthesis" in point:
        physical = read_results(point.pop("synthesis"), config, library)
    if "energy" in point:
        energy, clock = read_energy(point.pop("energy"), config, library)
        energy = replace(energy, dram=point.pop("dram_energy", energy.dram))
        physical = replace(physical, energy=energy, clock_mhz=physical.clock_mhz or clock)
    if "clock_mhz" in point:
        physical = replace(physical, clock_mhz=point.pop("clock_mhz"))
    options = {name: point.pop(name) for name in list(point) if name in _ESTIMATE}
    if isinstance(workload, str):
        workload, point = load(workload, **point), {}
    if point:
        raise ValueError(f"unknown parameter {', '.join(sorted(point))}")
    known = {"schedule": plan, "memory": memory, "cluster": cluster, "physical": physical, "rates": rates}
    return estimate(workload, config, **known, **options)


def _summaries(workload: Workload | str, points: Sequence[Values]) -> list[Values]:
    """A flat record per point: its parameters and its summary, or the reason why there is none."""
    records = []
    for point in points:
        try:
            summary = evaluate(workload, point).summary()
            bounds = {f"bound_{name}": share for name, share in summary.pop("bound").items()}
            records.append(summary | bounds | point)
        except (TypeError, ValueError) as error:
            records.append(point | {"error": str(error)})
    return records


def _spread(
    run: Callable[[list[Values]], list[Values]], points: list[Values], workers: int | None, scheduler: str | None
) -> Iterator[list[Values]]:
    """Results of slices of the points, in order, from wherever they are computed."""
    if scheduler is None and len(points) < _SMALL and workers is None:
        for point in points:
            yield run([point])
        return
    size = max(1, min(200, ceil(len(points) / 16)))
    slices = [points[start : start + size] for start in range(0, len(points), size)]
    if scheduler is None:
        with ProcessPoolExecutor(workers) as pool:
            yield from pool.map(run, slices)
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("the Python package distributed is not installed; run: pip install distributed") from error
    with Client(scheduler) as client:
        yield from (future.result() for future in client.map(run, slices))


def _with_progress(slices: Iterable[list[Values]], total: int) -> Iterator[Values]:
    """The records, with a bar that disappears when all are there."""
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task("machines", total=total)
        for records in slices:
            bar.advance(task, len(records))
            yield from records


def sweep(
    workload: Workload | str,
    points: Iterable[Mapping[str, Any]] | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
    **axes: object,
) -> list[Values]:
    """One flat record per machine, in order: the point's parameters with the estimate's summary.

    ``sweep("resnet50", mesh=["4x4", "8x8"], block=[32, 64], schedule="booster", training=True)`` takes every
    combination of its axes; ``points`` gives them one by one instead, as mappings for ``evaluate``. A machine that
    cannot be has the reason under "error" in place of results. Small sweeps run in this process, larger ones on a pool
    of ``workers`` processes (default: one per core), or on the Dask scheduler at the address ``scheduler``.

    Raises
    ------
    ImportError
        for a scheduler if the package ``distributed`` is not installed.
    TypeError, ValueError
        for a workload that does not load, or if not one of the machines can be.
    """
    if points is not None and axes:
        raise ValueError(f"points and axes exclude each other; the axes given are {', '.join(axes)}")
    points = grid(**axes) if points is None else [dict(point) for point in points]
    if isinstance(workload, str):
        load(workload)
    slices = _spread(partial(_summaries, workload), points, workers, scheduler)
    records = list(_with_progress(slices, len(points)) if progress else chain.from_iterable(slices))
    if records and all("error" in record for record in records):
        raise ValueError(records[0]["error"])
    return records
