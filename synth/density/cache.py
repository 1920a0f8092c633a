"""What was measured before: found again while nothing that it depends on has changed."""

import hashlib
from functools import cache
from pathlib import Path

from hw.baseline.formats import NumberFormat
from hw.config import CoreConfig
from hw.host.files import keep
from hw.host.tools import ToolError
from synth.density.designs import simulate_unit
from synth.mapping.flat import flat_verilog
from synth.mapping.flow import Synthesis
from synth.mapping.liberty import Library, LibraryError
from synth.mapping.timing import TIMER, least_period
from synth.mapping.tools import sta_version, static_timing

__all__ = ["cached_check", "cached_period", "sources"]

ROOT = Path(__file__).parents[2]
MEASURED = ("golden", "hw", "synth/density", "synth/mapping")
"""Folders that a row depends on, with all below them; what only shows rows is elsewhere."""
ASIDE = ("hw/board", "hw/bus", "hw/serial")
"""Folders below them that no row depends on."""


def _digest(folders: tuple[str, ...], text: str = "") -> "hashlib._Hash":
    """Digest of a text and of every source file in ``folders`` but those in ``ASIDE``."""
    digest = hashlib.sha256(text.encode())
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        place = path.relative_to(ROOT)
        if not any(place.is_relative_to(folder) for folder in ASIDE):
            digest.update(place.as_posix().encode() + b"\0" + path.read_bytes())
    return digest


@cache
def sources() -> str:
    """Digest of everything a row depends on but the design, the library and the tools."""
    return _digest(MEASURED).hexdigest()


def cached_check(
    form: NumberFormat, config: CoreConfig, synthesis: Synthesis, library: Library, build: Path
) -> int:
    """``simulate_unit``, once for the same netlists and reference."""
    digest = _digest(("golden", "synth/density", "synth/mapping"), f"{form} {config}")
    digest.update(synthesis.key.encode())
    known = build / "checks" / digest.hexdigest()[:24]
    if not known.exists():
        keep(known, str(simulate_unit(form, config, synthesis, library)))
    return int(known.read_text())


TIMED_CELLS = 100_000  # cells that OpenSTA is given at most


def cached_period(synthesis: Synthesis, library: Library, unit: str, build: Path) -> tuple[float | None, str]:
    """Least period of one unit, operands arriving with the clock, and what says so; kept beside the unit's netlist."""
    below = Synthesis(unit, library.name, synthesis.parts).instances()
    part = Synthesis(unit, library.name, {name: synthesis.parts[name] for name in below})
    netlists = part.netlists
    cells = sum(times * sum(synthesis.parts[name].cells.values()) for name, times in below.items())
    timer = sta_version() if cells <= TIMED_CELLS else None
    key = part.key + (timer or TIMER)
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
