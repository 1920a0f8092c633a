"""Energy of a multiply-accumulate: a unit's transitions under real operands, and its share of the tile's edge."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from amaranth.lib.wiring import Component

from hw.baseline.elements import element_for
from hw.baseline.formats import format_named
from hw.emit import emit_verilog
from hw.files import keep
from hw.tools import yosys_version
from synth.density.accounting import category_of
from synth.density.cache import cached_check, sources
from synth.density.designs import PARTS, config_for
from synth.energy.circuit import Circuit
from synth.energy.operands import STATISTICS
from synth.energy.power import power_of
from synth.energy.stimulus import Stimulus
from synth.mapping.flow import BUILD, Synthesis, modules_of, synthesise
from synth.mapping.liberty import Library, find_library
from synth.mapping.timing import Timing, analyse

__all__ = ["EnergyDesign", "EnergyRow", "measure_energy"]

LANES = 32
CYCLES = 12
"""Counted in each lane, after the pipeline has filled."""
SHARED = 4
"""Units of a tile's row or column, which share operand registers."""


@dataclass(frozen=True)
class EnergyDesign:
    """What to measure.

    Parameters
    ----------
    format, library, dot, cycles, tree_cycles, effort, target
        as of ``synth.density.row.Design``; the tile has 4×4 units.
    statistics
        of ``STATISTICS``: where the operands come from.
    glitches
        whether gates take time; without, each net changes at most once in a cycle.
    """

    format: str
    library: str = "reference"
    statistics: str = "digits"
    glitches: bool = True
    dot: int | None = None
    cycles: int = 1
    tree_cycles: int = 0
    effort: str = "area"
    target: float | None = None

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        return f"{self.format} in {self.library} ({self.statistics}{', glitches' * self.glitches})"


@dataclass
class EnergyRow:
    """One design's result, in fJ per multiply-accumulate.

    Attributes
    ----------
    energy
        all of it, and ``parts`` what it is made of: "core", "accumulator", "unit", "edge" (operand registers and what
        prepares operands), of each what the switching takes; "clock" of registers, and "leakage" in a period.
    switching
        the part of ``energy`` that charges nets (their pins, no wires).
    period
        least period in ns, at which leakage is counted.
    toggles
        transitions per multiply-accumulate.
    step_ns
        resolution of delays.
    """

    design: EnergyDesign
    energy: float
    parts: dict[str, float]
    switching: float
    period: float
    toggles: float
    step_ns: float
    macs: int
    tools: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EnergyRow":
        """Inverse of ``to_dict``."""
        return cls(**values | {"design": EnergyDesign(**values["design"])})


def measure_energy(design: EnergyDesign, *, build: Path = BUILD, seconds: float = 900) -> EnergyRow:
    """Map, check and simulate one design; kept, and found again while nothing it depends on changes.

    Raises
    ------
    ValueError
        for unknown statistics.
    ToolError, LibraryError, Mismatch
        as of ``synth.density.measure.measure``.
    """
    if design.statistics not in STATISTICS:
        raise ValueError(f"statistics must be one of {', '.join(STATISTICS)}, not {design.statistics}")
    library = find_library(design.library, build)
    own = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))).hexdigest()
    parts = [repr(design), sources(), own, hashlib.sha256(library.path.read_bytes()).hexdigest(), yosys_version()]
    known = build / "rows" / (hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24] + ".json")
    if not known.exists():
        keep(known, json.dumps(_measure(design, library, seconds, build).to_dict()))
    return EnergyRow.from_dict(json.loads(known.read_text()))


def _measure(design: EnergyDesign, library: Library, seconds: float, build: Path) -> EnergyRow:
    form = format_named(design.format)
    config = config_for(form, design.dot, SHARED, SHARED, design.cycles, design.tree_cycles)
    unit = element_for(form)(config)
    prepare = {side: getattr(unit, f"prepare_{side}")() for side in "ab" if getattr(unit, f"prepare_{side}")}
    texts = {name: text for part in (unit, *prepare.values()) for name, text in modules_of(emit_verilog(part)).items()}
    mapped = partial(
        synthesise, library=library, effort=design.effort, target=design.target, clock_gates=True, seconds=seconds, build=build
    )
    verilog = "\n".join(texts.values())
    named = [name for name in texts if name.startswith(PARTS)]
    synthesis = mapped(verilog, unit.module_name, named)
    for name in {part.module_name for part in prepare.values()}:
        synthesis.parts |= mapped(verilog, name, []).parts
    cached_check(form, config, synthesis, library, build)
    top, netlists = _edge(synthesis, unit, prepare, build)
    timing = analyse(netlists, library, top)
    circuit = Circuit(timing, library, LANES, design.glitches)
    stimulus = iter(Stimulus(form, config, unit, design.statistics, LANES))
    for _ in range(unit.sum_cycles + unit.accumulator.write_cycle + 3):
        circuit.cycle(next(stimulus))
    circuit.reset_counts()
    for _ in range(CYCLES):
        circuit.cycle(next(stimulus))
    bill = _Bill(timing, circuit, library, [part.module_name for part in prepare.values()], config.dot)
    return EnergyRow(
        design, sum(bill.parts.values()), bill.parts, bill.switching, timing.period * timing.unit, bill.toggles,
        circuit.step_ns if design.glitches else 0.0, config.dot, {"yosys": yosys_version()},
    )  # fmt: skip


def _edge(
    synthesis: Synthesis, unit: Component, prepare: dict[str, Component], build: Path
) -> tuple[str, dict[str, Path]]:
    """The unit with what prepares its operands, as one netlist."""
    netlists = synthesis.netlists
    if not prepare:
        return unit.module_name, netlists
    ports = {name: json.loads(netlists[name].read_text())["modules"][name]["ports"]
             for name in {unit.module_name, *(part.module_name for part in prepare.values())}}  # fmt: skip
    count, outer, cells, connected = 2, {}, {}, {}

    def fresh(bits: int) -> list[int]:
        nonlocal count
        count += bits
        return list(range(count - bits, count))

    for side, part in prepare.items():
        own = ports[part.module_name]
        raw, made = fresh(len(own["i"]["bits"])), fresh(len(own["o"]["bits"]))
        outer[side] = {"direction": "input", "bits": raw}
        pins = {"i": raw, "o": made} | {name: [0] for name in own if name in ("clk", "rst")}
        cells[f"prepare_{side}"] = {"type": part.module_name, "connections": pins}
        connected[side] = made
    for name, port in ports[unit.module_name].items():
        if name not in connected:
            connected[name] = fresh(len(port["bits"]))
            outer[name] = {"direction": port["direction"], "bits": connected[name]}
    cells["unit"] = {"type": unit.module_name, "connections": connected}
    top = f"edge_{unit.module_name}"
    digest = hashlib.sha256(synthesis.key.encode()).hexdigest()[:16]
    path = build / "edges" / f"{digest}.json"
    keep(path, json.dumps({"modules": {top: {"ports": outer, "cells": cells}}}))
    return top, netlists | {top: path}


class _Bill:
    """Energy per multiply-accumulate by part."""

    def __init__(self, timing: Timing, circuit: Circuit, library: Library, edge: list[str], macs: int):
        self.timing, self.circuit, self.library, self.edge = timing, circuit, library, edge
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
        for index in range(len(timing.cells)):
            self._cell(index)
        self._operands()
        self.parts["leakage"] = self._leakage()

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

    def _operands(self) -> None:
        """Operand registers: a flip-flop to each bit, which drives the row's (or column's) units, as a share of one."""
        outputs = self.library.cells[self.flop].functions
        output, data = next(iter(outputs)), self.library.cells[self.flop].flip_flop["next_state"].strip("() ")
        lanes = self.circuit.cycles * self.circuit.lanes
        ports = {net for name, net in self.timing.flat.inputs
                 if name.rpartition("_")[0] in ("a", "b") or name.rpartition("_")[0].endswith(("_a", "_b"))}  # fmt: skip
        for net in ports - {0, 1}:
            load, _ = self._net(net)
            load *= 1 if self.edge else SHARED  # what prepares operands is there once
            toggles = self.circuit.toggles[net] / SHARED
            charge = self.half_charge * load * toggles
            self.switching += charge * self.per_mac
            self.toggles += toggles * self.per_mac
            power = self.power.cell(self.flop)
            internal = power.energy(output, 0.0, load) + power.energy(data, 0.0, 0.0)
            self._add("edge", charge + internal * toggles * self.power.femtojoule)
            self._add("clock", self._clock(self.flop) * lanes / SHARED)

    def _leakage(self) -> float:
        nanowatts = sum(
            self.power.cell(cell.kind).leakage * (1 / SHARED if cell.module in self.edge else 1) for cell in self.timing.cells
        ) * self.power.nanowatt  # fmt: skip
        macs = self.circuit.lanes * self.circuit.cycles * self.per_mac
        return nanowatts * self.timing.period * self.timing.unit * 1e-3 * macs  # nW ns = 1e-3 fJ
