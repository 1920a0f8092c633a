"""From a component to mapped netlists of its parts, with areas; cached by content."""

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from synth.liberty import Library, LibraryError
from synth.recipes import ABC_SCRIPTS, RIPPLE, full_adder_map, gate_script
from synth.tools import ToolError, yosys, yosys_version

__all__ = ["BUILD", "Part", "Synthesis", "modules_of", "synthesise"]

BUILD = Path("build/synth")


@dataclass(frozen=True)
class Part:
    """One mapped part: its own area (instances of other parts not included) and what that consists of.

    Members
    -------
    area : in the library's unit (µm², or gate equivalents).
    flip_flops, full_adders : areas of those cells.
    cells : count of each cell, instances of other parts included.
    variant : the abc script that gave the smallest area, and ``areas`` what each gave.
    netlist : the folder with ``netlist.json`` and ``netlist.v``.
    """

    name: str
    area: float
    flip_flops: float
    full_adders: float
    cells: dict[str, int]
    variant: str
    areas: dict[str, float]
    netlist: str


@dataclass
class Synthesis:
    """A design as mapped parts."""

    top: str
    library: str
    parts: dict[str, Part] = field(default_factory=dict)

    def instances(self) -> Counter:
        """How often each part occurs in the design."""
        counts, todo = Counter(), [(self.top, 1)]
        while todo:
            name, times = todo.pop()
            counts[name] += times
            todo += [(cell, times * n) for cell, n in self.parts[name].cells.items() if cell in self.parts]
        return counts

    @property
    def area(self) -> float:
        """Area of the whole design."""
        return sum(self.parts[name].area * times for name, times in self.instances().items())

    def total(self, what: str) -> float:
        """Area of the design's "flip_flops" or "full_adders"."""
        return sum(getattr(self.parts[name], what) * times for name, times in self.instances().items())


def modules_of(verilog: str) -> dict[str, str]:
    """Texts of a Verilog file's modules, by name."""
    return {m[1]: m[0] for m in re.finditer(r"^module (\S+)\(.*?^endmodule", verilog, re.MULTILINE | re.DOTALL)}


def _below(modules: dict[str, str], top: str, stop: set[str]) -> list[str]:
    """``top`` and every module under it, not looking into ``stop``."""
    found, todo = [], [top]
    while todo:
        name = todo.pop()
        if name not in found:
            found.append(name)
            if name == top or name not in stop:
                todo += [n for n in re.findall(r"^  (\S+) \S+ \(\s*$", modules[name], re.MULTILINE) if n in modules]
    return sorted(found)


def synthesise(
    verilog: str, top: str, parts: list[str], library: Library, *, variants: dict[str, str] | None = None,
    clock_gates: bool = False, seconds: float = 900, build: Path = BUILD,
) -> Synthesis:  # fmt: skip
    """Map ``top`` and the modules named in ``parts`` one by one; every other module dissolves into the part it is in.

    Raises
    ------
    ToolError, LibraryError : when a part does not map, or a cell has no area.
    """
    modules = modules_of(verilog)
    roots = {top, *parts} & set(modules)
    result, todo = Synthesis(top, library.name), [top]
    while todo:
        name = todo.pop()
        if name in result.parts:
            continue
        members = _below(modules, name, roots)
        others = [n for n in members if n in roots and n != name]
        text = "\n".join(modules[n] for n in members)
        recipes = variants or ABC_SCRIPTS
        result.parts[name] = _map_part(text, name, others, library, recipes, clock_gates, seconds, build)
        todo += [n for n in others if n in result.parts[name].cells]
    return result


def _map_part(text, name, others, library, variants, clock_gates, seconds, build) -> Part:
    script = gate_script(name, others, library, variants, clock_gates)
    inputs = [text, script.replace(str(library.path), library.path.name), json.dumps(variants), RIPPLE, yosys_version(),
              library.path.read_bytes()]  # fmt: skip
    digest = hashlib.sha256()
    for item in inputs:
        digest.update(item if isinstance(item, bytes) else item.encode())
    folder = (build / "cache" / f"{name[:60]}-{library.name}-{digest.hexdigest()[:16]}").resolve()
    if (folder / "part.json").exists():
        return Part(**json.loads((folder / "part.json").read_text()) | {"netlist": str(folder)})
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{name[:40]}-", dir=folder.parent))
    (work / "design.v").write_text(text + "\n")
    (work / "ripple.v").write_text(RIPPLE)
    if library.full_adder():
        (work / "full_adder.v").write_text(full_adder_map(library))
    for variant, abc in variants.items():
        (work / f"{variant}.abc").write_text("\n".join(step.strip() for step in abc.split(";")) + "\n")
    yosys(script, work, seconds)
    areas = {variant: _measure(work / f"{variant}.json", name, others, library)[0] for variant in variants}
    best = min(areas, key=areas.get)
    area, flip_flops, full_adders, cells = _measure(work / f"{best}.json", name, others, library)
    part = Part(name, area, flip_flops, full_adders, cells, best, areas, str(folder))
    for suffix in ("json", "v"):
        shutil.copy(work / f"{best}.{suffix}", work / f"netlist.{suffix}")
    for path in [*work.glob("*.abc"), *(work / f"{v}.{s}" for v in variants for s in ("json", "v"))]:
        path.unlink()
    (work / "part.json").write_text(json.dumps(asdict(part), indent=1))
    try:
        work.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(work)
    return part


def _measure(path: Path, name: str, others: list[str], library: Library):
    """Area, of flip-flops, of full adders, and cell counts, of a netlist; every cell must have an area."""
    cells = Counter(cell["type"] for cell in json.loads(path.read_text())["modules"][name]["cells"].values())
    adder = library.full_adder()
    area = flip_flops = full_adders = 0.0
    for kind, count in sorted(cells.items()):
        if kind in others:
            continue
        cell = library.cells.get(kind)
        if cell is None:
            log = path.parent / "yosys.log"
            raise ToolError(f"{name} does not map to library {library.name}: it needs {kind}; log: {log}")
        if cell.area <= 0:
            raise LibraryError(f"cell {kind} of library {library.name} has no area")
        area += cell.area * count
        flip_flops += cell.area * count if cell.flip_flop else 0
        full_adders += cell.area * count if adder and kind == adder[0] else 0
    return area, flip_flops, full_adders, dict(cells)
