"""From a component to mapped netlists of its parts, with areas; cached by content."""

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from synth.mapping.liberty import Library, LibraryError
from synth.mapping.recipes import EFFORTS, RIPPLE, full_adder_map, gate_script
from synth.mapping.timing import least_period
from synth.mapping.tools import ToolError, yosys, yosys_version

__all__ = ["BUILD", "Part", "Synthesis", "modules_of", "synthesise"]

BUILD = Path("build/synth")
MEMORY = "ram_"  # modules that a process's macro replaces


@dataclass(frozen=True)
class Part:
    """One mapped part: its own area (instances of other parts not included) and what that consists of.

    Attributes
    ----------
    area
        in the library's unit (µm², or gate equivalents).
    flip_flops, full_adders
        areas of those cells.
    cells
        count of each cell, instances of other parts included.
    variant
        the abc script that was best, ``areas`` and, where delays counted too, ``delays`` what each gave.
    netlist
        the folder with ``netlist.json`` and ``netlist.v``.
    memory_bits
        bits of memories, which have no area here.
    """

    name: str
    area: float
    flip_flops: float
    full_adders: float
    cells: dict[str, int]
    variant: str
    areas: dict[str, float]
    netlist: str
    delays: dict[str, float] = field(default_factory=dict)
    memory_bits: int = 0


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
    def netlists(self) -> dict[str, Path]:
        """File of each part's netlist."""
        return {name: Path(part.netlist) / "netlist.json" for name, part in self.parts.items()}

    @property
    def area(self) -> float:
        """Area of the whole design."""
        return sum(self.parts[name].area * times for name, times in self.instances().items())

    def total(self, what: str) -> float:
        """The design's "flip_flops", "full_adders" (areas) or "memory_bits"."""
        return sum(getattr(self.parts[name], what) * times for name, times in self.instances().items())


def modules_of(verilog: str) -> dict[str, str]:
    """Texts of a Verilog file's modules, by name."""
    return {m[1]: m[0] for m in re.finditer(r"^module (\S+) ?\(.*?^endmodule", verilog, re.MULTILINE | re.DOTALL)}


def _below(modules: dict[str, str], top: str, stop: set[str]) -> list[str]:
    """``top`` and every module under it, not looking into ``stop``."""
    found, todo = [], [top]
    while todo:
        name = todo.pop()
        if name not in found:
            found.append(name)
            if name == top or name not in stop:
                todo += [n for n in re.findall(r"^  (\S+) +\S+ +\(\s*$", modules[name], re.MULTILINE) if n in modules]
    return sorted(found)


def synthesise(
    verilog: str, top: str, parts: list[str], library: Library, *, effort: str = "area", clock_gates: bool = False,
    seconds: float = 900, build: Path = BUILD,
) -> Synthesis:  # fmt: skip
    """Map ``top`` and the modules named in ``parts`` one by one; every other module dissolves into the part it is in.

    Parameters
    ----------
    effort
        of ``EFFORTS``; ``top`` itself, where it has parts, is mapped for area always.

    Raises
    ------
    ToolError, LibraryError
        when a part does not map, or a cell has no area.
    """
    modules = modules_of(verilog)
    memories = {name for name in modules if name.startswith(MEMORY)}
    roots = {top, *parts} & set(modules)
    result, todo = Synthesis(top, library.name), [top]
    while todo:
        name = todo.pop()
        if name in result.parts:
            continue
        members = _below(modules, name, roots | memories)
        others = [n for n in members if n in roots | memories and n != name]
        text = "\n".join(modules[n] for n in members)
        own = "area" if name == top and len(roots) > 1 else effort
        result.parts[name] = _map_part(text, name, others, library, own, clock_gates, seconds, build)
        todo += [n for n in others if n in result.parts[name].cells and n not in memories]
    return result


def _map_part(text, name, others, library, effort, clock_gates, seconds, build) -> Part:
    variants = EFFORTS[effort]
    stored = re.search(r"^  reg \[[^]]*\] \S+\s+\[", text, re.MULTILINE) is not None
    script = gate_script(name, others, library, variants, clock_gates, stored)
    inputs = [text, script, json.dumps(variants), RIPPLE, yosys_version(), library.path.read_bytes()]
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
    # A copy beside the script: Yosys as WebAssembly sees the folder it runs in, but not every other one.
    shutil.copy(library.path, work / library.path.name)
    yosys(script, work, seconds)
    found = {variant: _measure(work / f"{variant}.json", name, others, library) for variant in variants}
    areas = {variant: area for variant, (area, *_) in found.items()}
    delays = {}
    if effort == "speed":
        delays = {variant: least_period({name: work / f"{variant}.json"}, library, name) for variant in variants}
    best = min(areas, key=lambda variant: areas[variant] * max(delays.get(variant, 1), 1e-3))
    area, flip_flops, full_adders, cells, bits = found[best]
    part = Part(name, area, flip_flops, full_adders, cells, best, areas, str(folder), delays, bits)
    for suffix in ("json", "v"):
        shutil.copy(work / f"{best}.{suffix}", work / f"netlist.{suffix}")
    for path in [*work.glob("*.abc"), *(work / f"{v}.{s}" for v in variants for s in ("json", "v"))]:
        path.unlink()
    (work / library.path.name).unlink()
    (work / "part.json").write_text(json.dumps(asdict(part), indent=1))
    try:
        work.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(work)
    return part


def _measure(path: Path, name: str, others: list[str], library: Library):
    """Area, of flip-flops, of full adders, cell counts, memory bits of a netlist; every cell must have an area."""
    found = json.loads(path.read_text())["modules"][name]["cells"].values()
    cells = Counter(cell["type"] for cell in found)
    adder = library.full_adder()
    area = flip_flops = full_adders = 0.0
    memory_bits = sum(memory_size(cell) for cell in found)
    for kind, count in sorted(cells.items()):
        if kind in others or kind == "$mem_v2":
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
    return area, flip_flops, full_adders, dict(cells), memory_bits


def memory_size(cell: dict) -> int:
    """Bits of a netlist's memory cell; 0 for another cell."""
    if cell["type"] == "$mem_v2":
        return int(cell["parameters"]["SIZE"], 2) * int(cell["parameters"]["WIDTH"], 2)
    found = re.fullmatch(rf"{MEMORY}(\d+)x(\d+)_(\d+)", cell["type"])
    return int(found[1]) * int(found[2]) * int(found[3]) if found else 0
