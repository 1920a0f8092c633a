"""Energy of a multiply-accumulate: a unit's transitions under real operands, and its share of the tile's edge."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from amaranth.lib.wiring import Component

from hw.baseline.elements import element_for
from hw.baseline.formats import NumberFormat, format_named
from hw.config import CoreConfig
from hw.emit import emit_verilog
from hw.host.files import keep
from hw.host.tools import yosys_version
from synth.density.cache import cached_check, sources
from synth.density.designs import PARTS, config_for
from synth.energy.bill import SHARED, Bill
from synth.energy.circuit import DELAYS, Circuit
from synth.energy.operands import STATISTICS
from synth.energy.stimulus import Stimulus
from synth.mapping.flow import BUILD, Synthesis, modules_of, synthesise
from synth.mapping.liberty import Library, find_library
from synth.mapping.timing import StaticTiming, analyse

__all__ = ["EnergyDesign", "EnergyRow", "measure_energy"]

MEASURED = ("bill", "circuit", "measure", "operands", "power", "stimulus")
"""Modules here that a row depends on; the others only choose and show."""
LANES = 32
CYCLES = 12
"""Counted in each lane, after the pipeline has filled."""
IDLE_CYCLES = 2
"""Counted while nothing changes, after the pipeline has emptied."""


@dataclass(frozen=True)
class EnergyDesign:
    """What to measure.

    Parameters
    ----------
    format, library, dot, cycles, tree_cycles, effort, target
        as of ``synth.density.row.Design``; the tile has 4×4 units.
    statistics
        of ``STATISTICS``: where the operands come from.
    delays
        of ``DELAYS``: how gates take time.
    clock
        period in ns at which leakage is counted (default: the least that the unit allows).
    clock_gating
        as of ``hw.config.CoreConfig``.
    """

    format: str
    library: str = "reference"
    statistics: str = "digits"
    delays: str = "inertial"
    dot: int | None = None
    cycles: int = 1
    tree_cycles: int = 0
    effort: str = "area"
    target: float | None = None
    clock: float | None = None
    clock_gating: bool = False

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        return f"{self.format} in {self.library} ({self.statistics}, {self.delays})"


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
        in ns, at which leakage is counted; ``least_period`` is what the unit allows.
    toggles
        transitions per multiply-accumulate.
    idle
        what a cycle without work takes in place of each multiply-accumulate: clocks that are not gated, and leakage.
    """

    design: EnergyDesign
    energy: float
    parts: dict[str, float]
    switching: float
    period: float
    least_period: float
    toggles: float
    idle: float
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
        for unknown statistics or delays.
    ToolError, LibraryError, Mismatch
        as of ``synth.density.measure.measure``.
    """
    for name, choices in (("statistics", STATISTICS), ("delays", DELAYS)):
        if getattr(design, name) not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(design, name)}")
    library = find_library(design.library, build)
    own = hashlib.sha256(b"".join((Path(__file__).parent / f"{name}.py").read_bytes() for name in MEASURED)).hexdigest()
    parts = [repr(design), sources(), own, hashlib.sha256(library.path.read_bytes()).hexdigest(), yosys_version()]
    known = build / "rows" / (hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24] + ".json")
    if not known.exists():
        keep(known, json.dumps(_measure(design, library, seconds, build).to_dict()))
    return EnergyRow.from_dict(json.loads(known.read_text()))


@dataclass(frozen=True)
class Mapped:
    """A design's unit with what prepares its operands, mapped, checked and timed."""

    form: NumberFormat
    config: CoreConfig
    unit: Any
    edge: list[str]
    timing: StaticTiming


def map_unit(design: EnergyDesign, library: Library, seconds: float, build: Path) -> Mapped:
    """The netlist whose transitions are counted.

    Raises
    ------
    ToolError, LibraryError, Mismatch
        as of ``synth.density.measure.measure``.
    """
    form = format_named(design.format)
    config = config_for(form, design.dot, SHARED, SHARED, design.cycles, design.tree_cycles, design.clock_gating)
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
    return Mapped(form, config, unit, [part.module_name for part in prepare.values()], analyse(netlists, library, top))


def _measure(design: EnergyDesign, library: Library, seconds: float, build: Path) -> EnergyRow:
    mapped = map_unit(design, library, seconds, build)
    unit, config, timing = mapped.unit, mapped.config, mapped.timing
    circuit = Circuit(timing, library, LANES, design.delays)
    stimulus = Stimulus(mapped.form, config, unit, design.statistics, LANES)
    words = iter(stimulus)
    least = timing.period * timing.unit
    period = design.clock or least
    latency = unit.sum_cycles + unit.join_cycles + unit.accumulator.write_cycle + 3

    def bill(before: int, counted: int, ports: Callable[[], dict[str, list[int]]], enters: bool = True) -> Bill:
        for cycle in range(before + counted):
            if cycle == before:
                circuit.reset_counts()
            circuit.cycle(ports())
        return Bill(timing, circuit, library, mapped.edge, config.dot, period, enters)

    working = bill(latency, CYCLES, lambda: next(words))
    quiet = stimulus.quiet(next(words))
    idle = bill(latency, IDLE_CYCLES, lambda: quiet, enters=not config.clock_gating)
    return EnergyRow(
        design, sum(working.parts.values()), working.parts, working.switching, period, least, working.toggles,
        sum(idle.parts.values()), config.dot, {"yosys": yosys_version()},
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
