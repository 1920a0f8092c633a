"""Areas and clocks of tiles of every format: one row per design, each verified before it is quoted."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from hw.baseline.elements import element_for
from hw.baseline.formats import format_named
from hw.emit import emit_verilog
from synth.designs import PARTS, config_for, simulate_unit, tile_for
from synth.flow import BUILD, Synthesis, modules_of, synthesise
from synth.liberty import Library, find_library
from synth.tools import ToolError, sta_version, static_timing, yosys, yosys_version

__all__ = ["Design", "Row", "measure"]


@dataclass(frozen=True)
class Design:
    """What to measure: a format in a tile, mapped to a library.

    Parameters
    ----------
    format : a name of ``hw.baseline.formats``, with ``/N`` for another block size.
    library : a library's name or file.
    dot : products of a unit per cycle (default: the block, or 64 where nothing is shared).
    rows, columns : units of the tile.
    cycles : register stages of the accumulator.
    clock_gates : whether enabled registers get clock gates where the library has them.
    """

    format: str
    library: str = "reference"
    dot: int | None = None
    rows: int = 4
    columns: int = 4
    cycles: int = 1
    clock_gates: bool = True


@dataclass
class Row:
    """One design's result; areas per MAC in the library's unit.

    Members
    -------
    area : everything in the tile; ``core`` (products and their sum), ``accumulator``, ``unit`` (what else is in a
        unit), ``edge`` (operand registers, drain chain, control, decoders) add up to it.
    flip_flops : the part of ``area`` that is flip-flops.
    period : least clock period in ns, relaxed (nothing sized for speed), or ``None``.
    verified : results of the mapped unit that were compared with the reference.
    """

    design: Design
    area: float
    core: float
    accumulator: float
    unit: float
    edge: float
    flip_flops: float
    period: float | None
    timing: str
    bits_per_element: float
    verified: int
    macs: int
    scripts: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Row":
        """Inverse of ``to_dict``."""
        return cls(**values | {"design": Design(**values["design"])})


CORE = ("dot_product", "scaled_dot_product", "paired_dot_product", "float_multiply", "float_add")
ACCUMULATORS = ("block_accumulator", "integer_accumulator", "word_accumulator")
UNITS = ("processing_element", "element_")


TIMED_CELLS = 100_000


def _category(name: str) -> str:
    for category, prefixes in (("core", CORE), ("accumulator", ACCUMULATORS), ("unit", UNITS)):
        if name.startswith(prefixes):
            return category
    return "edge"


@cache
def _sources() -> str:
    """Digest of everything a row depends on but the design, the library and the tools."""
    root, digest = Path(__file__).parent.parent, hashlib.sha256()
    for path in sorted([*root.glob("hw/**/*.py"), *root.glob("golden/*.py"), *root.glob("synth/*.py")]):
        if path.stem not in ("report", "plots", "claims", "sweep", "__main__"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def measure(design: Design, *, build: Path = BUILD, seconds: float = 900, timing: bool = True) -> Row:
    """Synthesise, simulate and time one design; the row is kept, and found again while nothing it depends on changes.

    Raises
    ------
    ToolError, LibraryError, Mismatch : when it does not map, or does not compute what it should.
    """
    library = find_library(design.library, build)
    timer = sta_version() if timing else "not timed"
    parts = [repr(design), _sources(), hashlib.sha256(library.path.read_bytes()).hexdigest(), yosys_version(), str(timer)]
    known = build / "rows" / (hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24] + ".json")
    if known.exists():
        return Row.from_dict(json.loads(known.read_text()))
    row = _measure(design, library, build, seconds, timing)
    known.parent.mkdir(parents=True, exist_ok=True)
    part = known.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(row.to_dict()))
    part.replace(known)
    return row


def _measure(design: Design, library: Library, build: Path, seconds: float, timing: bool) -> Row:
    """Synthesise, simulate and time one design."""
    form = format_named(design.format)
    config = config_for(form, design.dot, design.rows, design.columns, design.cycles)
    tile = tile_for(form, config)
    verilog = emit_verilog(tile)
    parts = [name for name in modules_of(verilog) if name.startswith(PARTS)]
    gates = design.clock_gates and any(cell.clock_gate and cell.area > 0 for cell in library.cells.values())
    synthesis = synthesise(verilog, tile.module_name, parts, library, clock_gates=gates, seconds=seconds, build=build)
    verified = simulate_unit(form, config, synthesis, library)
    macs = config.macs_per_cycle
    areas = dict.fromkeys(("core", "accumulator", "unit", "edge"), 0.0)
    for name, times in synthesis.instances().items():
        areas[_category(name)] += synthesis.parts[name].area * times / macs
    unit = element_for(form)(config).module_name
    period, timer = _period(synthesis, library, unit, build) if timing else (None, "not timed")
    return Row(
        design, synthesis.area / macs, **areas, flip_flops=synthesis.total("flip_flops") / macs, period=period,
        timing=timer, bits_per_element=form.bits_per_element, verified=verified, macs=macs,
        scripts={name: part.variant for name, part in synthesis.parts.items()}, tools={"yosys": yosys_version()},
    )  # fmt: skip


def _period(synthesis: Synthesis, library: Library, unit: str, build: Path) -> tuple[float | None, str]:
    """Least period of one unit, operands arriving with the clock; kept beside the unit's netlist."""
    if sta_version() is None:
        return None, "OpenSTA is not installed"
    below = Synthesis(unit, library.name, synthesis.parts).instances()
    if sum(times * sum(synthesis.parts[name].cells.values()) for name, times in below.items()) > TIMED_CELLS:
        return None, f"not timed: more than {TIMED_CELLS} cells"
    netlists = [Path(synthesis.parts[name].netlist) / "netlist.v" for name in below]
    key = hashlib.sha256(" ".join(sorted(path.parent.name for path in netlists)).encode()).hexdigest()[:16]
    folder = (build / "timing" / f"{unit[:40]}-{library.name}-{key}").resolve()
    known = folder / "period"
    if not known.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # OpenSTA reads no concatenations: one flat module whose ports are single bits.
            script = [*(f"read_verilog {path}" for path in netlists), f"hierarchy -top {unit}", "flatten"]
            script += ["rename -hide w:*", "splitnets -ports", "opt_clean -purge", "write_verilog -noattr -noexpr flat.v"]
            yosys("\n".join(script) + "\n", folder)
            known.write_text(str(static_timing(library.path, [folder / "flat.v"], unit, folder)))
        except ToolError as error:
            return None, str(error)
    return float(known.read_text()), sta_version()
