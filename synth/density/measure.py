"""Areas and clocks of every format in every accounting: one row per design, each verified before it is quoted."""

import hashlib
import json
from pathlib import Path

from hw.host.files import keep
from hw.host.tools import yosys_version
from synth.density.accounting import MEASURES
from synth.density.cache import sources
from synth.density.row import ACCOUNTINGS, CONVERTERS, Design, Row
from synth.mapping.flow import BUILD
from synth.mapping.liberty import find_library
from synth.mapping.timing import TIMER
from synth.mapping.tools import sta_version

__all__ = ["measure"]


def measure(design: Design, *, build: Path = BUILD, seconds: float = 900, timing: bool = True) -> Row:
    """Synthesise, simulate and time one design; the row is kept, and found again while nothing it depends on changes.

    Raises
    ------
    ValueError
        for an unknown accounting or converter, or clock gating where no tile is built.
    ToolError, LibraryError, Mismatch
        when it does not map, or does not compute what it should.
    """
    if design.accounting not in ACCOUNTINGS:
        raise ValueError(f"accounting must be one of {', '.join(ACCOUNTINGS)}, not {design.accounting}")
    if design.converter not in CONVERTERS:
        raise ValueError(f"converter must be one of {', '.join(CONVERTERS)}, not {design.converter}")
    if design.clock_gating and design.accounting not in ("tile", "array"):
        raise ValueError(f"clock_gating must be of a tile or an array, not of a {design.accounting}")
    library = find_library(design.library, build)
    timer = sta_version() or TIMER if timing else "not timed"
    parts = [repr(design), sources(), hashlib.sha256(library.path.read_bytes()).hexdigest(), yosys_version(), timer]
    known = build / "rows" / (hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24] + ".json")
    if known.exists():
        return Row.from_dict(json.loads(known.read_text()))
    row = MEASURES[design.accounting](design, library, build=build, seconds=seconds, timing=timing)
    keep(known, json.dumps(row.to_dict()))
    return row
