"""Lookup tables and clocks of tiles and cores in FPGA families."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out

from hw.baseline.formats import NumberFormat, format_named
from hw.config import CoreConfig
from hw.core.core import Core
from hw.emit import emit_verilog, place
from hw.host.files import keep
from hw.host.tools import yosys, yosys_version
from synth.density.designs import config_for, tile_for
from synth.fpga.families import EFFORTS, FAMILIES
from synth.mapping.flow import BUILD
from synth.mapping.tools import nextpnr, nextpnr_version

__all__ = ["Resources", "Target", "implement", "implement_core"]


@dataclass(frozen=True)
class Target:
    """A tile of a format in a family.

    Parameters
    ----------
    format, family
        by name.
    dot
        products per unit and cycle (default: a block, or 64).
    size
        unit rows and columns.
    tree_cycles, cycles
        register stages of the sum of products and of the accumulator.
    datapath
        body of dot products of integers (default: the one for FPGAs).
    seeds
        of placement, for a clock.
    effort
        what mapping aims at, of ``EFFORTS``.
    """

    format: str
    family: str = "ecp5"
    dot: int | None = None
    size: int = 2
    tree_cycles: int = 0
    cycles: int = 1
    datapath: str = "carry_chain"
    seeds: int = 0
    effort: str = "area"

    def __post_init__(self) -> None:
        format_named(self.format)
        check(self.family, self.seeds, self.effort)
        self.config()

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        return f"{self.format} in {self.family} ({self.datapath})"

    def config(self) -> CoreConfig:
        """The tile's configuration."""
        form = format_named(self.format)
        base = config_for(form, self.dot, self.size, self.size, self.cycles, self.tree_cycles)
        return replace(base, datapath=self.datapath)

    def number_format(self) -> NumberFormat:
        """The format; integers are multiplied by pairs in the structural body, else in sign and magnitude."""
        form = format_named(self.format)
        plain = form.kind == "paired" and not form.block_size and self.datapath != "structural"
        return replace(form, kind="integer") if plain else form


@dataclass(frozen=True)
class Resources:
    """One tile or core in one family.

    Attributes
    ----------
    tables
        as the family counts them.
    multipliers
        blocks.
    flip_flops
        of any kind.
    cells
        by type.
    clocks
        MHz with each seed.
    """

    name: str
    family: str
    macs: int
    tables: int
    multipliers: int
    flip_flops: int
    cells: dict[str, int]
    clocks: tuple[float, ...] = ()
    target: dict[str, Any] = field(default_factory=dict)

    @property
    def megahertz(self) -> float | None:
        """Median of the clocks."""
        return median(self.clocks) if self.clocks else None

    @property
    def tables_per_mac(self) -> float:
        """Lookup tables per multiply-accumulate."""
        return self.tables / self.macs

    def to_dict(self) -> dict[str, Any]:
        """Members as JSON-ready values."""
        return asdict(self) | {"clocks": list(self.clocks)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Resources":
        """Inverse of ``to_dict``."""
        return cls(**values | {"clocks": tuple(values["clocks"])})


def check(family: str, seeds: int, effort: str) -> None:
    """Refuse what cannot be measured.

    Raises
    ------
    ValueError
        with the rule that is broken.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {family}")
    if seeds < 0:
        raise ValueError(f"seeds must be at least 0, not {seeds}")
    if seeds and FAMILIES[family].placement is None:
        clocked = ", ".join(name for name, entry in FAMILIES.items() if entry.placement)
        raise ValueError(f"seeds must be 0 for {family}: clocks are measured for {clocked}")
    if effort not in EFFORTS:
        raise ValueError(f"effort must be one of {', '.join(EFFORTS)}, not {effort}")


def implement(target: Target, *, seconds: float = 1800, build: Path = BUILD) -> Resources:
    """Synthesise a tile; with seeds also place and route it, each measured once.

    Raises
    ------
    ToolError
        when a tool fails.
    """
    config = target.config()
    tile = tile_for(target.number_format(), config)
    flow = _Flow(target.format, target.family, target.effort, config.datapath == "dsp", seconds, build)
    found = flow.resources(tile, config.macs_per_cycle)
    return replace(found, clocks=flow.clocks(tile, target.seeds), target=asdict(target))


def implement_core(
    config: CoreConfig, family: str = "ecp5", seeds: int = 5, effort: str = "speed", seconds: float = 3600,
    build: Path = BUILD,
) -> Resources:  # fmt: skip
    """Synthesise a whole core, buffers and all; with seeds also place and route it that many times.

    Raises
    ------
    ValueError
        as of ``check``.
    ToolError
        when a tool fails.
    """
    check(family, seeds, effort)
    core = Core(config)
    flow = _Flow(f"core {config.name}", family, effort, config.datapath == "dsp", seconds, build)
    return replace(flow.resources(core, config.macs_per_cycle), clocks=flow.clocks(core, seeds))


class _Scanned(Component):
    """A component within a design: a register at every port, shifted in, or shifted and added into one bit: two pins."""

    def __init__(self, inner: Component):
        self.inner = inner
        self.module_name = f"scanned_{inner.module_name}"
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inner = place(m, platform, "inner", self.inner)
        bit = self.i
        for path, member, value in inner.signature.flatten(inner):
            value = Value.cast(value)
            if len(value):
                register = Signal(len(value), name="_".join(map(str, path)) + "_register", reset_less=True)
                if member.flow == In:
                    m.d.sync += register.eq(register << 1 | bit)
                    m.d.comb += value.eq(register)
                else:
                    m.d.sync += register.eq((register << 1 | bit) ^ value)
                bit = register[-1]
        m.d.comb += self.o.eq(bit)
        return m


@dataclass(frozen=True)
class _Flow:
    """One way through the tools, each step done once for the same text, script and versions.

    Parameters
    ----------
    name
        in tables and folders.
    multipliers
        whether multiplier blocks may be used.
    seconds
        a tool may take.
    """

    name: str
    family: str
    effort: str
    multipliers: bool
    seconds: float
    build: Path

    def netlist(self, component: Component) -> Path:
        """Folder of the mapped netlist."""
        text, top = emit_verilog(component), component.module_name
        lines = FAMILIES[self.family].script(self.effort, top, self.multipliers)
        script = "\n".join(["read_verilog design.v", *lines, "write_json netlist.json", ""])
        key = hashlib.sha256(f"{text}{script}{yosys_version()}".encode()).hexdigest()[:16]
        name = re.sub(r"[^a-z0-9-]", "_", self.name)[:60]
        folder = (self.build / "fpga" / f"{name}-{self.family}-{key}").resolve()
        if not (folder / "done").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "design.v").write_text(text)
            yosys(script, folder, self.seconds)
            (folder / "done").touch()
        return folder

    def resources(self, component: Component, macs: int) -> Resources:
        """What the mapped component takes."""
        folder, entry = self.netlist(component), FAMILIES[self.family]
        known = folder / "cells.json"
        if not known.exists():
            module = json.loads((folder / "netlist.json").read_text())["modules"][component.module_name]
            keep(known, json.dumps(Counter(cell["type"] for cell in module["cells"].values())))
        cells = {kind: n for kind, n in sorted(json.loads(known.read_text()).items()) if not kind.startswith("$")}
        return Resources(
            self.name, self.family, macs, sum(entry.tables.get(kind, 0) * n for kind, n in cells.items()),
            cells.get(entry.multiplier, 0), sum(n for kind, n in cells.items() if kind.startswith(entry.flip_flops)), cells,
        )  # fmt: skip

    def clocks(self, component: Component, seeds: int) -> tuple[float, ...]:
        """Clocks in MHz by nextpnr after routing, between registers, without a board's pins."""
        if not seeds:
            return ()
        folder = self.netlist(_Scanned(component))
        return tuple(self._clock(folder, seed) for seed in range(1, seeds + 1))

    def _clock(self, folder: Path, seed: int) -> float:
        entry = FAMILIES[self.family]
        arguments = [*(entry.placement or ()), "--json", "netlist.json", "--seed", str(seed), "--timing-allow-fail"]
        key = hashlib.sha256(" ".join([*arguments, nextpnr_version(entry.program)]).encode()).hexdigest()[:8]
        known = folder / f"megahertz-{seed}-{key}"
        if not known.exists():
            (folder / "pins").write_text(entry.pin_file())
            log = nextpnr(entry.program, arguments, folder, self.seconds)
            keep(known, re.findall(r"Max frequency for clock\s+'[^']*':\s+([\d.]+) MHz", log)[-1])
        return float(known.read_text())
