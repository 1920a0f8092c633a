"""Speed of the simulators on one core: ``python -m bench.simulator [--json]``."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from hw.config import CoreConfig

__all__ = ["Figure", "measure", "show"]

MACS_1024 = CoreConfig(datapath="behavioral")
MACHINE = CoreConfig(mantissa_widths=(4, 6), mesh_rows=8, mesh_columns=8)
SWEEP = {"mesh": ["1x1", "2x4", "4x4", "8x8"], "block": [16, 32, 64], "interleave": [1, 2, 4]}

_ALONE = """
import resource, time
start = time.process_time()
from sim import CoreConfig, estimate
imported = time.process_time()
estimate("resnet50", CoreConfig(mantissa_widths=(4, 6), mesh_rows=8, mesh_columns=8), {options})
done = time.process_time()
print(imported - start, done - imported, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


class Figure(NamedTuple):
    """One measurement."""

    name: str
    value: float
    unit: str
    goal: str
    met: bool | None


def _figure(name: str, value: float, unit: str, most: float | None = None, least: float | None = None) -> Figure:
    if most is not None:
        return Figure(name, value, unit, f"<= {most:g} {unit}", value <= most)
    if least is not None:
        return Figure(name, value, unit, f">= {least:,g} {unit}", value >= least)
    return Figure(name, value, unit, "", None)


def _rtl() -> list[Figure]:
    """A compiled core of 1024 multiply-accumulates on a product that keeps its array and its streams busy."""
    import numpy as np

    from sim.devices import CycleDevice, RtlDevice

    start = perf_counter()
    device = RtlDevice(MACS_1024)
    ready = perf_counter() - start
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((512, 2048), np.float32), rng.standard_normal((2048, 256), np.float32)
    start = process_time()
    device.matmul(a, b)
    seconds = process_time() - start
    model = CycleDevice(MACS_1024)
    model.matmul(a, b)
    return [
        _figure("compiled core of 1024 MACs: ready (wall; from the cache after the first time)", ready, "s"),
        _figure("compiled core of 1024 MACs: speed", device.cycles / seconds, "cycles/s", least=100_000),
        _figure("compiled core of 1024 MACs: cycles of 512x2048 by 2048x256", device.cycles, "cycles"),
        _figure("the model's error in them", abs(model.cycles - device.cycles), "cycles", most=0),
    ]


def _estimate(name: str, options: str) -> list[Figure]:
    """A whole network in a fresh process."""
    run = subprocess.run(
        [sys.executable, "-c", _ALONE.format(options=options)], capture_output=True, text=True, check=True
    )
    imported, seconds, memory = map(float, run.stdout.split())
    return [
        _figure(f"{name}: estimate", seconds, "s", most=0.2),
        _figure(f"{name}: import", imported, "s"),
        _figure(f"{name}: peak memory of the process", memory, "MB", most=200),
    ]


def _sweep() -> list[Figure]:
    from sim import load
    from sim.study.explore import grid, sweep

    points = grid(**SWEEP)
    workload = load("resnet50")
    start = process_time()
    sweep(workload, points)
    return [_figure("sweep of ResNet-50", 60 * len(points) / (process_time() - start), "machines/min", least=1000)]


def measure(progress: Callable[[str], object] = lambda text: None) -> list[Figure]:
    """All figures."""
    figures = []
    for text, part in (
        ("estimating ResNet-50", lambda: _estimate("ResNet-50 on 32x32 units, inference", "")),
        ("estimating 90 epochs", lambda: _estimate(
            "ResNet-50, 90 epochs, booster", "training=True, schedule='booster', epochs=90")),
        ("sweeping", _sweep),
        ("compiling and running the RTL", _rtl),
    ):  # fmt: skip
        progress(text)
        figures += part()
    return figures


def show(figures: list[Figure], console: Console, title: str = "simulators, one core, CPU time") -> None:
    """The figures as a table."""
    table = Table(title=title)
    for heading in ("what", "value", "unit", "goal"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for figure in figures:
        met = "" if figure.met is None else f"{figure.goal}: {'met' if figure.met else 'missed'}"
        value = f"{figure.value:,.0f}" if figure.value >= 100 or figure.value == 0 else f"{figure.value:.3g}"
        table.add_row(figure.name, value, figure.unit, met)
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Print the figures as a table or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulator", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    with Console(stderr=True).status("") as status:
        figures = measure(status.update)
    if options.json:
        print(json.dumps([figure._asdict() for figure in figures], indent=2))
    else:
        show(figures, Console())


if __name__ == "__main__":
    main()
