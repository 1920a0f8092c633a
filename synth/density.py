"""Areas and clocks of every format in every accounting: one row per design, each verified before it is quoted."""

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from synth.flow import BUILD, Synthesis
from synth.liberty import Library, LibraryError, find_library
from synth.timing import TIMER, flat_verilog, least_period
from synth.tools import ToolError, sta_version, static_timing, yosys_version

__all__ = ["ACCOUNTINGS", "CONVERTERS", "Design", "Row", "cached_check", "cached_period", "keep", "measure"]

ACCOUNTINGS = ("tile", "array", "dot unit", "formula")
CONVERTERS = ("none", "own", "shared")


@dataclass(frozen=True)
class Design:
    """What to measure: a format in an accounting, mapped to a library.

    Parameters
    ----------
    format : a name of ``hw.baseline.formats``, with ``/N`` for another block size.
    library : a library's name or file.
    dot : products of a unit per cycle (default: the block, or 64 where nothing is shared).
    rows, columns : units of the tile.
    cycles : register stages of the accumulator.
    clock_gates : whether enabled registers get clock gates where the library has them.
    accounting : of ``ACCOUNTINGS``, see ``synth/accounting.py``.
    converter : for a dot unit, of ``CONVERTERS``: whose the converter to blocks is.
    tree_cycles : register stages between operands and block sum; of floating-point formats in each operation.
    effort : "area" or "speed", as of ``synthesise``.
    mesh : tiles in a row and in a column of an array.
    """

    format: str
    library: str = "reference"
    dot: int | None = None
    rows: int = 4
    columns: int = 4
    cycles: int = 1
    clock_gates: bool = True
    accounting: str = "tile"
    converter: str = "none"
    tree_cycles: int = 0
    effort: str = "area"
    mesh: int = 1

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        return f"{self.format} in {self.library} ({self.accounting})"

    @property
    def usual(self) -> bool:
        """Whether this is the tile every format is compared in: 4×4 units, nothing pipelined, mapped by area."""
        return (self.accounting, self.dot, self.rows, self.columns, self.cycles, self.tree_cycles, self.effort,
                self.clock_gates) == ("tile", None, 4, 4, 1, 0, "area", True)  # fmt: skip

    @property
    def cell(self) -> bool:
        """Whether this is a cell: one unit of 16 products with registers of its own."""
        return (self.accounting, self.dot, self.rows, self.columns, self.effort) == ("tile", 16, 1, 1, "area")


@dataclass
class Row:
    """One design's result; areas per MAC in the library's unit.

    Members
    -------
    area : everything the accounting counts, and ``parts`` what it is made of.
    flip_flops : the part of ``area`` that is flip-flops.
    period : least clock period in ns, or ``None`` where the accounting has no clock.
    includes : what is counted.
    verified : results of the mapped parts that were compared with the reference.
    memory_bits : bits of memories that belong to it, per MAC, whose area is not counted.
    """

    design: Design
    area: float
    parts: dict[str, float]
    flip_flops: float
    period: float | None
    timing: str
    bits_per_element: float
    verified: int
    macs: int
    includes: str = ""
    memory_bits: float = 0.0
    scripts: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)

    @property
    def density(self) -> float | None:
        """Operations (two per MAC) per ns and unit of area, at the least period."""
        return 2 / (self.period * self.area) if self.period else None

    def to_dict(self) -> dict:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Row":
        """Inverse of ``to_dict``."""
        return cls(**values | {"design": Design(**values["design"])})


@cache
def sources() -> str:
    """Digest of everything a row depends on but the design, the library and the tools."""
    root, digest = Path(__file__).parent.parent, hashlib.sha256()
    report = ("__main__", "claims", "fpga", "fpga_cli", "fpga_families", "fpga_sets", "pages", "plots", "report", "sets",
              "sweep", "tables")  # fmt: skip
    for path in sorted([*root.glob("hw/**/*.py"), *root.glob("golden/*.py"), *root.glob("synth/*.py")]):
        if path.parent.name in ("board", "bus") or (path.parent.name == "synth" and path.stem in report):
            continue
        digest.update(path.read_bytes())
    return digest.hexdigest()


def measure(design: Design, *, build: Path = BUILD, seconds: float = 900, timing: bool = True) -> Row:
    """Synthesise, simulate and time one design; the row is kept, and found again while nothing it depends on changes.

    Raises
    ------
    ValueError : for an unknown accounting or converter.
    ToolError, LibraryError, Mismatch : when it does not map, or does not compute what it should.
    """
    from synth import accounting

    if design.accounting not in ACCOUNTINGS:
        raise ValueError(f"accounting must be one of {', '.join(ACCOUNTINGS)}, not {design.accounting}")
    if design.converter not in CONVERTERS:
        raise ValueError(f"converter must be one of {', '.join(CONVERTERS)}, not {design.converter}")
    library = find_library(design.library, build)
    timer = sta_version() or TIMER if timing else "not timed"
    parts = [repr(design), sources(), hashlib.sha256(library.path.read_bytes()).hexdigest(), yosys_version(), timer]
    known = build / "rows" / (hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24] + ".json")
    if known.exists():
        return Row.from_dict(json.loads(known.read_text()))
    row = accounting.MEASURES[design.accounting](design, library, build=build, seconds=seconds, timing=timing)
    keep(known, json.dumps(row.to_dict()))
    return row


def keep(path: Path, text: str) -> None:
    """Write a file at once or not at all, whatever other processes and threads do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}")
    part.write_text(text)
    part.replace(path)


def cached_check(form, config, synthesis: Synthesis, library: Library, build: Path) -> int:
    """``simulate_unit``, once for the same netlists and reference."""
    from synth.designs import simulate_unit

    root, digest = Path(__file__).parent.parent, hashlib.sha256(f"{form} {config}".encode())
    names = ("cells", "designs", "netlist", "oracle")
    for path in (*sorted(root.glob("golden/*.py")), *(root / "synth" / f"{name}.py" for name in names)):
        digest.update(path.read_bytes())
    digest.update(" ".join(sorted(path.parent.name for path in synthesis.netlists.values())).encode())
    known = build / "checks" / digest.hexdigest()[:24]
    if not known.exists():
        keep(known, str(simulate_unit(form, config, synthesis, library)))
    return int(known.read_text())


TIMED_CELLS = 100_000  # cells that OpenSTA is given at most


def cached_period(synthesis: Synthesis, library: Library, unit: str, build: Path) -> tuple[float | None, str]:
    """Least period of one unit, operands arriving with the clock, and what says so; kept beside the unit's netlist."""
    below = Synthesis(unit, library.name, synthesis.parts).instances()
    netlists = {name: synthesis.netlists[name] for name in below}
    cells = sum(times * sum(synthesis.parts[name].cells.values()) for name, times in below.items())
    timer = sta_version() if cells <= TIMED_CELLS else None
    key = " ".join(sorted(path.parent.name for path in netlists.values())) + (timer or TIMER)
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = (build / "timing" / f"{unit[:40]}-{library.name}-{digest}").resolve()
    known = folder / "least_period"
    try:
        if not known.exists():
            folder.mkdir(parents=True, exist_ok=True)
            if timer:
                (folder / "flat.v").write_text(flat_verilog(netlists, unit))
                value = static_timing(library.path, [folder / "flat.v"], unit, folder)
            else:
                value = least_period(netlists, library, unit)
            keep(known, str(value))
        return float(known.read_text()), timer or TIMER
    except (ToolError, LibraryError) as error:
        return None, str(error)
