"""What counted transitions, clock cycles and leakage take, by part of the machine."""

from synth.density.accounting import category_of
from synth.energy.circuit import Circuit
from synth.energy.power import power_of
from synth.mapping.liberty import Library
from synth.mapping.timing import StaticTiming

__all__ = ["SHARED", "Bill"]

SHARED = 4
"""Units of a tile's row or column, which share operand registers."""


class Bill:
    """Energy of the cycles that a circuit has counted, in fJ per multiply-accumulate, by part.

    Parameters
    ----------
    timing, circuit, library
        the netlist, its transitions and its cells.
    edge
        modules that prepare operands, which the units of a row or column share.
    macs
        multiply-accumulates per lane and cycle.
    period
        ns of a cycle, in which leakage flows.
    enters
        whether operand registers see the clock.

    Attributes
    ----------
    parts
        "core", "accumulator", "unit", "edge", "clock", "leakage".
    switching
        of all of it what charges nets.
    toggles
        transitions per multiply-accumulate.
    """

    def __init__(self, timing: StaticTiming, circuit: Circuit, library: Library, edge: list[str], macs: int,
                 period: float, enters: bool = True):  # fmt: skip
        self.timing, self.circuit, self.library, self.edge, self.period = timing, circuit, library, edge, period
        self.power = power_of(library.path)
        self.per_mac = 1 / (circuit.cycles * circuit.lanes * macs)
        self.parts: dict[str, float] = {}
        self.switching = self.toggles = 0.0
        self.half_charge = self.power.volts**2 / 2 * self.power.femtojoule
        flops = [cell.kind for cell in timing.cells if library.cells[cell.kind].flip_flop]
        self.flop = max(set(flops), key=flops.count)
        drivers = {cell.pins[pin]: cell.module for cell in timing.cells
                   for pin in library.cells[cell.kind].functions if pin in cell.pins}  # fmt: skip
        # A net at the edge goes to all units of its row or column.
        self.broadcast = {
            cell.pins[pin] for cell in timing.cells if cell.module not in edge
            for pin, way in library.cells[cell.kind].directions.items()
            if way == "input" and pin in cell.pins and drivers.get(cell.pins[pin]) in edge
        }  # fmt: skip
        bases = ((name.rpartition("_")[0], net) for name, net in timing.flat.inputs if net > 1)
        self.ports = {net for base, net in bases if base in ("a", "b") or base.endswith(("_a", "_b"))}
        for index in range(len(timing.cells)):
            self._cell(index)
        self._operands(enters)
        self.parts["leakage"] = self._leakage() * self.period * 1e-3 * circuit.lanes * circuit.cycles * self.per_mac

    def _add(self, part: str, energy: float) -> None:
        self.parts[part] = self.parts.get(part, 0.0) + energy * self.per_mac

    def _net(self, net: int) -> tuple[float, float]:
        """Load and slope of a net."""
        load = (self.timing.load[0][net] + self.timing.load[1][net]) / 2
        return load * (SHARED if net in self.broadcast else 1), (
            self.timing.slope[0][net] + self.timing.slope[1][net]
        ) / 2

    def _cell(self, index: int) -> None:
        flat, toggles = self.timing.cells[index], self.circuit.toggles
        cell, power = self.library.cells[flat.kind], self.power.cell(flat.kind)
        shared = flat.module in self.edge
        part, share = ("edge", 1 / SHARED) if shared else (category_of(flat.module), 1.0)
        clock = cell.flip_flop.get("clocked_on", "").strip("() ") if cell.flip_flop else "CK" * bool(cell.clock_gate)
        for pin, net in flat.pins.items():
            load, slope = self._net(net)
            if pin == clock or (cell.clock_gate and pin != "E" and cell.directions[pin] == "input"):
                continue
            if cell.directions[pin] == "output":
                charge = self.half_charge * load * toggles[net] * share
                self._add(part, charge)
                self.switching += charge * self.per_mac
                self.toggles += toggles[net] * share * self.per_mac
                fan_in = [
                    self._net(flat.pins[p])[1]
                    for p, way in cell.directions.items()
                    if way == "input" and p in flat.pins
                ]
                slope = sum(fan_in) / len(fan_in) if fan_in else 0.0
            self._add(part, power.energy(pin, slope, load) * toggles[net] * self.power.femtojoule * share)
        if self.circuit.clocked[index]:
            self._add("clock", self._clock(flat.kind) * self.circuit.clocked[index] * share)

    def _clock(self, kind: str) -> float:
        """fJ of a cell's clock pin in a cycle: two transitions, their charge included."""
        cell = self.library.cells[kind]
        pins = [cell.flip_flop["clocked_on"].strip("() ")] if cell.flip_flop else [
            p for p, way in cell.directions.items() if way == "input" and self.power.tables.cell(kind, self.library).loads.get(p)
            and p.upper() in ("CK", "CLK", "GCLK")]  # fmt: skip
        loads = self.power.tables.cell(kind, self.library).loads
        return sum(
            2 * (self.power.cell(kind).energy(pin, 0.0, 0.0) * self.power.femtojoule
                 + self.half_charge * sum(loads.get(pin, (0.0, 0.0))) / 2)
            for pin in pins
        )  # fmt: skip

    def _operands(self, enters: bool) -> None:
        """Operand registers: a flip-flop to each bit, which drives the row's (or column's) units, as a share of one."""
        outputs = self.library.cells[self.flop].functions
        output, data = next(iter(outputs)), self.library.cells[self.flop].flip_flop["next_state"].strip("() ")
        lanes = self.circuit.cycles * self.circuit.lanes
        for net in self.ports:
            load, _ = self._net(net)
            load *= 1 if self.edge else SHARED  # what prepares operands is there once
            toggles = self.circuit.toggles[net] / SHARED
            charge = self.half_charge * load * toggles
            self.switching += charge * self.per_mac
            self.toggles += toggles * self.per_mac
            power = self.power.cell(self.flop)
            internal = power.energy(output, 0.0, load) + power.energy(data, 0.0, 0.0)
            self._add("edge", charge + internal * toggles * self.power.femtojoule)
            self._add("clock", self._clock(self.flop) * lanes * enters / SHARED)

    def _leakage(self) -> float:
        """nW of the unit and its share of what it shares; nW ns are 1e-3 fJ."""
        own = sum(
            self.power.cell(cell.kind).leakage * (1 / SHARED if cell.module in self.edge else 1) for cell in self.timing.cells
        )
        return (own + len(self.ports) * self.power.cell(self.flop).leakage / SHARED) * self.power.nanowatt
