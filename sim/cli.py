"""The command line of the simulator."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from hw.host.files import check_outputs, write_files
from hw.host.program import CommandLineError, put, run
from sim.options import MACHINE, POINT, add_options

__all__ = ["main"]


def _deliver(options: argparse.Namespace, files: dict[Path, str | bytes], json_text: str, csv_text: str) -> bool:
    """Write everything that was asked for; whether standard output is taken by it."""
    taken = False
    for where, text in ((options.json, json_text), (options.csv, csv_text)):
        if where == "-":
            put(text)
            taken = True
        elif where:
            files[Path(where)] = text
    write_files(files)
    return taken


def _one(options: argparse.Namespace, console: Console, point: dict[str, Any]) -> None:
    """Estimate one machine, print it, and write what was asked for."""
    from sim.study.explore import evaluate
    from sim.study.report import compute_report, show, to_csv

    with Console(stderr=True).status(f"working out the products of {options.workload}"):
        result = evaluate(options.workload, point | {"merge": not options.all_layers})
    files: dict[Path, str | bytes] = {}
    if options.scale_sim:
        files[options.scale_sim] = compute_report(result)
    if options.trace:
        from sim.study.trace import chrome_trace

        files[options.trace] = json.dumps(chrome_trace(result, options.layer))
    if options.plot:
        from sim.study.plot import PLOTS

        files |= {path: PLOTS[name](result) for path, name in _plots(options).items()}
    left_out = [{"layer": name, "stage": "left out, may hold products"} for name in result.workload.missing]
    table = to_csv(result.records() + left_out)
    if not _deliver(options, files, json.dumps(result.to_dict(), indent=1) + "\n", table):
        show(console, result)


def _plots(options: argparse.Namespace) -> dict[Path, str]:
    """Plots that are asked for, by their files: the roofline, or a folder of both, without it where ports do not count."""
    if options.plot is None:
        return {}
    if options.plot.suffix == ".png":
        return {options.plot: "roofline"}
    names = ["utilization"] + ["roofline"] * (options.ports is not False)
    return {options.plot / f"{name}.png": name for name in names}


def _number(text: str) -> float | bool | str:
    """A value of a sweep's axis: a number or a yes or no where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "yes": True, "no": False}.get(text.lower(), text)


def _many(options: argparse.Namespace, console: Console, point: dict[str, Any]) -> None:
    """Estimate every combination of the axes."""
    from sim.study.explore import grid, sweep
    from sim.study.report import show_sweep, to_csv

    for name in ("scale_sim", "trace", "plot", "all_layers"):
        if getattr(options, name):
            raise ValueError(f"{name} needs one machine, not a sweep")
    axes = {name: [_number(value) for value in values] for name, values in options.sweep}
    points = [point | place for place in grid(**axes)]
    records = sweep(
        options.workload, points, workers=options.workers, scheduler=options.dask, progress=console.is_terminal
    )
    if not _deliver(options, {}, json.dumps(records, indent=1) + "\n", to_csv(records)):
        show_sweep(console, records, list(axes))


NEEDS = {"layer": ("trace",), "workers": ("sweep",), "dask": ("sweep",)}
"""As of ``sim.study.explore``: options that no point has."""


def _run(options: argparse.Namespace, console: Console) -> None:
    from sim.study.explore import check_needs

    if options.compare:
        from sim.study.report import compare, read_report

        left, right = (read_report(path) for path in options.compare)
        compare(console, left, right, tuple(options.compare))
        return
    if options.workload is None:
        raise ValueError("--workload is missing: a name, a .csv or an .onnx file")
    check_needs({name for name, value in vars(options).items() if value is not None}, NEEDS)
    if options.workers is not None and not 1 <= options.workers <= 256:
        raise ValueError(f"workers must be between 1 and 256, not {options.workers}")
    outputs = [Path(path) for path in (options.json, options.csv, options.scale_sim, options.trace) if path and path != "-"]
    check_outputs(*outputs, *_plots(options))
    if options.sizes:
        from sim.graphs.sizes import read_sizes

        options.sizes = read_sizes(options.sizes)
    point = {MACHINE.get(name, name): getattr(options, name) for name in POINT if getattr(options, name) is not None}
    (_many if options.sweep else _one)(options, console, point)


def _main(options: argparse.Namespace) -> int:
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    try:
        _run(options, console)
    except (ValueError, TypeError, OSError, ImportError, RecursionError) as error:
        raise CommandLineError(str(error)) from None
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one line about bad input."""
    return run("python -m sim", "Cycles, traffic and bounds of a network on an HBFP machine.", add_options, _main, arguments)
