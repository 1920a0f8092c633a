# Ref: Cadence, LEF/DEF Language Reference, version 5.8
"""DEF files: a placed design for a router, and what a router made of it."""

import re
from dataclasses import dataclass, field

from synth.layout.files.lef import Box, RoutingLayer
from synth.layout.placement import Placement
from synth.mapping.flat import Flat, FlatCell

__all__ = ["Routed", "on_track", "read_def", "write_def"]


@dataclass
class Routed:
    """What a DEF file says of a routed design; lengths in database units.

    Attributes
    ----------
    cells
        kind and pins (to nets' names) of each component.
    wires
        of each net, its straight pieces as (layer, width, x, y, x, y), width 0 for the layer's; ``vias`` as (via, x, y).
    via_shapes
        of each kind of via, as (layer, box) around its place.
    """

    cells: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    wires: dict[str, list[tuple[str, int, int, int, int, int]]] = field(default_factory=dict)
    vias: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    via_shapes: dict[str, list[tuple[str, Box]]] = field(default_factory=dict)

    def length(self, net: str) -> int:
        """Of a net's wires."""
        return sum(abs(x - u) + abs(y - v) for _, _, x, y, u, v in self.wires.get(net, []))

    def flat(self, placed: Flat) -> Flat:
        """The design with the cells and connections of this file and the ports of another.

        Raises
        ------
        ValueError
            if the file has other cells than those that were written.
        """
        if set(self.cells) != {f"g{i}" for i in range(len(placed.cells))}:
            raise ValueError("the routed file must have the cells of the placed one")
        cells = []
        for index, cell in enumerate(placed.cells):
            kind, pins = self.cells[f"g{index}"]
            left_out = {pin: net for pin, net in cell.pins.items() if pin not in pins}
            cells.append(FlatCell(kind, left_out | {pin: int(net[1:]) for pin, net in pins.items()}, cell.module))
        return Flat(cells, placed.inputs, placed.outputs, placed.nets)


def write_def(placement: Placement, design: str, left_out: set[int]) -> str:
    """The placed design as text: rows, tracks, cells ``g0``, ``g1`` and so on, ports, and nets ``n2`` and so on to be routed."""
    lef, (width, height) = placement.lef, placement.size
    lines = ["VERSION 5.7 ;", 'DIVIDERCHAR "/" ;', 'BUSBITCHARS "[]" ;', f"DESIGN {design} ;",
             f"UNITS DISTANCE MICRONS {lef.units} ;", f"DIEAREA ( 0 0 ) ( {width} {height} ) ;"]  # fmt: skip
    for row in range(placement.rows):
        lines.append(f"ROW row_{row} {lef.site} 0 {row * lef.row_height} {'FS' if row % 2 else 'N'} "
                     f"DO {placement.columns} BY 1 STEP {lef.site_width} 0 ;")  # fmt: skip
    for layer in lef.layers:
        axis, span = ("Y", height) if layer.horizontal else ("X", width)
        count = (span - layer.offset) // layer.pitch + 1
        lines.append(f"TRACKS {axis} {layer.offset} DO {count} STEP {layer.pitch} LAYER {layer.name} ;")
    lines.append(f"COMPONENTS {len(placement.flat.cells)} ;")
    for index, cell in enumerate(placement.flat.cells):
        x, y = placement.x[index] * lef.site_width, placement.y[index] * lef.row_height
        turned = "FS" if placement.y[index] % 2 else "N"
        lines.append(f"- g{index} {cell.kind} + PLACED ( {x} {y} ) {turned} ;")
    lines += ["END COMPONENTS", f"PINS {len(placement.ports)} ;"]
    for port in placement.ports:
        layer = lef.layers[2 if port.x in (0, width) else 1]
        half = layer.width // 2
        x = on_track(port.x, next(known for known in lef.layers[1:] if not known.horizontal), width)
        y = on_track(port.y, next(known for known in lef.layers[1:] if known.horizontal), height)
        lines.append(f"- {port.name} + NET n{port.net} + DIRECTION {port.direction} + USE SIGNAL "
                     f"+ LAYER {layer.name} ( {-half} {-half} ) ( {half} {half} ) + PLACED ( {x} {y} ) N ;")  # fmt: skip
    nets = {net: pins for net, pins in placement.nets().items() if net not in left_out and len(pins) > 1}
    lines += ["END PINS", f"NETS {len(nets)} ;"]
    for net, pins in nets.items():
        # One pin a line: routers read lines into buffers.
        lines += [
            f"- n{net}",
            *(f"( {'PIN' if p.cell < 0 else f'g{p.cell}'} {p.pin} )" for p in pins),
            "+ USE SIGNAL ;",
        ]
    return "\n".join([*lines, "END NETS", "END DESIGN", ""])


def on_track(value: int, layer: RoutingLayer, span: int) -> int:
    """The nearest track below that is inside: a port beside the outermost track could not be reached."""
    last = (span - layer.offset - 1) // layer.pitch
    return min(max(0, (value - layer.offset) // layer.pitch), last) * layer.pitch + layer.offset


def read_def(text: str) -> Routed:
    """Components, nets and wires of a DEF file.

    Raises
    ------
    ValueError
        for a text without components or nets.
    """
    found = Routed()
    components = re.search(r"^COMPONENTS.*?^END COMPONENTS", text, re.M | re.S)
    nets = re.search(r"^NETS.*?^END NETS", text, re.M | re.S)
    if components is None or nets is None:
        raise ValueError("a DEF file must have components and nets")
    for name, kind in re.findall(r"^\s*-\s+(\S+)\s+(\S+)", components[0], re.M):
        found.cells[name] = (kind, {})
    for kinds in re.findall(r"^VIAS.*?^END VIAS", text, re.M | re.S):
        for name, body in re.findall(r"^\s*-\s+(\S+)(.*?);", kinds, re.M | re.S):
            rects = re.findall(r"RECT\s+(\S+)\s+\(\s*(\S+)\s+(\S+)\s*\)\s*\(\s*(\S+)\s+(\S+)\s*\)", body)
            found.via_shapes[name] = [(layer, (int(a), int(b), int(c), int(d))) for layer, a, b, c, d in rects]
    sections = [nets[0], *re.findall(r"^SPECIALNETS.*?^END SPECIALNETS", text, re.M | re.S)]
    for section in sections:
        for statement in re.findall(r"^\s*-\s+(.*?);", section, re.M | re.S):
            _net(statement, found)
    return found


def _net(statement: str, found: Routed) -> None:
    head, *rest = re.split(r"\+\s*ROUTED|\bNEW\b", statement)
    name = head.split()[0]
    for cell, pin in re.findall(r"\(\s*(\S+)\s+(\S+)\s*\)", head.split("+")[0]):
        if cell in found.cells:
            found.cells[cell][1][pin] = name
    for piece in rest:
        piece = piece.split("+")[0]
        layer = piece.split()[0]
        at: tuple[int, int] | None = None
        width = re.match(r"\s*\S+\s+(\d+)\s", piece)
        for x, y, via in re.findall(r"\(\s*(\S+)\s+(\S+)[^)]*\)|(?<=\s)([A-Za-z_]\S*)", piece[len(layer) + 1 :]):
            if via:
                if at and via != "SHAPE":
                    found.vias.setdefault(name, []).append((via, *at))
                continue
            new = int(x.replace("*", str(at and at[0]))), int(y.replace("*", str(at and at[1])))
            if at:
                found.wires.setdefault(name, []).append((layer, int(width[1]) if width else 0, *at, *new))
            at = new
