"""From a component to mapped netlists of its parts, with areas; cached by content."""

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hw.host.tools import ToolError, yosys, yosys_version
from synth.mapping.liberty import Library, LibraryError
from synth.mapping.recipes import EFFORTS, RIPPLE, TIMED, Recipe, full_adder_map, gate_script
from synth.mapping.timing import least_period

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

    def instances(self) -> Counter[str]:
        """How often each part occurs in the design."""
        counts: Counter[str] = Counter()
        todo = [(self.top, 1)]
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
    def key(self) -> str:
        """Names that stand for the content of all netlists."""
        return " ".join(sorted("/".join(path.parent.parts[-2:]) for path in self.netlists.values()))

    @property
    def area(self) -> float:
        """Area of the whole design."""
        return sum(self.parts[name].area * times for name, times in self.instances().items())

    def total(self, what: str) -> float:
        """The design's "flip_flops", "full_adders" (areas) or "memory_bits"."""
        return sum(float(getattr(self.parts[name], what)) * times for name, times in self.instances().items())


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
    verilog: str, top: str, parts: list[str], library: Library, *, effort: str = "area", target: float | None = None,
    clock_gates: bool = False, seconds: float = 900, build: Path = BUILD,
) -> Synthesis:  # fmt: skip
    """Map ``top`` and the modules named in ``parts`` one by one; every other module dissolves into the part it is in.

    Parameters
    ----------
    effort
        of ``EFFORTS``; ``top`` itself, where it has parts, is mapped for area always.
    target
        ns that a part mapped for speed should need at most (default: the least product of area and delay).

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
        candidates = _candidates(text, name, others, library, own, clock_gates, seconds, build)
        result.parts[name] = choose(candidates, target if own in TIMED else None)
        todo += [n for n in others if n in result.parts[name].cells and n not in memories]
    return result


def _recipes(text: str, library: Library, effort: str) -> dict[str, Recipe]:
    """An effort's recipes; where there are no full adders to keep or open, not those that only open them."""
    variants = EFFORTS[effort]
    if library.full_adder() and "module full_adder" in text:
        return variants
    return {name: recipe for name, recipe in variants.items() if recipe.adder_cells} or variants


def _candidates(
    text: str, name: str, others: list[str], library: Library, effort: str, clock_gates: bool, seconds: float, build: Path
) -> list[Part]:
    """The part by each recipe that is worth keeping: for area the smallest, for speed the front of area and delay."""
    variants = _recipes(text, library, effort)
    stored = re.search(r"^  reg \[[^]]*\] \S+\s+\[", text, re.MULTILINE) is not None
    script = gate_script(name, others, library, variants, clock_gates, stored)
    scripts = {variant: recipe.abc for variant, recipe in variants.items()}
    inputs: list[str | bytes] = [text, script, json.dumps(scripts), RIPPLE, yosys_version(), library.path.read_bytes()]
    digest = hashlib.sha256()
    for item in inputs:
        digest.update(item if isinstance(item, bytes) else item.encode())
    folder = (build / "cache" / f"{name[:60]}-{library.name}-{digest.hexdigest()[:16]}").resolve()
    if not (folder / "parts.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f"{name[:40]}-", dir=folder.parent))
        (work / "design.v").write_text(text + "\n")
        parts = _map(work, script, scripts, name, others, library, effort, seconds)
        (work / "parts.json").write_text(json.dumps([asdict(part) for part in parts], indent=1))
        try:
            work.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(work)
    return [
        Part(**values | {"netlist": str(folder / values["variant"])})
        for values in json.loads((folder / "parts.json").read_text())
    ]


def _map(
    work: Path, script: str, scripts: dict[str, str], name: str, others: list[str], library: Library, effort: str,
    seconds: float,
) -> list[Part]:  # fmt: skip
    """Run Yosys in ``work``; netlists that are kept go to a folder of their recipe's name."""
    (work / "ripple.v").write_text(RIPPLE)
    if library.full_adder():
        (work / "full_adder.v").write_text(full_adder_map(library))
    for variant, abc in scripts.items():
        (work / f"{variant}.abc").write_text("\n".join(step.strip() for step in abc.split(";")) + "\n")
    # A copy beside the script: Yosys as WebAssembly sees the folder it runs in, but not every other one.
    shutil.copy(library.path, work / library.path.name)
    yosys(script, work, seconds)
    found = {variant: _measure(work / f"{variant}.json", name, others, library) for variant in scripts}
    areas = {variant: area for variant, (area, *_) in found.items()}
    delays: dict[str, float] = {}
    if effort in TIMED:
        delays = {variant: least_period({name: work / f"{variant}.json"}, library, name) for variant in scripts}
    kept = front(areas, delays) if delays else [min(areas, key=areas.__getitem__)]
    parts = []
    for variant in kept:
        area, flip_flops, full_adders, cells, bits = found[variant]
        parts.append(Part(name, area, flip_flops, full_adders, cells, variant, areas, "", delays, bits))
        (work / variant).mkdir()
        for suffix in ("json", "v"):
            (work / f"{variant}.{suffix}").rename(work / variant / f"netlist.{suffix}")
    for path in [*work.glob("*.abc"), *(work / f"{v}.{s}" for v in scripts for s in ("json", "v"))]:
        path.unlink(missing_ok=True)
    (work / library.path.name).unlink()
    return parts


def front(areas: dict[str, float], delays: dict[str, float]) -> list[str]:
    """Names that none is better than in both; the smallest first."""
    kept: list[str] = []
    for name in sorted(areas, key=lambda name: (areas[name], delays[name])):
        if not kept or delays[name] < delays[kept[-1]]:
            kept.append(name)
    return kept


def choose(candidates: list[Part], target: float | None) -> Part:
    """The smallest that meets a target in ns, else the fastest; without target, of the least area times delay."""
    if target is None:
        return min(candidates, key=lambda part: part.area * max(part.delays.get(part.variant, 1), 1e-3))
    met = [part for part in candidates if part.delays.get(part.variant, 0) <= target]
    return min(met, key=lambda part: part.area) if met else min(candidates, key=lambda p: p.delays[p.variant])


def _measure(
    path: Path, name: str, others: list[str], library: Library
) -> tuple[float, float, float, dict[str, int], int]:
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


def memory_size(cell: dict[str, Any]) -> int:
    """Bits of a netlist's memory cell; 0 for another cell."""
    if cell["type"] == "$mem_v2":
        return int(cell["parameters"]["SIZE"], 2) * int(cell["parameters"]["WIDTH"], 2)
    found = re.fullmatch(rf"{MEMORY}(\d+)x(\d+)_(\d+)", cell["type"])
    return int(found[1]) * int(found[2]) * int(found[3]) if found else 0
