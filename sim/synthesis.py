"""Area, clock and energy of a core, from a results file of the synthesis flow; what it leaves out is not assumed."""

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Physical", "read_results"]

_KEYS = ("area_um2", "clock_mhz", "energy_per_mac_pj")


@dataclass(frozen=True)
class Physical:
    """What is known of a core in silicon; None is unknown.

    Members
    -------
    area_um2 : of the core, in square micrometres. clock_mhz : its frequency.
    energy_per_mac_pj : of one multiply-accumulate of the narrowest width, in picojoules.
    source : where the numbers come from, for reports.
    """

    area_um2: float | None = None
    clock_mhz: float | None = None
    energy_per_mac_pj: float | None = None
    source: str | None = None

    def __post_init__(self):
        for name in _KEYS:
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise ValueError(f"{name} must be above 0, not {value}")

    def seconds(self, cycles: float) -> float | None:
        """Duration of ``cycles``, if the clock is known."""
        return None if self.clock_mhz is None else cycles / (self.clock_mhz * 1e6)

    def joules(self, passes_times_macs: float) -> float | None:
        """Energy of multiply-accumulates, counted once per pass, if it is known. Memory and links are not in it."""
        return None if self.energy_per_mac_pj is None else passes_times_macs * self.energy_per_mac_pj * 1e-12


def read_results(path: str | Path) -> Physical:
    """The numbers of a JSON object with any of area_um2, clock_mhz and energy_per_mac_pj; other keys are ignored.

    Raises
    ------
    FileNotFoundError, ValueError : naming the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; it is made by the synthesis flow")
    try:
        values = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(values, dict) or not any(key in values for key in _KEYS):
        raise ValueError(f"{path.name} holds none of {', '.join(_KEYS)}")
    try:
        return Physical(**{key: values[key] for key in _KEYS if key in values}, source=str(path))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
