# Ref: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9 (45 nm, 0.9 V)
"""Energy of products: the array's from a results file of the synthesis flow, the memories' from a publication."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.config import CoreConfig
from sim.network.formats import format_name

__all__ = ["BUFFER", "DRAM", "PUBLISHED", "Energy", "read_energy"]

BUFFER = 10 / 8
"""pJ of a byte read or written in a core's memories: 10 pJ for 64 bits of an 8 KB cache."""
DRAM = 1300 / 8
"""pJ of a byte to or from memory: 1.3 nJ for 64 bits of DRAM, the lower end of 1.3 to 2.6 nJ."""
PUBLISHED = Path(__file__).parents[2] / "docs" / "energy.json"
"""Results of the documentation, in a copy of the repository."""
TILE = 4


@dataclass(frozen=True)
class Energy:
    """What a core's parts take.

    Parameters
    ----------
    mac, idle
        pJ of a multiply-accumulate in one pass of the array, and of the place of one in a cycle in which the array waits.
    buffer, dram
        pJ of a byte in the core's memories and off the chip.
    source
        where ``mac`` and ``idle`` come from.
    """

    mac: float
    idle: float
    buffer: float = BUFFER
    dram: float = DRAM
    source: str = "given"

    def __post_init__(self) -> None:
        for name in ("mac", "idle", "buffer", "dram"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value < float("inf")):
                raise ValueError(f"energy {name} must be a finite number of pJ of at least 0, not {value}")

    def joules(
        self, config: CoreConfig, *, passes: float, slots: float, steps: float, results: float, traffic: float
    ) -> dict[str, float]:
        """Joules of some products, by part: "arrays", "idle" arrays, "buffers" and "dram".

        Parameters
        ----------
        config
            of each core.
        passes
            multiply-accumulates, counted once for each pass.
        slots
            multiply-accumulates that the arrays had time for.
        steps
            in each of which a core reads an operand of every row and of every column of its array.
        results
            in FP32, each written once to the buffer of results and read once.
        traffic
            bytes to and from memories off the chip.
        """
        operands = steps * (config.rows + config.columns) * (config.dot * config.storage_width + config.exponent_width) / 8
        picojoules = {
            "arrays": passes * self.mac,
            "idle": max(0.0, slots - passes) * self.idle,
            "buffers": (operands + 8 * results) * self.buffer,
            "dram": traffic * self.dram,
        }
        return {name: value * 1e-12 for name, value in picojoules.items()}


def read_energy(path: str | Path, config: CoreConfig, library: str | None = None) -> tuple[Energy, float]:
    """Energies of a core's units and the clock in MHz they hold at, as ``python -m synth energy --json`` has written them.

    Those counted with inertial delays under a trained network's operands are taken, of units in tiles of 4×4 with the core's
    register stages and clock gating; where a file has them mapped in several ways, the last.

    Parameters
    ----------
    library
        where the file has the units in several.

    Raises
    ------
    FileNotFoundError, ValueError
        naming the file, for one without the core's unit.
    """
    path, form = Path(path), format_name(config)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; it is made by python -m synth energy --json {path}")
    try:
        rows = json.loads(path.read_text("utf-8"))["rows"]
        values = {row["design"]["library"]: (row["energy"] * 1e-3, row["idle"] * 1e-3, 1e3 / row["period"])
                  for row in rows if _is_unit(row["design"], form, config)}  # fmt: skip
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, RecursionError, ZeroDivisionError) as error:
        raise ValueError(f"{path.name} is not a results file of python -m synth energy --json") from error
    values = {name: value for name, value in values.items() if library in (None, name)}
    if len(values) > 1:
        raise ValueError(f"{path.name} has the unit in {', '.join(values)}: library must be one of these")
    if not values:
        place = f" in {library}" if library else ""
        gated = " --clock-gating" * config.clock_gating
        stages = f"--accumulator-cycles {config.accumulator_cycles} --tree-cycles {config.tree_cycles}{gated}"
        raise ValueError(f"{path.name} does not have this core's unit{place} in tiles of {TILE}x{TILE}: python -m synth energy "
                         f"--formats {form} {stages} measures it")  # fmt: skip
    ((name, (mac, idle, clock)),) = values.items()
    return Energy(mac, idle, source=f"{path}, {name}"), clock


def _is_unit(design: dict[str, Any], form: str, config: CoreConfig) -> bool:
    """Whether a design is the unit of a core, as it is measured for machines that train."""
    known = {name: design[name] for name in ("format", "cycles", "tree_cycles", "statistics", "delays")}
    known["clock_gating"] = design.get("clock_gating", False)
    known["dot"] = design["dot"] or config.group_size
    return known == {
        "format": form, "cycles": config.accumulator_cycles, "tree_cycles": config.tree_cycles, "statistics": "digits",
        "delays": "inertial", "dot": config.dot, "clock_gating": config.clock_gating,
    } and (config.tile_rows, config.tile_columns) == (TILE, TILE)  # fmt: skip
