"""Cell libraries: finding them, and the little of a Liberty file that areas and netlist simulation need."""

import gzip
import hashlib
import os
import re
import zlib
from dataclasses import dataclass, field
from functools import cache
from math import inf
from pathlib import Path

from synth.mapping.cells import truth_table

__all__ = [
    "Cell",
    "Group",
    "Library",
    "LibraryError",
    "find_lef",
    "find_library",
    "known_libraries",
    "parse_group",
    "parse_liberty",
]

SEARCH_PATH = "HBFP_LIBERTY_PATH"
LARGEST = 1 << 29
"""Bytes of a library, unpacked, at most."""
REFERENCE = Path(__file__).parent / "reference.lib"


@dataclass(frozen=True)
class Known:
    """Where a library comes from: file name patterns, usual folders, how a user gets it, and patterns of LEF files.

    Of LEF files the first list that is found whole counts; the process comes before its cells.
    """

    patterns: tuple[str, ...]
    folders: tuple[str, ...]
    advice: str
    lef: tuple[tuple[str, ...], ...] = ()


KNOWN = {
    "nangate45": Known(
        ("nangate45_typ.lib*", "NangateOpenCellLibrary_typical.lib*", "Nangate45_typ.lib*"),
        ("/usr/share/openroad/Nangate45", "~/OpenROAD/test/Nangate45",
         "~/OpenROAD-flow-scripts/flow/platforms/nangate45/lib"),
        "it comes with OpenROAD and OpenSTA (file Nangate45_typ.lib)",
        (("Nangate45.lef",), ("../lef/NangateOpenCellLibrary.tech.lef", "../lef/NangateOpenCellLibrary.macro.lef")),
    ),
    "sky130": Known(
        ("sky130hd_tt.lib*", "sky130_fd_sc_hd__tt_025C_1v80.lib*"),
        ("~/.ciel/sky130A/libs.ref/sky130_fd_sc_hd/lib", "~/.volare/sky130A/libs.ref/sky130_fd_sc_hd/lib",
         "/usr/local/share/pdk/sky130A/libs.ref/sky130_fd_sc_hd/lib"),
        "pip install ciel, then: ciel enable --pdk-family sky130 <version>",
        (("../techlef/sky130_fd_sc_hd__nom.tlef", "../lef/sky130_fd_sc_hd.lef"),),
    ),
    "sg13g2": Known(
        ("sg13g2_stdcell_typ_1p20V_25C.lib*",),
        ("~/IHP-Open-PDK/ihp-sg13g2/libs.ref/sg13g2_stdcell/lib", "~/.ciel/ihp-sg13g2/libs.ref/sg13g2_stdcell/lib"),
        "it is part of the IHP open PDK",
        (("../lef/sg13g2_tech.lef", "../lef/sg13g2_stdcell.lef"),),
    ),
    "osu018": Known(
        ("osu018_stdcells.lib*",),
        ("/usr/share/qflow/tech/osu018",),
        "apt-get install qflow-tech-osu018",
        (("osu018_stdcells.lef",),),
    ),
}  # fmt: skip


class LibraryError(ValueError):
    """A library that is missing, does not parse or cannot be used."""


@dataclass
class Cell:
    """One cell: area, pin directions, output functions, and what makes it a flip-flop: attributes, names of its states."""

    name: str
    area: float
    directions: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    flip_flop: dict[str, str] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    latch: bool = False
    clock_gate: str = ""
    dont_use: bool = False


@dataclass
class Library:
    """A parsed library and the uncompressed file that tools read."""

    name: str
    path: Path
    cells: dict[str, Cell]

    def full_adder(self) -> tuple[str, dict[str, str]] | None:
        """The smallest cell that is a full adder, and its pins by role (a, b, c, sum, carry), or ``None``."""
        best = None
        for cell in self.cells.values():
            roles = _adder_roles(cell)
            if roles and cell.area > 0 and (best is None or cell.area < best[0].area):
                best = (cell, roles)
        return None if best is None else (best[0].name, best[1])


def known_libraries() -> dict[str, Path | None]:
    """Every library known by name, and its file if it is here."""
    return {"reference": REFERENCE} | {name: _search(name) for name in KNOWN}


def _folders(name: str) -> list[Path]:
    """Where the files of a library known by name may be."""
    named = filter(None, os.environ.get(SEARCH_PATH, "").split(os.pathsep))
    return [Path(folder).expanduser() for folder in (*named, *KNOWN[name].folders)]


def _search(name: str) -> Path | None:
    for folder in _folders(name):
        for pattern in KNOWN[name].patterns:
            for path in sorted(folder.glob(pattern)):
                return path
    return None


def find_lef(name: str) -> list[Path]:
    """LEF files of a library known by name.

    Raises
    ------
    LibraryError
        when there are none, or the library has none that is known.
    """
    for folder in _folders(name) if name in KNOWN else ():
        for files in KNOWN[name].lef:
            if all((folder / file).is_file() for file in files):
                return [folder / file for file in files]
    if name not in KNOWN:
        raise LibraryError(f"library {name} has no LEF file known by name; give its files")
    names = " or ".join(" with ".join(Path(file).name for file in files) for files in KNOWN[name].lef)
    raise LibraryError(
        f"LEF of {name} was not found; it is {names}; {KNOWN[name].advice}; or name its folder in {SEARCH_PATH}"
    )


@cache
def find_library(name: str, build: Path) -> Library:
    """A library by name or file, unpacked into ``build`` if need be.

    Raises
    ------
    LibraryError
        when it is not found (saying how to get it), does not parse or has no flip-flop.
    """
    if name == "reference":
        path = REFERENCE
    elif name in KNOWN:
        found = _search(name)
        if found is None:
            raise LibraryError(
                f"library {name} was not found; {KNOWN[name].advice}; or name its folder in {SEARCH_PATH}"
            )
        path = found
    else:
        path = Path(name)
        if not path.is_file():
            raise LibraryError(f"library must be a file or one of reference, {', '.join(KNOWN)}, not {name}")
    title = name if name == "reference" or name in KNOWN else path.name.removesuffix(".gz").removesuffix(".lib")
    text = _content(path)
    cells = _cells(text.decode(errors="replace"), path)
    if not any(cell.flip_flop for cell in cells.values()):
        raise LibraryError(f"library {path} has no flip-flop")
    if path.suffix == ".gz":
        # Beside others of the same name, of other content.
        unpacked = build / "libraries" / hashlib.sha256(text).hexdigest()[:16] / path.with_suffix("").name
        if not unpacked.exists():
            unpacked.parent.mkdir(parents=True, exist_ok=True)
            part = unpacked.with_suffix(f".{os.getpid()}")
            part.write_bytes(text)
            part.rename(unpacked)
        path = unpacked
    return Library(title, path.resolve(), cells)


@dataclass
class Group:
    """A Liberty group's attributes, and its inner groups as (kind, title, group)."""

    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[tuple[str, str, "Group"]] = field(default_factory=list)


CELL = re.compile(r"^\s*cell\s*\(\s*\"?([\w$]+)\"?\s*\)\s*\{", re.MULTILINE)
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|\\\s*\n|\s+|("(?:[^"\\]|\\.)*")|([{}();:,])|([^\s{}();:,"]+)', re.DOTALL)
SKIPPED = {
    "timing", "internal_power", "leakage_power", "lu_table_template", "power_lut_template", "output_current_rise",
    "receiver_capacitance", "input_voltage", "output_voltage",
}  # fmt: skip


def parse_liberty(path: Path) -> dict[str, Cell]:
    """Cells of a Liberty file.

    Raises
    ------
    LibraryError
        when the text is no Liberty library.
    """
    return _cells(_content(path).decode(errors="replace"), path)


def _content(path: Path) -> bytes:
    """A library's text, unpacked."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            text = file.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LibraryError(f"library {path} does not unpack: {error}") from error
    except OSError as error:
        raise LibraryError(f"library {path} cannot be read: {error}") from error
    if len(text) > LARGEST:
        raise LibraryError(f"library {path} must have at most {LARGEST >> 20} MiB")
    return text


def _cells(text: str, path: Path) -> dict[str, Cell]:
    """Cells by name; ``path`` is for messages."""
    cells = {}
    for start in CELL.finditer(text):
        try:
            group = parse_group(text, start.end(), SKIPPED)[0]
        except IndexError:
            raise LibraryError(f"library {path} does not parse: cell {start[1]} has no end") from None
        except RecursionError:
            raise LibraryError(f"library {path} does not parse: cell {start[1]} is nested too deep") from None
        area = group.attributes.get("area", "0")
        if not (_is_number(area) and 0 <= float(area) < inf):
            raise LibraryError(f"library {path}: area of cell {start[1]} must be a number from 0 on, not {area[:40]}")
        cells[start[1]] = _cell(start[1], group)
    if not cells or not re.search(r"^\s*library\s*\(", text, re.MULTILINE):
        raise LibraryError(f"library {path} does not parse: it has no cells")
    return cells


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parse_group(text: str, position: int, skipped: frozenset[str] | set[str] = frozenset()) -> tuple[Group, int]:
    """The group whose opening brace is before ``position``, without inner groups of the kinds ``skipped``, and its end."""
    group, words = Group(), []
    while True:
        token = TOKEN.match(text, position)
        if token is None:
            raise IndexError
        position = token.end()
        string, mark, word = token.groups()
        if string is not None:
            words.append(string[1:-1])
        elif word is not None:
            words.append(word)
        elif mark == "}":
            return group, position
        elif mark == ";":
            if len(words) >= 2:
                group.attributes[words[0]] = " ".join(words[1:])
            words = []
        elif mark == "{":
            if words and words[0] in skipped:
                position = _skip(text, position)
            else:
                inner, position = parse_group(text, position, skipped)
                group.groups.append((words[0], " ".join(words[1:]), inner))
            words = []


def _skip(text: str, position: int) -> int:
    """Position after the brace that closes the group begun before ``position``."""
    depth = 1
    for brace in re.compile(r'"[^"]*"|/\*.*?\*/|[{}]', re.DOTALL).finditer(text, position):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.end()
    raise IndexError


def _cell(name: str, group: Group) -> Cell:
    own = group.attributes
    cell = Cell(name, float(own.get("area", 0)), dont_use=own.get("dont_use", "false") == "true")
    cell.clock_gate = own.get("clock_gating_integrated_cell", "")
    for kind, title, inner in group.groups:
        if kind == "pin":
            cell.directions[title] = inner.attributes.get("direction", "")
            if "function" in inner.attributes:
                cell.functions[title] = inner.attributes["function"]
            if inner.attributes.get("state_function"):
                cell.functions.setdefault(title, inner.attributes["state_function"])
        elif kind == "ff":
            cell.flip_flop, cell.states = dict(inner.attributes), tuple(title.replace(",", " ").split())
        elif kind in ("latch", "statetable"):
            cell.latch = True
    return cell


def _adder_roles(cell: Cell) -> dict[str, str] | None:
    """Pins of a full adder by role, found by its truth table."""
    inputs = [pin for pin, way in cell.directions.items() if way == "input"]
    if cell.flip_flop or cell.latch or len(inputs) != 3 or len(cell.functions) != 2:
        return None
    tables = {pin: truth_table(function, inputs) for pin, function in cell.functions.items()}
    total = next((pin for pin, table in tables.items() if table == 0b10010110), None)
    carry = next((pin for pin, table in tables.items() if table == 0b11101000), None)
    if total is None or carry is None:
        return None
    return dict(zip("abc", inputs, strict=True)) | {"sum": total, "carry": carry}
