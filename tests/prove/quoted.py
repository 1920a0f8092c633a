"""The netlists that docs/density.md quotes areas from, part by part against the emitted Verilog."""

import json
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hw.baseline.formats import format_named
from hw.emit import emit_verilog
from synth.density.designs import PARTS, config_for, tile_for
from synth.mapping.flow import BUILD, Part, modules_of, synthesise
from synth.mapping.liberty import Library, find_library
from synth.sweep import load
from tests.prove.kinds.netlists import equivalent
from tests.prove.solvers import Unfinished
from tests.prove.table import ROOT, replace_between

__all__ = ["Checked", "check", "keep", "quoted", "read", "table"]

RESULTS, DENSITY = ROOT / "docs/proofs-netlists.json", ROOT / "docs/density.json"
BEGIN, END = "<!-- netlists -->", "<!-- /netlists -->"


@dataclass(frozen=True)
class Checked:
    """What came of a part of a format's quoted tile.

    Attributes
    ----------
    recipe
        that made its netlist.
    how
        "proved", or "vectors" where the solver did not finish: ``synth density`` simulates the unit when it measures.
    seconds
        of processor time of the solver.
    """

    library: str
    format: str
    part: str
    recipe: str
    how: str
    seconds: float


def quoted(library: Library, formats: list[str], build: Path = BUILD) -> Iterator[tuple[str, dict[str, Part]]]:
    """Formats whose smallest tile is quoted, and its parts, mapped by the same flow unless ``build`` has them.

    Raises
    ------
    RuntimeError
        where the area is not the one that is quoted.
    """
    for row in load(DENSITY):
        name = row.design.format
        if row.design.library != library.name or not row.design.usual or (formats and name not in formats):
            continue
        form = format_named(name)
        config = config_for(form)
        tile = tile_for(form, config)
        text = emit_verilog(tile)
        names = [module for module in modules_of(text) if module.startswith(PARTS)]
        mapped = synthesise(text, tile.module_name, names, library, clock_gates=True, build=build)
        area = mapped.area / config.macs_per_cycle
        if abs(area / row.area - 1) > 1e-9:
            raise RuntimeError(f"{name}: {area} is not the area quoted, {row.area}")
        yield name, mapped.parts


def check(library: str, formats: list[str], seconds: float = 120, build: Path = BUILD) -> Iterator[Checked]:
    """Prove what the solver can in so many ``seconds`` a part; raises ``Refuted``."""
    cells = find_library(library, build)
    known: dict[str, tuple[str, float]] = {}
    for name, parts in quoted(cells, formats, build):
        for part in parts.values():
            if part.netlist not in known:
                start = _solver_time()
                try:
                    with tempfile.TemporaryDirectory() as folder:
                        equivalent(part, set(parts), cells, Path(folder), seconds)
                    how = "proved"
                except Unfinished:
                    how = "vectors"
                known[part.netlist] = how, round(_solver_time() - start, 1)
            yield Checked(library, name, part.name, part.variant, *known[part.netlist])


def _solver_time() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def table(results: list[Checked]) -> str:
    """A line for every part."""
    lines = ["| library | format | part | recipe | | seconds |", "| --- | --- | --- | --- | --- | ---: |"]
    lines += [f"| {r.library} | {r.format} | {r.part} | {r.recipe} | {r.how} | {r.seconds:.1f} |" for r in results]
    return "\n".join(lines)


def read() -> list[Checked]:
    """The results kept."""
    return [Checked(**values) for values in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def keep(results: list[Checked]) -> None:
    """Put results in the place of those of the same library and format, and all into the page."""
    new = {(result.library, result.format) for result in results}
    results = [result for result in read() if (result.library, result.format) not in new] + results
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    replace_between(BEGIN, END, table(results))
