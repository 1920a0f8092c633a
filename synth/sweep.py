"""Many designs at once: a process pool or a Dask cluster, a progress bar, and results that survive an interruption."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hw.host.files import keep, read_json
from hw.host.tools import yosys_version
from synth.density.cache import sources
from synth.density.row import Design, Row
from synth.kinds import check_kinds
from synth.mapping.flow import BUILD
from synth.mapping.liberty import find_library

__all__ = ["Failure", "Labelled", "load", "save", "sweep"]


class Labelled(Protocol):
    """What can be measured, and what a progress bar calls it."""

    @property
    def label(self) -> str:
        """The name."""
        ...


D = TypeVar("D", bound=Labelled)
D_in = TypeVar("D_in", bound=Labelled, contravariant=True)
R = TypeVar("R")
R_out = TypeVar("R_out", covariant=True)
Failure = tuple[D, str]
"""A design, and why it was not measured."""


class Measure(Protocol[D_in, R_out]):
    """A function that measures a design."""

    def __call__(self, design: D_in, /, *, build: Path, seconds: float) -> R_out: ...


class Readable(Protocol[R_out]):
    """A class whose rows can be read from JSON."""

    def from_dict(self, values: dict[str, Any]) -> R_out:
        """A row of these values."""
        ...


def _measure(measure: Measure[D, R], design: D, limits: tuple[str, float]) -> R | str:
    try:
        build, seconds = limits
        return measure(design, build=Path(build), seconds=seconds)
    except Exception as error:  # one design's failure must not end the others
        return f"{type(error).__name__}: {error}"


def sweep(
    designs: list[D], measure: Measure[D, R], *, jobs: int = 1, dask: str | None = None, seconds: float = 900,
    build: Path = BUILD, quiet: bool = False,
) -> tuple[list[R], list[Failure[D]]]:  # fmt: skip
    """Measure designs; what was measured before comes from the cache.

    Parameters
    ----------
    designs
        each with a ``label``.
    measure
        function of a design, ``build`` and ``seconds`` that returns its row.
    jobs
        processes.
    dask
        address of a Dask scheduler to use instead.
    seconds
        time limit of each tool's run.

    Raises
    ------
    ToolError
        where there is no Yosys, before anything is measured.
    """
    yosys_version()
    console = Console(stderr=True, quiet=quiet)
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip
    results: dict[int, R | str] = {}
    with progress:
        task = progress.add_task("synthesis", total=len(designs))
        for index, result in _results(designs, jobs, dask, (str(build), seconds), measure):
            results[index] = result
            progress.update(task, advance=1, description=designs[index].label)
            if not console.is_terminal:
                console.print(f"{len(results)} of {len(designs)}: {designs[index].label}", highlight=False)
    rows = [result for _, result in sorted(results.items()) if not isinstance(result, str)]
    failures = [(designs[i], result) for i, result in sorted(results.items()) if isinstance(result, str)]
    return rows, failures


def _results(
    designs: list[D], jobs: int, dask: str | None, limits: tuple[str, float], measure: Measure[D, R]
) -> Iterator[tuple[int, R | str]]:
    """Pairs (index, row or error text) in the order they finish."""
    if dask:
        from distributed import Client
        from distributed import as_completed as finished

        with Client(dask) as client:
            remote = {client.submit(_measure, measure, d, limits): i for i, d in enumerate(designs)}
            for one in finished(remote):
                yield remote[one], one.result()
    elif jobs == 1 or len(designs) == 1:
        for index, design in enumerate(designs):
            yield index, _measure(measure, design, limits)
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(_measure, measure, d, limits): i for i, d in enumerate(designs)}
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    yield futures[future], "the process died; see the folder of its log"


def save(path: Path, rows: list[Row], failures: list[Failure[Design]], command: str) -> None:
    """Write results as JSON, replacing the file at once or not at all."""
    value = {
        "command": command,
        "sources": sources(),
        "libraries": {name: _digest(name) for name in dict.fromkeys(row.design.library for row in rows)},
        **_core(rows),
        "rows": [row.to_dict() for row in rows],
        "failures": [{"design": asdict(design), "error": error} for design, error in failures],
    }
    keep(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def _digest(library: str) -> str:
    """Digest of a library's file."""
    return hashlib.sha256(find_library(library, BUILD).path.read_bytes()).hexdigest()


def _core(rows: list[Row]) -> dict[str, float]:
    """Area and clock of the first core with HBFP4, as the simulator reads them."""
    for row in rows:
        if (
            row.design.accounting == "array"
            and row.design.format == "hbfp4"
            and row.period
            and row.design.library != "reference"
        ):
            return {"area_um2": row.area * row.macs, "clock_mhz": 1000 / row.period}
    return {}


@overload
def load(path: Path) -> list[Row]: ...
@overload
def load(path: Path, kind: Readable[R]) -> list[R]: ...
def load(path: Path, kind: Readable[Any] = Row) -> list[Any]:
    """Rows of a results file, of a class with ``from_dict``.

    Raises
    ------
    ValueError
        for a file that is no results file.
    """
    values = read_json(path)
    try:
        rows = [kind.from_dict(row) for row in values["rows"]]
        for row in rows:
            check_kinds(row)
        return rows
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is no results file: {error}") from None
