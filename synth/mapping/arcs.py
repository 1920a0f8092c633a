"""What timing and power need of a library's cells: loads, delays, set-up times, from the tables of its file."""

import re
from bisect import bisect_right
from functools import cache
from pathlib import Path

from synth.mapping.liberty import CELL, Group, Library, parse_group

__all__ = ["EDGES", "Arcs", "Tables", "TimingTable", "tables_of"]

UNITS = {"f": 1e-6, "p": 1e-3, "n": 1.0}
EDGES = ("rise", "fall")


class TimingTable:
    """A value over an input's transition and an output's load, or over one of them, or a constant; extrapolates."""

    def __init__(self, group: Group, template: Group):
        names = [template.attributes.get(f"variable_{i}", "") for i in (1, 2)]
        axes = [
            _numbers(group.attributes.get(f"index_{i}") or template.attributes.get(f"index_{i}", "")) for i in (1, 2)
        ]
        values = _numbers(group.attributes.get("values", "0"))
        axes = [axis or [0.0] for axis in axes]
        rows = [values[i * len(axes[1]) : (i + 1) * len(axes[1])] for i in range(len(axes[0]))]
        # Load last; of two transitions, as in constraints, the clock's last.
        if "capacitance" in names[0] or "related" in names[0]:
            axes, rows = axes[::-1], [list(row) for row in zip(*rows, strict=True)]
        self.transitions, self.loads, self.rows = *axes, rows

    def __call__(self, transition: float, load: float) -> float:
        i, part = _place(self.transitions, transition)
        j, rest = _place(self.loads, load)
        low = self.rows[i]
        value = low[j] + (rest * (low[j + 1] - low[j]) if rest else 0.0)
        if not part:
            return value
        high = self.rows[i + 1]
        return value + part * (high[j] + (rest * (high[j + 1] - high[j]) if rest else 0.0) - value)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in re.split(r"[,\s]+", text.strip()) if word]


def _place(axis: list[float], value: float) -> tuple[int, float]:
    """Interval of an axis and the place within it; beyond the axis its last interval goes on."""
    if len(axis) == 1:
        return 0, 0.0
    i = min(max(bisect_right(axis, value) - 1, 0), len(axis) - 2)
    return i, (value - axis[i]) / (axis[i + 1] - axis[i])


class Arcs:
    """What timing needs of a cell: loads of inputs, delays from inputs (or the clock) to outputs, set-up times.

    ``limits`` are the greatest loads of outputs that have one.
    """

    def __init__(self, group: Group, templates: dict[str, Group], clock_gate: bool, latch: bool):
        self.loads: dict[str, tuple[float, float]] = {}
        self.limits: dict[str, float] = {}
        self.delays: list[tuple[str, str, int, int, TimingTable, TimingTable]] = []
        self.launches: list[tuple[str, int, TimingTable, TimingTable]] = []
        self.setups: list[tuple[str, int, TimingTable]] = []
        for kind, pin, inner in group.groups:
            if kind != "pin":
                continue
            own = inner.attributes
            load = float(own.get("capacitance", 0))
            rise, fall = (float(own.get(f"{edge}_capacitance", load)) for edge in EDGES)
            self.loads[pin] = rise, fall
            if "max_capacitance" in own:
                self.limits[pin] = float(own["max_capacitance"])
            for _, _, arc in (entry for entry in inner.groups if entry[0] == "timing"):
                self._add(pin, arc, templates, clock_gate or latch)

    def _add(self, pin: str, arc: Group, templates: dict[str, Group], clock: bool) -> None:
        kind = arc.attributes.get("timing_type", "combinational")
        tables = {name: TimingTable(t, templates.get(title, Group())) for name, title, t in arc.groups}
        for place, edge in enumerate(EDGES):
            if kind.startswith("setup_") and f"{edge}_constraint" in tables:
                self.setups.append((pin, place, tables[f"{edge}_constraint"]))
            if f"cell_{edge}" not in tables or clock:
                continue
            delay, slope = tables[f"cell_{edge}"], tables[f"{edge}_transition"]
            if kind in ("rising_edge", "falling_edge"):
                self.launches.append((pin, place, delay, slope))
            elif kind == "combinational":
                sense = arc.attributes.get("timing_sense", "non_unate")
                sources = {"positive_unate": [place], "negative_unate": [1 - place]}.get(sense, [0, 1])
                for source in sources:
                    for name in arc.attributes["related_pin"].split():
                        self.delays.append((name, pin, source, place, delay, slope))


class Tables:
    """Timing of a library's cells, read from its file when first asked for.

    Attributes
    ----------
    unit
        ns in the library's unit of time.
    femtofarad
        fF in its unit of capacitance.
    """

    def __init__(self, path: Path):
        self.text = path.read_text(errors="replace")
        self.starts = {found[1]: found.end() for found in CELL.finditer(self.text)}
        unit = re.search(r'^\s*time_unit\s*:\s*"?1([fpn])s', self.text, re.MULTILINE)
        self.unit = UNITS[unit[1] if unit else "n"]
        load = re.search(r"capacitive_load_unit\s*\(\s*([\d.]+)\s*,\s*([fp])f", self.text, re.IGNORECASE)
        self.femtofarad = float(load[1]) * {"f": 1.0, "p": 1e3}[load[2].lower()] if load else 1e3
        self.templates = {}
        for found in re.finditer(r"^\s*lu_table_template\s*\(\s*\"?(\w+)\"?\s*\)\s*\{", self.text, re.MULTILINE):
            self.templates[found[1]] = parse_group(self.text, found.end())[0]
        self.known: dict[str, Arcs] = {}

    def cell(self, kind: str, library: Library) -> Arcs:
        """Arcs of a cell."""
        if kind not in self.known:
            group = parse_group(self.text, self.starts[kind], {"internal_power", "leakage_power"})[0]
            cell = library.cells[kind]
            self.known[kind] = Arcs(group, self.templates, bool(cell.clock_gate), cell.latch)
        return self.known[kind]


@cache
def tables_of(path: Path) -> Tables:
    """The tables of a library file, read once."""
    return Tables(path)
