"""Area and clock of a core, from a results file of the synthesis flow; what it leaves out is not assumed."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hw.config import CoreConfig
from hw.host.files import read_json
from sim.network.energy import Energy
from sim.network.formats import format_name

__all__ = ["Physical", "read_results"]


@dataclass(frozen=True)
class Physical:
    """What is known of a core in silicon; None is unknown.

    Attributes
    ----------
    area_um2
        of the core's tiles, in square micrometres.
    clock_mhz
        its frequency.
    energy
        of its parts.
    source
        where the numbers come from, for reports.
    """

    area_um2: float | None = None
    clock_mhz: float | None = None
    energy: Energy | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        for name in ("area_um2", "clock_mhz"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise ValueError(f"{name} must be above 0, not {value}")

    def seconds(self, cycles: float) -> float | None:
        """Duration of ``cycles``, if the clock is known."""
        return None if self.clock_mhz is None else cycles / (self.clock_mhz * 1e6)


def read_results(path: str | Path, config: CoreConfig, library: str | None = None) -> Physical:
    """Area and clock of a core's tiles, from what ``python -m synth density --json`` has written.

    The area is that of the measured tile per multiply-accumulate, for as many as the core makes per cycle: buffers,
    converters and sequencer are not in it. The clock is one over the tile's least period. Energy comes from ``read_energy``.

    Parameters
    ----------
    library
        where the file has this tile in several.

    Raises
    ------
    FileNotFoundError, ValueError
        naming the file, for one without this core's tile in square micrometres.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; it is made by python -m synth density --json {path}")
    rows = [row for row in _rows(path, path.stat().st_mtime_ns) if _is_tile(row["design"], config)]
    rows = [row for row in rows if library in (None, row["design"]["library"])]
    libraries = dict.fromkeys(row["design"]["library"] for row in rows)
    if len(libraries) > 1:
        raise ValueError(f"{path.name} has the tile in {', '.join(libraries)}: library must be one of these")
    if not rows:
        place = f" in {library}" if library else ""
        options = f"--formats {format_name(config)} --tile {config.tile_rows}x{config.tile_columns}"
        options += f" --dot {config.dot}" * (config.dot != config.group_size)
        options += f" --accumulator-cycles {config.accumulator_cycles}" * (config.accumulator_cycles != 1)
        options += " --clock-gating" * config.clock_gating
        raise ValueError(f"{path.name} does not have this core's tile{place}: python -m synth density {options} measures it")
    area, period = rows[0]["area"], rows[0].get("period")
    return Physical(
        area * config.macs_per_cycle, 1e3 / period if period else None, source=f"{path}, {rows[0]['design']['library']}"
    )


@lru_cache(maxsize=16)
def _rows(path: Path, changed: int) -> list[dict[str, Any]]:
    """The rows of a results file that have the members used here."""
    values = read_json(path)
    rows = values.get("rows") if isinstance(values, dict) else values
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and {"design", "area"} <= row.keys() for row in rows
    ):
        raise ValueError(f"{path.name} is not a results file of python -m synth density --json")
    return rows


def _is_tile(design: dict[str, Any], config: CoreConfig) -> bool:
    """Whether a design is the tile of a core, and its areas are in square micrometres."""
    known = {"accounting": "tile", "effort": "area", "clock_gates": True, "tree_cycles": 0, "clock_gating": False} | design
    wanted = {
        "format": format_name(config), "dot": config.dot, "rows": config.tile_rows, "columns": config.tile_columns,
        "cycles": config.accumulator_cycles, "tree_cycles": config.tree_cycles, "accounting": "tile", "effort": "area",
        "clock_gates": True, "clock_gating": config.clock_gating,
    }  # fmt: skip
    known["dot"] = known.get("dot") or config.group_size
    in_gates = design.get("library") == "reference"
    return config.exponent_width == 8 and not in_gates and all(known.get(key) == value for key, value in wanted.items())
