# Ref: G. Gouvine, Coloquinte Place&Route, https://github.com/Coloquinte/PlaceRoute
"""Cells in rows: a floorplan with ports around it, filled by the placer Coloquinte."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hw.host.tools import ToolError
from synth.layout.files.lef import Box, Lef
from synth.mapping.flat import Flat

__all__ = ["EdgePort", "Pin", "Placement", "floorplan", "place"]

FREE = 0.97
"""Greatest utilisation; rows need some room for a legal placement."""
FILLED = (FREE, 0.9, 0.8, 0.1)
"""Shares of the rows that cells and the room beside each fill together, the first for which a legal placement is found."""


class EdgePort(NamedTuple):
    """A port of the block: its net, "INPUT" or "OUTPUT", and where it is on the edge, in database units."""

    name: str
    net: int
    direction: str
    x: int
    y: int


class Pin(NamedTuple):
    """Where a net ends, in database units: at a cell's pin, or at a port (``cell`` is then -1 and ``pin`` its name)."""

    x: int
    y: int
    cell: int
    pin: str


@dataclass(frozen=True)
class Placement:
    """A placed design.

    Attributes
    ----------
    columns, rows
        of the block, in sites and rows.
    x, y
        of each cell: its first site and its row; odd rows stand on their heads.
    """

    flat: Flat
    lef: Lef
    columns: int
    rows: int
    x: list[int]
    y: list[int]
    ports: list[EdgePort]

    @cached_property
    def inputs(self) -> set[str]:
        """Names of ports that are inputs."""
        return {port.name for port in self.ports if port.direction == "INPUT"}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in database units."""
        return self.columns * self.lef.site_width, self.rows * self.lef.row_height

    @property
    def area(self) -> float:
        """Of the block, in µm²."""
        return self.size[0] * self.size[1] / self.lef.units**2

    @property
    def cell_area(self) -> float:
        """Of the cells, in µm²."""
        macros = (self.lef.macro(cell.kind) for cell in self.flat.cells)
        return sum(macro.width * macro.height for macro in macros) / self.lef.units**2

    def at(self, cell: int, pin: str) -> tuple[int, int]:
        """Where a cell's pin is, in database units."""
        macro = self.lef.macro(self.flat.cells[cell].kind)
        x, y = macro.centre(pin)
        if self.y[cell] % 2:
            y = macro.height - y
        return self.x[cell] * self.lef.site_width + x, self.y[cell] * self.lef.row_height + y

    def shapes(self, pin: Pin) -> list[tuple[str, Box]]:
        """Shapes of a cell's pin as (layer, box), where the cell is."""
        macro = self.lef.macro(self.flat.cells[pin.cell].kind)
        x, y = self.x[pin.cell] * self.lef.site_width, self.y[pin.cell] * self.lef.row_height
        placed = []
        for layer, (left, bottom, right, top) in macro.pins[pin.pin]:
            if self.y[pin.cell] % 2:
                bottom, top = macro.height - top, macro.height - bottom
            placed.append((layer, (x + left, y + bottom, x + right, y + top)))
        return placed

    def nets(self) -> dict[int, list[Pin]]:
        """Pins of every net that is no constant."""
        nets: dict[int, list[Pin]] = {}
        for port in self.ports:
            nets.setdefault(port.net, []).append(Pin(port.x, port.y, -1, port.name))
        for index, cell in enumerate(self.flat.cells):
            for pin, net in cell.pins.items():
                nets.setdefault(net, []).append(Pin(*self.at(index, pin), index, pin))
        return {net: pins for net, pins in sorted(nets.items()) if net > 1}


def floorplan(flat: Flat, lef: Lef, utilisation: float) -> Placement:
    """A square block of so many rows that cells fill ``utilisation`` of them, with ports at even distances around it.

    All cells are in its middle.

    Raises
    ------
    ValueError
        if the utilisation is no share that can be placed.
    """
    if not 0.1 <= utilisation <= FREE:
        raise ValueError(f"utilisation must be between 0.1 and {FREE}, not {utilisation}")
    sites = sum(lef.macro(cell.kind).width // lef.site_width for cell in flat.cells)
    rows = max(1, round(sqrt(sites * lef.site_width / utilisation / lef.row_height)))
    columns = ceil(sites / utilisation / rows)
    ends = [(name, net, "INPUT") for name, net in flat.inputs] + [(name, net, "OUTPUT") for name, net in flat.outputs]
    width, height = columns * lef.site_width, rows * lef.row_height
    ports = [
        EdgePort(*end, *_edge((2 * i + 1) * (width + height) // len(ends), width, height)) for i, end in enumerate(ends)
    ]
    middle = [columns // 2] * len(flat.cells), [rows // 2] * len(flat.cells)
    return Placement(flat, lef, columns, rows, *middle, ports)


def _edge(way: int, width: int, height: int) -> tuple[int, int]:
    """The point after going ``way`` round the block, from its origin eastward."""
    if way < width:
        return way, 0
    if way < width + height:
        return width, way - width
    if way < 2 * width + height:
        return 2 * width + height - way, height
    return 0, 2 * (width + height) - way


def place(start: Placement, left_out: set[int], *, effort: int = 1, log: Path = Path(os.devnull)) -> Placement:
    """Place the cells of a floorplan so that wires are short.

    Parameters
    ----------
    left_out
        nets whose length does not count, such as clocks.
    effort
        1 to 9.

    Raises
    ------
    ToolError
        where Coloquinte is not installed, or finds no legal placement; its messages are in ``log``.
    """
    try:
        import coloquinte
    except ImportError:
        raise ToolError("Coloquinte was not found; run: pip install coloquinte") from None
    error: RuntimeError | None = None
    for share in FILLED:
        circuit, units = _circuit(coloquinte, start, left_out)
        with _messages(log):
            try:
                circuit.expand_cells_to_density(share, 0.0)
                circuit.place(effort)
            except RuntimeError as failure:
                error = failure
                continue
        count = len(start.flat.cells)
        return Placement(start.flat, start.lef, start.columns, start.rows, list(circuit.cell_x[:count]),
                         [y // units for y in circuit.cell_y[:count]], start.ports)  # fmt: skip
    raise ToolError(f"Coloquinte: {error}; log: {log}")


def _circuit(coloquinte: ModuleType, start: Placement, left_out: set[int]) -> tuple[Any, int]:
    """The floorplan as the placer has it, and the units in a row; a unit across is a site."""
    lef, cells = start.lef, start.flat.cells
    units = max(1, round(lef.row_height / lef.site_width))  # nearly square
    count, ports = len(cells), len(start.ports)
    circuit = coloquinte.Circuit(count + ports)
    circuit.cell_width = [lef.macro(cell.kind).width // lef.site_width for cell in cells] + [0] * ports
    circuit.cell_height = [units] * count + [0] * ports
    circuit.cell_is_fixed = [False] * count + [True] * ports
    circuit.cell_is_obstruction = [True] * count + [False] * ports
    port_number = {port.name: count + i for i, port in enumerate(start.ports)}
    for net, pins in start.nets().items():
        if len(pins) > 1 and net not in left_out:
            centres = [lef.macro(cells[pin.cell].kind).centre(pin.pin) if pin.cell >= 0 else (0, 0) for pin in pins]
            circuit.add_net(
                [pin.cell if pin.cell >= 0 else port_number[pin.pin] for pin in pins],
                [round(x / lef.site_width) for x, _ in centres],
                [round(y * units / lef.row_height) for _, y in centres],
            )
    circuit.cell_x = start.x + [round(port.x / lef.site_width) for port in start.ports]
    circuit.cell_y = [row * units for row in start.y] + [round(p.y * units / lef.row_height) for p in start.ports]
    turned = (coloquinte.CellOrientation.N, coloquinte.CellOrientation.FS)
    circuit.cell_orientation = [turned[0]] * (count + ports)
    circuit.cell_row_polarity = [coloquinte.CellRowPolarity.SAME] * (count + ports)
    circuit.rows = [
        coloquinte.Row(coloquinte.Rectangle(0, start.columns, units * row, units * (row + 1)), turned[row % 2])
        for row in range(start.rows)
    ]
    circuit.check()
    return circuit, units


@contextmanager
def _messages(log: Path) -> Iterator[None]:
    """Send what the process writes to standard output, C++ included, to a file."""
    kept = os.dup(1)
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
