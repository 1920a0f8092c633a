"""Energy of a cell's transitions, its leakage, and the units they come in, from the power tables of a Liberty file."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import fmean

from synth.mapping.arcs import EDGES, TimingTable, tables_of
from synth.mapping.liberty import Group, LibraryError, parse_group

__all__ = ["CellPower", "PowerTables", "power_of"]

PREFIXES = {"f": 1.0, "p": 1e3, "n": 1e6}


@dataclass
class CellPower:
    """What a cell takes beside the charge of the nets it drives.

    Attributes
    ----------
    transitions
        for each pin the tables of one input's (or of the pin's own) power, as pairs (rise, fall).
    leakage
        mean over the states the library lists, in the library's unit of power.
    """

    transitions: dict[str, list[tuple[TimingTable, TimingTable]]] = field(default_factory=dict)
    leakage: float = 0.0

    def energy(self, pin: str, slope: float, load: float) -> float:
        """Energy of a transition at a pin: the mean of rise and fall, of related inputs and of their conditions.

        Liberty's tables may count half of a load's charge with the rise and take it back with the fall; their mean is
        free of it.
        """
        pairs = self.transitions.get(pin)
        if not pairs:
            return 0.0
        return fmean((rise(slope, load) + fall(slope, load)) / 2 for rise, fall in pairs)


class PowerTables:
    """Power of a library's cells, read when first asked for.

    Attributes
    ----------
    volts
        nominal supply.
    femtojoule
        fJ in the library's unit of energy, which is its unit of capacitance times square volts.
    nanowatt
        nW in its unit of leakage.

    Raises
    ------
    LibraryError
        for a library without power tables.
    """

    def __init__(self, path: Path):
        self.tables = tables_of(path)
        text = self.tables.text
        if "internal_power" not in text:
            raise LibraryError(f"library {path} has no power tables")
        self.volts = float(_found(r"^\s*nom_voltage\s*:\s*([\d.]+)", text, "1.0"))
        load = re.search(r"capacitive_load_unit\s*\(\s*([\d.]+)\s*,\s*\"?(\w)f", text)
        self.femtojoule = float(load[1]) * PREFIXES[load[2].lower()] if load else 1.0
        leak = re.search(r"^\s*leakage_power_unit\s*:\s*\"?([\d.]+)([pnu])W", text, re.MULTILINE)
        self.nanowatt = float(leak[1]) * {"p": 1e-3, "n": 1.0, "u": 1e3}[leak[2]] if leak else 1.0
        self.templates: dict[str, Group] = {}
        for found in re.finditer(r"^\s*power_lut_template\s*\(\s*\"?(\w+)\"?\s*\)\s*\{", text, re.MULTILINE):
            self.templates[found[1]] = parse_group(text, found.end())[0]
        self.known: dict[str, CellPower] = {}

    def cell(self, kind: str) -> CellPower:
        """Power of a cell."""
        if kind not in self.known:
            group = parse_group(self.tables.text, self.tables.starts[kind], {"timing"})[0]
            self.known[kind] = self._read(group)
        return self.known[kind]

    def _read(self, group: Group) -> CellPower:
        power = CellPower()
        states = [float(inner.attributes["value"]) for kind, _, inner in group.groups
                  if kind == "leakage_power" and "value" in inner.attributes]  # fmt: skip
        power.leakage = fmean(states) if states else float(group.attributes.get("cell_leakage_power", 0))
        for kind, pin, inner in group.groups:
            for inside, _, entry in inner.groups if kind == "pin" else ():
                if inside == "internal_power" and (pair := self._pair(entry)):
                    power.transitions.setdefault(pin, []).append(pair)
        return power

    def _pair(self, entry: Group) -> tuple[TimingTable, TimingTable] | None:
        tables = {kind: TimingTable(t, self.templates.get(title, Group())) for kind, title, t in entry.groups}
        both = [tables.get(f"{edge}_power") or tables.get("power") for edge in EDGES]
        rise, fall = (table or next(filter(None, both), None) for table in both)
        return (rise, fall) if rise and fall else None


def _found(pattern: str, text: str, default: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else default


@cache
def power_of(path: Path) -> PowerTables:
    """The power tables of a library file, read once."""
    return PowerTables(path)
