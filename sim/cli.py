"""The command line of the simulator."""

import json
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from sim.options import POINT, parser

__all__ = ["main"]


def _write(files: dict[Path, str | bytes]) -> None:
    """Write all files or none: each first beside its place, then all are moved."""
    moves = []
    try:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            moves.append((name, path))
            with os.fdopen(handle, "wb") as file:
                file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        for name, path in moves:
            os.chmod(name, 0o666 & ~umask)
            os.replace(name, path)
    finally:
        for name, _ in moves:
            Path(name).unlink(missing_ok=True)


def _check_paths(paths: list[Path]) -> None:
    """Find out before the work whether the files can be written."""
    for path in paths:
        if path.is_dir():
            raise ValueError(f"{path} is a folder, not a file")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"folder {path.parent} does not exist")
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(f"folder {path.parent} cannot be written to")


def _one(options, console: Console, point: dict) -> None:
    """Estimate one machine, print it, and write what was asked for."""
    from sim.study.explore import evaluate
    from sim.study.report import compute_report, show, to_csv

    with Console(stderr=True).status(f"working out the products of {options.workload}"):
        result = evaluate(options.workload, point | {"merge": not options.all_layers})
    files: dict[Path, str | bytes] = {}
    if options.json:
        files[options.json] = json.dumps(result.to_dict(), indent=1) + "\n"
    if options.csv:
        left_out = [{"layer": name, "stage": "left out, may hold products"} for name in result.workload.missing]
        files[options.csv] = to_csv([row.to_dict() for row in result.rows] + left_out)
    if options.scale_sim:
        files[options.scale_sim] = compute_report(result)
    if options.trace:
        from sim.study.trace import chrome_trace

        files[options.trace] = json.dumps(chrome_trace(result, options.layer))
    if options.plot:
        from sim.study.plot import plot_roofline, plot_utilization

        options.plot.mkdir(exist_ok=True)
        files[options.plot / "utilization.png"] = plot_utilization(result)
        files[options.plot / "roofline.png"] = plot_roofline(result)
    _write(files)
    show(console, result)


def _number(text: str):
    """A value of a sweep's axis: a number or a yes or no where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "yes": True, "no": False}.get(text.lower(), text)


def _many(options, console: Console, point: dict) -> None:
    """Estimate every combination of the axes."""
    from sim.study.explore import grid, sweep
    from sim.study.report import show_sweep, to_csv

    for name in ("scale_sim", "trace", "plot"):
        if getattr(options, name):
            raise ValueError(f"--{name.replace('_', '-')} needs one machine, not a --sweep")
    axes = {name: [_number(value) for value in values] for name, values in options.sweep}
    points = [point | place for place in grid(**axes)]
    records = sweep(
        options.workload, points, workers=options.workers, scheduler=options.dask, progress=console.is_terminal
    )
    files: dict[Path, str | bytes] = {}
    if options.json:
        files[options.json] = json.dumps(records, indent=1) + "\n"
    if options.csv:
        files[options.csv] = to_csv(records)
    _write(files)
    show_sweep(console, records, list(axes))


def _run(options, console: Console) -> None:
    if options.compare:
        from sim.study.report import compare, read_report

        left, right = (read_report(path) for path in options.compare)
        compare(console, left, right, tuple(options.compare))
        return
    if options.workload is None:
        raise ValueError("--workload is missing: a name, a .csv or an .onnx file")
    if options.layer and not options.trace:
        raise ValueError("--layer needs --trace")
    if options.library and not options.synthesis:
        raise ValueError("--library needs --synthesis")
    _check_paths([path for path in (options.json, options.csv, options.scale_sim, options.trace) if path])
    if options.plot:
        _check_paths([options.plot / "utilization.png"] if options.plot.is_dir() else [])
        _check_paths([] if options.plot.is_dir() else [options.plot])
    if options.sizes:
        from sim.graphs.sizes import read_sizes

        options.sizes = read_sizes(options.sizes)
    point = {name: getattr(options, name) for name in POINT if getattr(options, name) is not None}
    (_many if options.sweep else _one)(options, console, point)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one line about bad input."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    try:
        _run(parser().parse_args(arguments), console)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"python -m sim: {error}", file=sys.stderr)
        return 2
    return 0
