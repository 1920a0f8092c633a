"""Lookup tables and clocks of tiles in FPGA families."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from hw.baseline.formats import format_named
from hw.config import CoreConfig
from hw.emit import emit_verilog
from synth.designs import config_for, tile_for
from synth.flow import BUILD
from synth.tools import nextpnr, yosys, yosys_version

__all__ = ["FAMILIES", "Resources", "implement"]


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
    """One tile in one family; ``tables`` as the family counts them, ``megahertz`` the median over seeds or ``None``."""

    format: str
    family: str
    macs: int
    tables: int
    flip_flops: int
    megahertz: float | None
    cells: dict[str, int]

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
    """Synthesise a ``size`` × ``size`` tile; with ``seeds`` > 0 also place and route it on an ECP5-85 of speed 6.

    Raises
    ------
    ValueError : for an unknown family. ToolError : when a tool fails.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {family}")
    if seeds and family != "ecp5":
        raise ValueError(f"clocks are measured for ecp5 only, not for {family}")
    config = fpga_config(name, dot, size, tree_cycles, cycles, datapath)
    tile = tile_for(format_named(name), config)
    text = emit_verilog(tile)
    entry = FAMILIES[family]
    script = f"read_verilog design.v\n{entry.synthesis} -top {tile.module_name}\nwrite_json netlist.json\n"
    key = hashlib.sha256(f"{text}{script}{yosys_version()}".encode()).hexdigest()[:16]
    folder = (build / "fpga" / f"{name.replace('/', '_')}-{family}-{key}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "done").exists():
        (folder / "design.v").write_text(text)
        yosys(script, folder, seconds)
        (folder / "done").touch()
    module = json.loads((folder / "netlist.json").read_text())["modules"][tile.module_name]
    cells = Counter(cell["type"] for cell in module["cells"].values())
    clock = median(_clock(folder, seed, seconds) for seed in range(1, seeds + 1)) if seeds else None
    return Resources(
        name, family, config.macs_per_cycle, sum(entry.tables.get(kind, 0) * n for kind, n in cells.items()),
        sum(n for kind, n in cells.items() if kind.startswith(entry.flip_flops)), clock, dict(cells),
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
