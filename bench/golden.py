"""Speed of the golden model on one core: ``python -m bench.golden [--json]``."""

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import golden

__all__ = ["Figure", "measure", "show"]

REPETITIONS = 7
SIZE = 2048


class Figure(NamedTuple):
    """One measurement: the median of the repetitions, and its ratio to something measured in turns with it."""

    name: str
    seconds: float
    rate: float
    rate_unit: str
    ratio: float
    ratio_to: str
    goal: str
    met: bool | None


def _times(*calls: Callable[[], object]) -> list[list[float]]:
    """CPU seconds of every repetition of each call, taken in turns, so that a disturbance hits all of them alike."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(REPETITIONS):
        for call, series in zip(calls, times, strict=True):
            start = process_time()
            call()
            series.append(process_time() - start)
    return times


def _figure(name: str, call, reference, reference_name: str, work: float, unit: str, goal="", met=None) -> Figure:
    ours, theirs = _times(call, reference)
    seconds = median(ours)
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    rate = work / seconds
    return Figure(name, seconds, rate, unit, ratio, reference_name, goal, met(rate, ratio) if met else None)


def measure() -> list[Figure]:
    """All figures, with BLAS held to one thread."""
    x = np.random.default_rng(0).standard_normal((SIZE, SIZE), np.float32)
    y = np.random.default_rng(1).standard_normal((SIZE, SIZE), np.float32)
    copy = np.empty_like(x)
    hbfp4, hbfp6 = golden.BlockFormat(4, 64), golden.BlockFormat(6, 64)
    blocks = {
        (format, axis): golden.quantize((x, y)[axis], format, 1 - axis) for format in (hbfp4, hbfp6) for axis in (0, 1)
    }
    packed = golden.pack(blocks[hbfp4, 0])
    elements = x.size / 1e6
    fast = ">= 100 M/s", lambda rate, ratio: rate >= 100
    close = "<= 2.50 x", lambda rate, ratio: ratio <= 2.5
    operations = 2 * SIZE**3 / 1e9
    conversions = [
        ("quantize HBFP4/64, axis -1", lambda: golden.quantize(x, hbfp4), *fast),
        ("quantize HBFP4/64, axis 0", lambda: golden.quantize(x, hbfp4, 0)),
        ("quantize HBFP4/64, stochastic", lambda: golden.quantize(x, hbfp4, -1, "stochastic", 1)),
        ("dequantize HBFP4/64", lambda: golden.dequantize(blocks[hbfp4, 0])),
        ("pack HBFP4/64", lambda: golden.pack(blocks[hbfp4, 0])),
        ("unpack HBFP4/64", lambda: golden.unpack(packed, hbfp4, x.shape)),
    ]
    products = [
        ("matmul 2048³ HBFP4/64", lambda: golden.matmul(blocks[hbfp4, 0], blocks[hbfp4, 1]), *close),
        ("matmul 2048³ HBFP6/64", lambda: golden.matmul(blocks[hbfp6, 0], blocks[hbfp6, 1])),
        ("matmul 2048³ HBFP4/64, bf16",
         lambda: golden.matmul(blocks[hbfp4, 0], blocks[hbfp4, 1], accumulator="bf16")),
    ]  # fmt: skip
    with threadpool_limits(1):
        return [
            _figure(name, call, lambda: np.copyto(copy, x), "copy", elements, "M/s", *goal)
            for name, call, *goal in conversions
        ] + [
            _figure(name, call, lambda: np.matmul(x, y, out=copy), "@", operations, "GOP/s", *goal)
            for name, call, *goal in products
        ]


def show(figures: list[Figure], console: Console) -> None:
    """The figures as a table."""
    table = Table(title=f"golden, one core, {SIZE} x {SIZE} float32, CPU time, median of {REPETITIONS}")
    for heading in ("what", "ms", "rate", "ratio", "goal"):
        table.add_column(heading, justify="left" if heading in ("what", "goal") else "right")
    for figure in figures:
        met = "" if figure.met is None else f"{figure.goal}: {'met' if figure.met else 'missed'}"
        table.add_row(
            figure.name, f"{figure.seconds * 1e3:.1f}", f"{figure.rate:.0f} {figure.rate_unit}",
            f"{figure.ratio:.2f} x {figure.ratio_to}", met,
        )  # fmt: skip
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Print the figures as a table or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.golden", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    figures = measure()
    if options.json:
        print(json.dumps([figure._asdict() for figure in figures], indent=2))
    else:
        show(figures, Console())


if __name__ == "__main__":
    main()
