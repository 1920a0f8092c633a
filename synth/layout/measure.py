"""A format's tile as a layout: area, wires and clock before and after."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hw.array.tile import Tile
from hw.baseline.elements import element_for
from hw.baseline.formats import format_named
from hw.emit import emit_verilog
from hw.host.files import keep
from hw.host.tools import yosys_version
from synth.density.cache import cached_check, sources
from synth.density.designs import PARTS, config_for, tile_for
from synth.layout.buffers import add_buffers
from synth.layout.check import compare, prove
from synth.layout.congestion import Congestion, congestion
from synth.layout.files.lef import Lef, read_lef
from synth.layout.placement import Placement, floorplan, place
from synth.layout.route import route, summary
from synth.layout.wires import clock_nets, estimate_wires, pin_load
from synth.mapping.flat import Flat, flatten
from synth.mapping.flow import BUILD, modules_of, synthesise
from synth.mapping.liberty import Library, find_library
from synth.mapping.timing import analyse_flat

__all__ = ["PIECES", "LayoutDesign", "LayoutRow", "layout_file", "measure_layout"]

PIECES = ("tile", "unit")
"""What can be laid out: a tile, or one of its units alone."""
PROVED = 600
"""Cells of a routed design that Yosys is given at most."""
SHOWING = ("cli", "picture", "table")
"""Modules of this room that no layout depends on."""


@dataclass(frozen=True)
class LayoutDesign:
    """What to lay out.

    Parameters
    ----------
    format, library, dot, rows, columns
        as of ``synth.density.row.Design``.
    piece
        of ``PIECES``: the tile, or one of its units.
    utilisation
        share of the rows that cells fill.
    effort
        of the placer, 1 to 9.
    routed
        whether wires are routed in detail, or estimated only.
    lef
        LEF files with commas between (default: those found for the library).
    """

    format: str
    library: str
    piece: str = "tile"
    dot: int | None = None
    rows: int = 4
    columns: int = 4
    utilisation: float = 0.7
    effort: int = 1
    routed: bool = False
    lef: str = ""

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        return f"{self.format} in {self.library} ({self.piece} laid out)"


@dataclass
class LayoutRow:
    """One layout; areas in µm² per MAC, lengths in mm, loads in pF, times in ns.

    Attributes
    ----------
    cell_area, buffered_area, block_area
        of the mapped cells, of the cells with buffers and stronger drivers, of the block.
    changed
        buffers that were added and cells made stronger.
    length
        of all wires but the clock's, as estimated.
    wire_load, pin_load
        of these wires, and of the pins at them.
    period, wired_period
        least clock period as mapped without wires, and of the layout with them.
    demand
        share of the tracks that wires need: the mean, the fullest hundredth, and the share of squares over capacity.
    checked
        how the layout was shown to be the mapped circuit.
    routing
        of a detailed routing, see ``Routing``.
    """

    design: LayoutDesign
    macs: int
    cells: int
    cell_area: float
    buffered_area: float
    block_area: float
    changed: int
    length: float
    wire_load: float
    pin_load: float
    period: float
    wired_period: float
    demand: Congestion
    checked: str
    routing: dict[str, Any] | None = None
    tools: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "LayoutRow":
        """Inverse of ``to_dict``."""
        return cls(**values | {"design": LayoutDesign(**values["design"]), "demand": Congestion(*values["demand"])})


def measure_layout(design: LayoutDesign, *, build: Path = BUILD, seconds: float = 900) -> LayoutRow:
    """Map, place, buffer, place again, wire, time and check; kept, and found again while nothing it depends on changes.

    Raises
    ------
    ValueError
        for an unknown piece, or a utilisation that cannot be.
    ToolError, LibraryError, Mismatch
        as of ``synth.density.measure.measure``; if a tool or a LEF file is missing; if the layout is another circuit.
    """
    if design.piece not in PIECES:
        raise ValueError(f"piece must be one of {', '.join(PIECES)}, not {design.piece}")
    folder = _folder(design, build)
    known = folder / "row.json"
    if not known.exists():
        library = find_library(design.library, build)
        folder.mkdir(parents=True, exist_ok=True)
        row = _measure(design, library, _lef(design, library), folder, build, seconds)
        keep(known, json.dumps(row.to_dict()))
    return LayoutRow.from_dict(json.loads(known.read_text()))


def layout_file(design: LayoutDesign, build: Path = BUILD) -> Path:
    """Where ``measure_layout`` keeps the places of a design's cells, for pictures."""
    return _folder(design, build) / "layout.json"


def _lef(design: LayoutDesign, library: Library) -> Lef:
    return read_lef(library, [Path(name) for name in design.lef.split(",") if name])


def _folder(design: LayoutDesign, build: Path) -> Path:
    """Named by everything a layout depends on."""
    library = find_library(design.library, build)
    own = [path for path in sorted(Path(__file__).parent.rglob("*.py")) if path.stem not in SHOWING]
    files = [*own, library.path, *_lef(design, library).paths]
    content = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    key = " ".join([repr(design), sources(), content, yosys_version()])
    return build / "layouts" / hashlib.sha256(key.encode()).hexdigest()[:24]


def mapped(design: LayoutDesign, library: Library, build: Path, seconds: float) -> tuple[Flat, int]:
    """The mapped design as one list of cells, its unit simulated against the reference, and its products in a cycle."""
    form = format_named(design.format)
    config = config_for(form, design.dot, design.rows, design.columns)
    component = tile_for(form, config) if design.piece == "tile" else element_for(form)(config)
    verilog = emit_verilog(component)
    names = [name for name in modules_of(verilog) if name.startswith(PARTS)]
    synthesis = synthesise(
        verilog, component.module_name, names, library, clock_gates=True, seconds=seconds, build=build
    )
    if isinstance(component, Tile):
        cached_check(form, config, synthesis, library, build)
    macs = config.macs_per_cycle if design.piece == "tile" else config.dot
    return flatten(synthesis.netlists, component.module_name), macs


def _measure(design: LayoutDesign, library: Library, lef: Lef, folder: Path, build: Path, seconds: float) -> LayoutRow:
    flat, macs = mapped(design, library, build, seconds)
    start = floorplan(flat, lef, design.utilisation)
    clocks = clock_nets(start, library)
    first = place(start, clocks, effort=design.effort, log=folder / "first.log")
    buffered, changed = add_buffers(first, library, clocks)
    placed = place(floorplan(buffered, lef, design.utilisation), clocks, effort=design.effort, log=folder / "place.log")
    compare(flat, placed.flat, library)
    checked, routing = "cell by cell", None
    if design.routed:
        routed = route(placed, clocks, folder, seconds)
        back = routed.flat(placed.flat)
        compare(flat, back, library)
        if len(flat.cells) <= PROVED:
            prove(flat, back, library, folder, seconds)
            checked = "cell by cell, Yosys"
        routing = summary(placed, routed, clocks).to_dict()
    wires = estimate_wires(placed, library, clocks)
    before, after = analyse_flat(flat, library), analyse_flat(buffered, library, wires.for_timing(library))
    pins = sum(pin_load(placed, library, pin) for ends in wires.pins.values() for pin in ends[1:])
    keep(folder / "layout.json", json.dumps(_kept(placed)))
    return LayoutRow(
        design, macs, len(flat.cells), first.cell_area / macs, placed.cell_area / macs, placed.area / macs, changed,
        sum(wires.length.values()) / 1e3, sum(wires.capacitance.values()) / 1e3, pins / 1e3, before.period * before.unit,
        after.period * after.unit, congestion(placed, wires), checked, routing, {"yosys": yosys_version()},
    )  # fmt: skip


def _kept(placed: Placement) -> dict[str, Any]:
    """What a picture needs of a layout: size in µm, and each cell's place, width and module."""
    lef, scale = placed.lef, placed.lef.units
    cells = [
        (placed.x[i] * lef.site_width / scale, placed.y[i] * lef.row_height / scale, lef.macro(cell.kind).width / scale,
         cell.module)
        for i, cell in enumerate(placed.flat.cells)
    ]  # fmt: skip
    return {"size": [side / scale for side in placed.size], "row": lef.row_height / scale, "cells": cells}
