"""Nets that are too much for what drives them: a stronger cell of the same function, or buffers."""

from dataclasses import replace

from synth.layout.placement import Pin, Placement
from synth.layout.steiner import steiner_tree
from synth.layout.wires import TOP, estimate_wires, pin_load
from synth.mapping.arcs import tables_of
from synth.mapping.flat import Flat, FlatCell
from synth.mapping.liberty import Cell, Library

__all__ = ["Strengths", "add_buffers"]

GROUP = 4
"""Limits of the smallest buffer that a buffer's load may be, where one is that strong."""


class Strengths:
    """Cells of one function by what load they may have, in fF."""

    def __init__(self, library: Library):
        self.library, self.tables = library, tables_of(library.path)
        self.buffers = sorted((c.name for c in library.cells.values() if self._is_buffer(c)), key=self._area)
        self.alike: dict[tuple[object, ...], list[str]] = {}
        for name, cell in library.cells.items():
            if cell.area > 0 and not cell.dont_use:
                self.alike.setdefault(self.function(name), []).append(name)

    def _area(self, name: str) -> float:
        return self.library.cells[name].area

    @staticmethod
    def _is_buffer(cell: Cell) -> bool:
        pins = [pin for pin, way in cell.directions.items() if way == "input"]
        functions = [function.strip("() ") for function in cell.functions.values()]
        return cell.area > 0 and not cell.dont_use and len(pins) == 1 and functions == pins

    def function(self, name: str) -> tuple[object, ...]:
        """What a cell computes at which pins; equal for cells that can stand for one another."""
        cell = self.library.cells[name]
        return (tuple(sorted(cell.directions.items())), tuple(sorted(cell.functions.items())),
                tuple(sorted((k, str(v)) for k, v in cell.flip_flop.items())), cell.clock_gate, cell.latch)  # fmt: skip

    def limit(self, name: str, pin: str) -> float:
        """Greatest load of an output in fF, infinite where the library has none."""
        found = self.tables.cell(name, self.library).limits.get(pin)
        return float("inf") if found is None else found * self.tables.femtofarad

    def stronger(self, name: str, pin: str, load: float) -> str | None:
        """The smallest cell of the same function that may have this load, if there is one."""
        known = self.alike.get(self.function(name), [name])
        able = [other for other in known if self.limit(other, pin) >= load]
        return min(able, key=self._area) if able else None

    def buffer(self, load: float) -> tuple[str, str, str]:
        """The smallest buffer for a load, or the strongest there is, and its pins."""

        able = [name for name in self.buffers if self.limit(name, self._ends(name)[1]) >= load]
        name = able[0] if able else max(self.buffers, key=lambda name: self.limit(name, self._ends(name)[1]))
        return name, *self._ends(name)

    def _ends(self, name: str) -> tuple[str, str]:
        """Input and output of a buffer."""
        ways = {way: pin for pin, way in self.library.cells[name].directions.items()}
        return ways["input"], ways["output"]


def add_buffers(placement: Placement, library: Library, left_out: set[int], top: int = TOP) -> tuple[Flat, int]:
    """The design with no net above the limit of what drives it, by its wires as placed, and how many cells that changed.

    A driver is first exchanged for a stronger one. Where none is strong enough, the net's ends are halved, along the axis
    on which they lie farther apart, until a buffer can drive each group. Ports drive no more than a buffer, and stay on
    their net.
    """
    work = _Buffering(placement, library, top)
    if work.strengths.buffers:
        wires = estimate_wires(placement, library, left_out, top)
        for net, (driver, *ends) in wires.pins.items():
            work.net(net, driver, ends, wires.capacitance[net])
    return Flat(work.cells, placement.flat.inputs, placement.flat.outputs, work.count), work.changed


class _Buffering:
    """Cells and nets while buffers are added."""

    def __init__(self, placement: Placement, library: Library, top: int):
        self.placement, self.library, self.strengths = placement, library, Strengths(library)
        wirings = [placement.lef.wiring(horizontal, top) for horizontal in (True, False)]
        self.per_length = sum(wiring.capacitance for wiring in wirings) / 2 / placement.lef.units
        self.cells, self.count, self.changed = list(placement.flat.cells), placement.flat.nets, 0
        self.loads: dict[Pin, float] = {}
        if self.strengths.buffers:
            ends = (self.strengths.buffer(load) for load in (0.0, float("inf")))
            weakest, strongest = (self.strengths.limit(name, out) for name, _, out in ends)
            self.group = min(GROUP * weakest, strongest)

    def net(self, net: int, driver: Pin, ends: list[Pin], wire: float) -> None:
        """Bring one net below its driver's limit."""
        self.loads |= {end: pin_load(self.placement, self.library, end) for end in ends}
        load, kind = sum(self.loads[end] for end in ends) + wire, None
        ports = [end for end in ends if end.cell < 0]
        ends = [end for end in ends if end.cell >= 0]
        if driver.cell >= 0:
            kind = self.cells[driver.cell].kind
            if load <= self.strengths.limit(kind, driver.pin):
                return
        while load > self.group if kind is None else self.strengths.stronger(kind, driver.pin, load) is None:
            parts = self._groups(ends)
            if len(parts) == len(ends):  # a buffer for each would not help
                break
            ends = [self._buffer(net, part) for part in parts]
            load = self._load([*ports, *ends], driver)
        if kind:
            better = self.strengths.stronger(kind, driver.pin, load) or kind
            self.cells[driver.cell] = replace(self.cells[driver.cell], kind=better)
            self.changed += better != kind

    def _load(self, ends: list[Pin], start: Pin) -> float:
        """Of ends and of the wires to them, in fF."""
        length = steiner_tree([(pin.x, pin.y) for pin in (start, *ends)]).length
        return sum(self.loads[end] for end in ends) + self.per_length * length

    def _groups(self, ends: list[Pin]) -> list[list[Pin]]:
        """Ends halved until a buffer in the middle of each group can drive it."""
        if len(ends) == 1 or self._load(ends, _middle(ends)) <= self.group:
            return [ends]
        spans = [max(values) - min(values) for values in ([end.x for end in ends], [end.y for end in ends])]
        ordered = sorted(ends, key=lambda end: end[spans[1] > spans[0]])
        half = len(ordered) // 2
        return self._groups(ordered[:half]) + self._groups(ordered[half:])

    def _buffer(self, net: int, ends: list[Pin]) -> Pin:
        """A buffer between a net and some of its ends; returns its input."""
        middle = _middle(ends)
        name, into, out = self.strengths.buffer(self._load(ends, middle))
        for end in ends:
            old = self.cells[end.cell]
            self.cells[end.cell] = replace(old, pins=old.pins | {end.pin: self.count})
        self.cells.append(FlatCell(name, {into: net, out: self.count}, self.cells[ends[0].cell].module))
        new = Pin(middle.x, middle.y, len(self.cells) - 1, into)
        rise, fall = self.strengths.tables.cell(name, self.library).loads[into]
        self.loads[new] = (rise + fall) / 2 * self.strengths.tables.femtofarad
        self.count, self.changed = self.count + 1, self.changed + 1
        return new


def _middle(pins: list[Pin]) -> Pin:
    """Where a buffer for these pins goes."""
    xs, ys = sorted(pin.x for pin in pins), sorted(pin.y for pin in pins)
    return Pin(xs[len(xs) // 2], ys[len(ys) // 2], -1, "")
