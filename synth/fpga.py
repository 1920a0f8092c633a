"""Lookup tables and clocks of tiles and cores in FPGA families; ``python -m synth.fpga`` measures a core."""

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from amaranth.hdl import Module, Signal, Value
from amaranth.lib.wiring import Component, In

from hw.baseline.formats import format_named
from hw.config import CoreConfig
from hw.core.core import Core
from hw.emit import emit_verilog, place
from hw.options import CommandLineError, add_config_options, config_from_options, run
from synth.designs import config_for, tile_for
from synth.flow import BUILD
from synth.tools import ToolError, nextpnr, yosys, yosys_version

__all__ = ["FAMILIES", "Resources", "implement", "implement_core"]


@dataclass(frozen=True)
class Family:
    """How a family is synthesised without DSP blocks, and what a cell counts in lookup tables."""

    synthesis: str
    tables: dict[str, int]
    flip_flops: str


FAMILIES = {
    "xc7": Family(
        "synth_xilinx -family xc7 -nodsp -flatten -noiopad -noclkbuf", {f"LUT{i}": 1 for i in range(1, 7)}, "FD"
    ),
    "ecp5": Family("synth_ecp5 -nodsp", {"LUT4": 1, "CCU2C": 2}, "TRELLIS_FF"),
    "ice40": Family("synth_ice40", {"SB_LUT4": 1}, "SB_DFF"),
    "nexus": Family("synth_nexus -nodsp", {"LUT4": 1, "CCU2": 2}, "FD1P3"),
    "gowin": Family("synth_gowin", {f"LUT{i}": 1 for i in range(1, 5)} | {"ALU": 1}, "DFF"),
}


@dataclass(frozen=True)
class Resources:
    """One tile or core in one family.

    Members
    -------
    tables : as the family counts them. megahertz : median over the seeds of placement, or ``None``. seeds : with each.
    """

    format: str
    family: str
    macs: int
    tables: int
    flip_flops: int
    megahertz: float | None
    cells: dict[str, int]
    seeds: tuple[float, ...] = ()

    @property
    def tables_per_mac(self) -> float:
        """Lookup tables per multiply-accumulate."""
        return self.tables / self.macs


def fpga_config(name: str, dot: int | None, size: int, tree_cycles: int, cycles: int, datapath: str) -> CoreConfig:
    """A tile's configuration with the pipeline an FPGA wants."""
    base = config_for(format_named(name), dot, size, size, cycles)
    return replace(base, tree_cycles=tree_cycles, datapath=datapath)


def implement(
    name: str, family: str, *, dot: int | None = None, size: int = 2, tree_cycles: int = 0, cycles: int = 1,
    datapath: str = "structural", seeds: int = 0, seconds: float = 1800, build: Path = BUILD,
) -> Resources:  # fmt: skip
    """Synthesise a ``size`` × ``size`` tile of a format; with ``seeds`` > 0 also place and route it.

    Raises
    ------
    ValueError : for an unknown family, or seeds for one without a clock. ToolError : when a tool fails.
    """
    config = fpga_config(name, dot, size, tree_cycles, cycles, datapath)
    return _implement(name, tile_for(format_named(name), config), config, family, seeds, seconds, build)


def implement_core(
    config: CoreConfig, family: str = "ecp5", seeds: int = 5, seconds: float = 3600, build: Path = BUILD
) -> Resources:
    """Synthesise a whole core, buffers and all; with ``seeds`` > 0 also place and route it that many times.

    It is placed between registers, one at each port, so that the clock is that of a core within a design.

    Raises
    ------
    ValueError, ToolError : as of ``implement``.
    """
    return _implement(f"core {config.name}", _Registered(Core(config)), config, family, seeds, seconds, build)


class _Registered(Component):
    """A component with a register at every port."""

    def __init__(self, inner: Component):
        self.inner = inner
        self.module_name = f"registered_{inner.module_name}"
        super().__init__(dict(inner.signature.members.items()))

    def elaborate(self, platform) -> Module:
        m = Module()
        inner = place(m, platform, "inner", self.inner)
        ports = zip(self.signature.flatten(self), inner.signature.flatten(inner), strict=True)
        for (path, member, outside), (_, _, inside) in ports:
            outside, inside = Value.cast(outside), Value.cast(inside)
            register = Signal(len(outside), name="_".join(map(str, path)) + "_register", reset_less=True)
            source, sink = (outside, inside) if member.flow == In else (inside, outside)
            m.d.sync += register.eq(source)
            m.d.comb += sink.eq(register)
        return m


def _implement(name, component, config, family, seeds, seconds, build) -> Resources:
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {family}")
    if seeds and family != "ecp5":
        raise ValueError(f"clocks are measured for ecp5 only, not for {family}")
    text, top = emit_verilog(component), component.module_name
    entry = FAMILIES[family]
    script = f"read_verilog design.v\n{entry.synthesis} -top {top}\nwrite_json netlist.json\n"
    key = hashlib.sha256(f"{text}{script}{yosys_version()}".encode()).hexdigest()[:16]
    folder = (build / "fpga" / f"{re.sub(r'[^a-z0-9-]', '_', name)[:60]}-{family}-{key}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "done").exists():
        (folder / "design.v").write_text(text)
        yosys(script, folder, seconds)
        (folder / "done").touch()
    module = json.loads((folder / "netlist.json").read_text())["modules"][top]
    cells = Counter(cell["type"] for cell in module["cells"].values())
    megahertz = tuple(_clock(folder, seed, seconds) for seed in range(1, seeds + 1))
    return Resources(
        name, family, config.macs_per_cycle, sum(entry.tables.get(kind, 0) * n for kind, n in cells.items()),
        sum(n for kind, n in cells.items() if kind.startswith(entry.flip_flops)),
        median(megahertz) if megahertz else None, dict(cells), megahertz,
    )  # fmt: skip


def _clock(folder: Path, seed: int, seconds: float) -> float:
    """Clock in MHz by nextpnr after routing, without pins."""
    known = folder / f"megahertz-{seed}"
    if not known.exists():
        arguments = ["--85k", "--speed", "6", "--package", "CABGA756", "--out-of-context", "--json", "netlist.json",
                     "--freq", "130", "--seed", str(seed), "--timing-allow-fail"]  # fmt: skip
        log = nextpnr("ecp5", arguments, folder, seconds)
        known.write_text(re.findall(r"Max frequency for clock\s+'[^']*':\s+([\d.]+) MHz", log)[-1])
    return float(known.read_text())


def _options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)
    parser.add_argument("--family", default="ecp5", choices=FAMILIES, help="default ecp5")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of placement (default 5; 0: no clock)")


def _main(options: argparse.Namespace) -> int:
    try:
        found = implement_core(config_from_options(options), options.family, options.seeds)
    except (ValueError, ToolError) as error:
        raise CommandLineError(str(error)) from None
    cells = ", ".join(f"{kind} {n}" for kind, n in sorted(found.cells.items(), key=lambda item: -item[1]))
    print(f"{found.format} on {found.family}: {found.tables} lookup tables, {found.flip_flops} flip-flops")
    print(f"  {cells}")
    if found.seeds:
        print(f"  {found.megahertz:.1f} MHz, median of {', '.join(f'{mhz:.1f}' for mhz in found.seeds)}")
    return 0


if __name__ == "__main__":
    sys.exit(run("synth.fpga", "Resources and clock of a whole core on an FPGA.", _options, _main))
