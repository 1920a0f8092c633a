"""Static timing of mapped netlists from a library's own tables, where no other timing program is installed."""

import json
import re
from bisect import bisect_right
from functools import cache
from pathlib import Path

from synth.mapping.liberty import CELL, Group, Library, LibraryError, parse_group

__all__ = ["TIMER", "flat_verilog", "least_period"]

TIMER = "built-in timing"
NEVER = -1e30
UNITS = {"f": 1e-6, "p": 1e-3, "n": 1.0}
EDGES = ("rise", "fall")


class Table:
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
    """What timing needs of a cell: loads of inputs, delays from inputs (or the clock) to outputs, set-up times."""

    def __init__(self, group: Group, templates: dict[str, Group], clock_gate: bool, latch: bool):
        self.loads: dict[str, tuple[float, float]] = {}
        self.delays: list[tuple[str, str, int, int, Table, Table]] = []
        self.launches: list[tuple[str, int, Table, Table]] = []
        self.setups: list[tuple[str, int, Table]] = []
        for kind, pin, inner in group.groups:
            if kind != "pin":
                continue
            own = inner.attributes
            load = float(own.get("capacitance", 0))
            self.loads[pin] = tuple(float(own.get(f"{edge}_capacitance", load)) for edge in EDGES)
            for _, _, arc in (entry for entry in inner.groups if entry[0] == "timing"):
                self._add(pin, arc, templates, clock_gate or latch)

    def _add(self, pin: str, arc: Group, templates, clock: bool) -> None:
        kind = arc.attributes.get("timing_type", "combinational")
        tables = {name: Table(t, templates.get(title, Group())) for name, title, t in arc.groups}
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
    """Timing of a library's cells, read from its file when first asked for."""

    def __init__(self, path: Path):
        self.text = path.read_text(errors="replace")
        self.starts = {found[1]: found.end() for found in CELL.finditer(self.text)}
        unit = re.search(r'^\s*time_unit\s*:\s*"?1([fpn])s', self.text, re.MULTILINE)
        self.unit = UNITS[unit[1] if unit else "n"]
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
def _tables(path: Path) -> Tables:
    return Tables(path)


def _flatten(netlists: dict[str, Path], top: str) -> tuple[list[tuple[str, dict[str, int]]], list, list, int]:
    """Cells with their nets (0 and 1 are constants), ports as (name, net), number of nets."""
    modules = {name: json.loads(path.read_text())["modules"][name] for name, path in netlists.items()}
    cells: list[tuple[str, dict[str, int]]] = []
    count, same = 2, {}

    def root(net):
        while net in same:
            net = same[net]
        return net

    def walk(name, nets):
        nonlocal count
        for cell in modules[name]["cells"].values():
            pins = {}
            for pin, bits in cell["connections"].items():
                for bit in bits:
                    if bit not in nets:
                        nets[bit] = count
                        count += 1
                pins[pin] = [nets[bit] for bit in bits]
            if cell["type"] in modules:
                inner = {"0": 0, "1": 1, "x": 0}
                for port, description in modules[cell["type"]]["ports"].items():
                    for bit, outer in zip(description["bits"], pins.get(port, []), strict=False):
                        if bit in inner:  # a port that is a constant or another port
                            same[outer] = inner[bit]
                        else:
                            inner[bit] = outer
                walk(cell["type"], inner)
            else:
                cells.append((cell["type"], {pin: bits[0] for pin, bits in pins.items() if bits}))

    nets = {"0": 0, "1": 1, "x": 0}
    ports = {"input": [], "output": []}
    for port, description in modules[top]["ports"].items():
        for place, bit in enumerate(description["bits"]):
            if bit not in nets:
                nets[bit] = count
                count += 1
            name = port if len(description["bits"]) == 1 else f"{port}_{place}"
            ports[description["direction"]].append((name, nets[bit]))
    walk(top, nets)
    cells = [(kind, {pin: root(net) for pin, net in pins.items()}) for kind, pins in cells]
    return cells, ports["input"], [(name, root(net)) for name, net in ports["output"]], count


def flat_verilog(netlists: dict[str, Path], top: str) -> str:
    """One module of cells and single-bit ports, as any timing program reads it."""
    cells, inputs, outputs, _ = _flatten(netlists, top)
    names = {0: "1'b0", 1: "1'b1"} | {net: name for name, net in inputs}

    def net(number):
        return names.get(number) or f"n{number}"

    lines = [f"module {top}({', '.join(name for name, _ in [*inputs, *outputs])});"]
    lines += [f"input {name};" for name, _ in inputs] + [f"output {name};" for name, _ in outputs]
    used = {number for _, pins in cells for number in pins.values() if number not in names}
    lines += [f"wire n{number};" for number in sorted(used)]
    for index, (kind, pins) in enumerate(cells):
        lines.append(f"{kind} g{index}({', '.join(f'.{pin}({net(number)})' for pin, number in pins.items())});")
    lines += [f"assign {name} = {net(number)};" for name, number in outputs]
    return "\n".join([*lines, "endmodule", ""])


def least_period(netlists: dict[str, Path], library: Library, top: str) -> float:
    """Least clock period in ns of ``top``: ideal clock, no wires, ports at the clock's edge.

    Every arc is used, whatever the other inputs are; slopes and delays come from the library's tables. Outputs of cells
    that are not in ``netlists`` arrive never.

    Parameters
    ----------
    netlists
        files of the mapped netlists, by module.

    Raises
    ------
    LibraryError
        for a combinational loop.
    """
    tables = _tables(library.path)
    cells, inputs, outputs, count = _flatten(netlists, top)
    cells = [(kind, pins) for kind, pins in cells if kind in library.cells]  # parts and memories are left out
    arcs = [tables.cell(kind, library) for kind, _ in cells]
    load = [[0.0] * count, [0.0] * count]
    sinks, drivers = [[] for _ in range(count)], [0] * count
    waiting = [0] * len(cells)
    for index, ((_, pins), arc) in enumerate(zip(cells, arcs, strict=True)):
        for pin, values in arc.loads.items():
            if pin in pins:
                load[0][pins[pin]] += values[0]
                load[1][pins[pin]] += values[1]
        for net in {pins[out] for _, out, *_ in arc.delays if out in pins}:
            drivers[net] += 1
        sources = {pins[name] for name, out, *_ in arc.delays if name in pins and out in pins}
        for net in sources:
            sinks[net].append(index)
    arrival = [[NEVER] * count, [NEVER] * count]
    slope = [[0.0] * count, [0.0] * count]
    for _, net in inputs:
        if net > 1:
            arrival[0][net] = arrival[1][net] = 0.0
    for (_, pins), arc in zip(cells, arcs, strict=True):
        for out, edge, delay, transition in arc.launches:
            if out in pins:
                net = pins[out]
                arrival[edge][net] = max(arrival[edge][net], delay(0.0, load[edge][net]))
                slope[edge][net] = max(slope[edge][net], transition(0.0, load[edge][net]))
    for net, users in enumerate(sinks):
        if drivers[net]:
            for index in users:
                waiting[index] += 1
    ready = [i for i, arc in enumerate(arcs) if arc.delays and not waiting[i]]
    done = 0
    while ready:
        index = ready.pop()
        done += 1
        pins, reached = cells[index][1], set()
        for name, out, source, edge, delay, transition in arcs[index].delays:
            if name not in pins or out not in pins:
                continue
            net, start = pins[out], arrival[source][pins[name]]
            reached.add(net)
            if start == NEVER:
                continue
            before, behind = slope[source][pins[name]], load[edge][net]
            arrival[edge][net] = max(arrival[edge][net], start + delay(before, behind))
            slope[edge][net] = max(slope[edge][net], transition(before, behind))
        for net in reached:
            drivers[net] -= 1
            if drivers[net] == 0:
                for user in sinks[net]:
                    waiting[user] -= 1
                    if waiting[user] == 0:
                        ready.append(user)
    if done < sum(bool(arc.delays) for arc in arcs):
        raise LibraryError("the netlist has a combinational loop")
    worst = max((arrival[edge][net] for _, net in outputs for edge in (0, 1)), default=0.0)
    for (_, pins), arc in zip(cells, arcs, strict=True):
        for pin, edge, setup in arc.setups:
            if pin in pins and arrival[edge][pins[pin]] != NEVER:
                worst = max(worst, arrival[edge][pins[pin]] + setup(slope[edge][pins[pin]], 0.0))
    return max(worst, 0.0) * tables.unit
