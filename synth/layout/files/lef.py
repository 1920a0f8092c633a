# Ref: Cadence, LEF/DEF Language Reference, version 5.8
"""What a LEF file says of a process and its cells: the site, the routing layers, sizes and pins of cells."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from synth.mapping.liberty import Library, LibraryError, find_lef

__all__ = ["Box", "Lef", "Macro", "RoutingLayer", "Wiring", "parse_lef", "read_lef"]

Box = tuple[int, int, int, int]
"""Left, bottom, right and top, in database units."""


@dataclass(frozen=True)
class RoutingLayer:
    """A routing layer.

    Attributes
    ----------
    pitch, offset, width
        of its tracks and of its wires, in database units.
    resistance, capacitance
        of a wire of that width, in Ω/µm and fF/µm.
    """

    name: str
    horizontal: bool
    pitch: int
    offset: int
    width: int
    resistance: float
    capacitance: float


@dataclass(frozen=True)
class Macro:
    """A cell: width and height in database units, and for each signal pin its shapes as (layer, box)."""

    name: str
    width: int
    height: int
    pins: dict[str, list[tuple[str, Box]]] = field(default_factory=dict)

    def centre(self, pin: str) -> tuple[int, int]:
        """Middle of the first shape of a pin."""
        left, bottom, right, top = self.pins[pin][0][1]
        return (left + right) // 2, (bottom + top) // 2


class Wiring(NamedTuple):
    """Mean resistance and capacitance of a wire, in Ω/µm and fF/µm, and tracks in a micrometre."""

    resistance: float
    capacitance: float
    tracks: float


@dataclass(frozen=True)
class Lef:
    """A process's placement site, its routing layers, lowest first, its cells, and its vias' shapes around their place.

    Attributes
    ----------
    paths
        files it was read from.
    units
        database units in a micrometre.
    site, site_width, row_height
        of standard cells; lengths in database units.
    """

    paths: tuple[Path, ...]
    units: int
    site: str
    site_width: int
    row_height: int
    layers: tuple[RoutingLayer, ...]
    macros: dict[str, Macro]
    vias: dict[str, list[tuple[str, Box]]]

    def macro(self, kind: str) -> Macro:
        """A cell by its name.

        Raises
        ------
        LibraryError
            for a cell that the files do not have.
        """
        if kind not in self.macros:
            raise LibraryError(f"cell {kind} is not in {', '.join(path.name for path in self.paths)}")
        return self.macros[kind]

    def wiring(self, horizontal: bool, top: int) -> Wiring:
        """The layers of a direction from the second to the ``top``-th as one, each weighted by its tracks.

        Raises
        ------
        LibraryError
            if there are none.
        """
        layers = [layer for layer in self.layers[1:top] if layer.horizontal == horizontal]
        if not layers:
            way = "horizontal" if horizontal else "vertical"
            raise LibraryError(f"{self.paths[0].name} has no {way} layer from the second to number {top}")
        tracks = [self.units / layer.pitch for layer in layers]
        pairs = list(zip(layers, tracks, strict=True))
        return Wiring(
            sum(layer.resistance * count for layer, count in pairs) / sum(tracks),
            sum(layer.capacitance * count for layer, count in pairs) / sum(tracks),
            sum(tracks),
        )


def read_lef(library: Library, paths: list[Path] | None = None) -> Lef:
    """The LEF files given, or those found for a library known by name.

    Raises
    ------
    LibraryError
        when none is found (saying how to get it) or one does not parse.
    """
    return parse_lef(paths or find_lef(library.name))


def parse_lef(paths: list[Path]) -> Lef:
    """Read LEF files as one; wires' values come from a file of ``set_layer_rc`` lines of the same name where there is one.

    Raises
    ------
    LibraryError
        for a file that is missing, if there is no site, no routing layer or no cell, or one lacks its size or pitch.
    """
    text = ""
    known: dict[str, tuple[float, float]] = {}
    for path in paths:
        try:
            text += re.sub(r"#.*", "", path.read_text(errors="replace")) + "\n"
        except OSError as error:
            raise LibraryError(f"LEF file {path} cannot be read: {error.strerror}") from None
        extracted = path.with_suffix(".rc")
        if extracted.is_file():
            known |= _layer_rc(extracted.read_text())
    units = int(_first(r"DATABASE\s+MICRONS\s+(\d+)", text) or 1000)
    sites = [site for site in _blocks("SITE", text) if re.search(r"CLASS\s+CORE", site[1], re.IGNORECASE)]
    layers = tuple(_layers(text, units, known))
    macros = {name: _macro(name, body, units) for name, body in _blocks("MACRO", text)}
    for what, found in (("site", sites), ("routing layer", layers), ("cell", macros)):
        if not found:
            raise LibraryError(f"LEF file {paths[0]} has no {what}")
    name, body = sites[0]
    width, height = _size(name, body, units)
    vias = {via: _shapes(inner, units) for via, inner in _blocks("VIA", text)}
    return Lef(tuple(paths), units, name, width, height, layers, macros, vias)


def _blocks(kind: str, text: str) -> list[tuple[str, str]]:
    """Names and texts of blocks that begin a line."""
    return re.findall(rf"^[ \t]*{kind}[ \t]+(\S+)[ \t]*(?:DEFAULT[ \t]*)?$(.*?)^[ \t]*END[ \t]+\1\b", text, re.M | re.S)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def _scaled(text: str, units: int) -> int:
    return round(float(text) * units)


def _layer_rc(text: str) -> dict[str, tuple[float, float]]:
    """Ω/µm and fF/µm by layer, of a script for OpenROAD in kΩ and fF."""
    pattern = r"set_layer_rc\s+-layer\s+(\S+)\s+-resistance\s+(\S+)\s+-capacitance\s+(\S+)"
    return {name: (float(r) * 1e3, float(c)) for name, r, c in re.findall(pattern, text)}


def _layers(text: str, units: int, known: dict[str, tuple[float, float]]) -> Iterator[RoutingLayer]:
    for name, body in _blocks("LAYER", text):
        if not re.search(r"TYPE\s+ROUTING", body):
            continue
        horizontal = _first(r"DIRECTION\s+(\w+)", body).upper() == "HORIZONTAL"
        pitches = re.findall(r"[\d.]+", _first(r"PITCH\s+([\d. ]+)", body))
        offsets = re.findall(r"[\d.]+", _first(r"OFFSET\s+([\d. ]+)", body))
        width = float(_first(r"\bWIDTH\s+([\d.]+)\s*;", body) or 0)
        square = float(_first(r"RESISTANCE\s+RPERSQ\s+(\S+)", body) or 0)
        area = float(_first(r"\bCAPACITANCE\s+CPERSQDIST\s+(\S+)", body) or 0)
        edge = float(_first(r"EDGECAPACITANCE\s+(\S+)", body) or 0)
        resistance, capacitance = known.get(name, (square / width if width else 0.0, (area * width + 2 * edge) * 1e3))
        if not pitches:
            raise LibraryError(f"layer {name} has no pitch")
        pitch = pitches[-1 if horizontal else 0]  # across and up, where there are two
        offset = offsets[-1 if horizontal else 0] if offsets else str(float(pitch) / 2)
        yield RoutingLayer(name, horizontal, _scaled(pitch, units), _scaled(offset, units), _scaled(str(width), units), resistance,
                    capacitance)  # fmt: skip


def _macro(name: str, body: str, units: int) -> Macro:
    width, height = _size(name, body, units)
    pins = {}
    for pin, inner in _blocks("PIN", body):
        if re.search(r"USE\s+(POWER|GROUND)", inner):
            continue
        shapes = _shapes(inner, units)
        if shapes:
            pins[pin] = shapes
    return Macro(name, width, height, pins)


def _size(name: str, body: str, units: int) -> tuple[int, int]:
    """Width and height of a site or a cell."""
    found = re.search(r"\bSIZE\s+([\d.]+)\s+BY\s+([\d.]+)", body)
    if found is None:
        raise LibraryError(f"{name} has no size")
    return _scaled(found[1], units), _scaled(found[2], units)


def _shapes(text: str, units: int) -> list[tuple[str, Box]]:
    """Rectangles as (layer, box)."""
    shapes, layer = [], ""
    for kind, rest in re.findall(r"\b(LAYER|RECT)\s+([^;]*);", text):
        if kind == "LAYER":
            layer = rest.strip()
        else:
            left, bottom, right, top = (_scaled(word, units) for word in rest.split()[-4:])
            shapes.append((layer, (left, bottom, right, top)))
    return shapes
