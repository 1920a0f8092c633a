"""Mapped netlists: what areas are quoted from computes what the emitted Verilog says, part by part.

Both sides are cut at their registers and at instances of other parts: what goes into those must be equal for equal
outputs of theirs. Registers are the same where they have the same name, which mapping keeps.
"""

import json
import shutil
from itertools import count, cycle
from pathlib import Path
from unittest.mock import patch

from hw.baseline.formats import format_named
from hw.emit import emit_verilog
from hw.host.tools import yosys
from synth.density.designs import PARTS, config_for, tile_for
from synth.mapping.flow import Part, modules_of, synthesise
from synth.mapping.liberty import Cell, Library, find_library
from synth.mapping.recipes import EFFORTS
from tests.prove.property import Proof, Property
from tests.prove.solvers import Change, Refuted, abc, unchanged

__all__ = ["PROPERTIES", "equivalent", "mapped"]

REGISTER = "$_DFF_P_"
GATES = "proc\nflatten\nsetattr -unset init\nopt_clean\ntechmap\nopt_clean\ndffunmap\nopt_clean"
SAME = "the mapped netlist of every part computes the outputs and next states of the emitted Verilog"


def mapped(name: str, products: int, recipe: str, library: Library, folder: Path) -> dict[str, Part]:
    """A tile of one unit of a format, through the flow that areas come from, by one of its recipes for area."""
    form, effort = format_named(name), f"only {recipe}"
    tile = tile_for(form, config_for(form, products, 1, 1))
    text = emit_verilog(tile)
    parts = [module for module in modules_of(text) if module.startswith(PARTS)]
    with patch.dict(EFFORTS, {effort: {recipe: EFFORTS["area"][recipe]}}):
        return synthesise(text, tile.module_name, parts, library, effort=effort, build=folder).parts


def equivalent(part: Part, others: set[str], library: Library, folder: Path, seconds: float, change: Change = unchanged) -> None:
    """Whether a part's netlist, changed by ``change``, computes what the Verilog says that it was made of."""
    kept = Path(part.netlist)
    shutil.copy(library.path, folder / "cells.lib")
    design = (kept.parent / "design.v").read_text()
    (folder / "wanted.v").write_text(design)
    (folder / "got.v").write_text(change((kept / "netlist.v").read_text()))
    boxes = [f"blackbox {name}" for name in sorted(others & set(modules_of(design)) - {part.name})]
    wanted = ["read_verilog wanted.v", f"hierarchy -top {part.name}", *boxes, GATES]
    # Yosys reads a cell's state and its complement as two registers: one will do.
    got = ["read_liberty -ignore_miss_func cells.lib", "opt_merge", "read_verilog wanted.v", *boxes, f"delete {part.name}",
           "read_verilog got.v", f"hierarchy -top {part.name}", GATES]  # fmt: skip
    sides, names = {}, {}
    for side, steps in (("wanted", wanted), ("got", got)):
        yosys("\n".join([*steps, f"write_json {side}.json\n"]), folder)
        sides[side] = _Cut(json.loads((folder / f"{side}.json").read_text()), part.name, names, library)
        (folder / f"{side}.json").write_text(json.dumps(sides[side].design))
        yosys(f"read_json {side}.json\nsetundef -zero\naigmap\nopt_clean -purge\nwrite_aiger -symbols {side}.aig\n", folder)
    if sides["wanted"].ports != sides["got"].ports:
        alone = sorted(sides["wanted"].ports ^ sides["got"].ports)
        raise RuntimeError(f"{part.name}: not on both sides: {', '.join(alone[:4])}")
    said = abc("cec wanted.aig got.aig", folder, seconds)
    if "NOT EQUIVALENT" in said:
        raise Refuted(f"{part.name} differs")
    if "are equivalent" not in said:
        raise RuntimeError(f"ABC answers {said.strip()[-300:]}")


class _Cut:
    """A flat netlist, in Yosys's JSON, whose registers and instances have become ports.

    A register has all the names that its output has; ``names`` leads from each, by those of the first netlist, to one.
    Behind a clock gate it keeps its value while the gate is closed: that is what one with an enable does.
    """

    def __init__(self, design: dict, top: str, names: dict[str, str], library: Library) -> None:
        module = design["modules"][top]
        called: dict[int, list[str]] = {}
        for name, net in module["netnames"].items():
            for i, bit in enumerate(net["bits"]):
                called.setdefault(bit, []).append(f"{name}[{i}]")
        first, ports, cells = not names, dict(module["ports"]), {}
        gates = {name: cell for name, cell in library.cells.items() if cell.clock_gate}
        enables, fresh = {}, count(1 << 30)
        for cell in module["cells"].values():
            if cell["type"] in gates:
                clock, enable = _enable(cell, gates[cell["type"]], module["ports"]["clk"]["bits"][0])
                enables[clock] = enable
        for name, cell in module["cells"].items():
            pins = cell["connections"]
            if cell["type"] == REGISTER:
                own = called[pins["Q"][0]]
                if first:
                    names |= dict.fromkeys(own, own[0])
                register = next((names[alias] for alias in own if alias in names), own[0])
                following = pins["D"]
                if pins["C"][0] in enables:
                    following = [next(fresh)]
                    cells[f"{name}_enable"] = _gate(
                        "$_MUX_", {"A": pins["Q"], "B": pins["D"], "S": [enables[pins["C"][0]]], "Y": following}
                    )  # fmt: skip
                elif pins["C"] != module["ports"]["clk"]["bits"]:
                    raise RuntimeError(f"{top}: the clock of register {register} is neither clk nor a gate's")
                ports |= {f"register {register}": {"direction": "input", "bits": pins["Q"]},
                          f"next {register}": {"direction": "output", "bits": following}}  # fmt: skip
            elif cell["type"].startswith("$_"):
                cells[name] = cell
            elif cell["type"] in gates:
                pass
            elif cell["type"] != "$scopeinfo":
                for pin, bits in pins.items():
                    way = {"input": "output", "output": "input"}[cell["port_directions"][pin]]
                    ports[f"{name} {pin}"] = {"direction": way, "bits": bits}
        # A port for every bit: names alone tell which belong together.
        module["ports"] = {
            f"{name} {i}".replace(" ", "_"): {"direction": port["direction"], "bits": [bit]}
            for name, port in sorted(ports.items()) for i, bit in enumerate(port["bits"])
        }  # fmt: skip
        module["cells"], module["netnames"], module["attributes"] = cells, {}, {}
        self.design, self.ports = {"creator": "", "modules": {top: module}}, set(module["ports"])


def _enable(cell: dict, kind: Cell, clk: int) -> tuple[int, int]:
    """The clock that a gate gives, and what opens it: sampled while ``clk`` is low, so that the edge meets it."""
    pins = {pin: cell["connections"][pin][0] for pin, way in kind.directions.items() if way in ("input", "output")}
    (clock,) = (bit for pin, bit in pins.items() if kind.directions[pin] == "output")
    opened = [bit for pin, bit in pins.items() if kind.directions[pin] == "input" and bit != clk]
    if kind.clock_gate != "latch_posedge" or len(opened) != 1 or len(pins) != 3:
        raise RuntimeError(f"clock gate {kind.name} is none of clk and one enable, with a latch")
    return clock, opened[0]


def _gate(kind: str, pins: dict[str, list]) -> dict:
    """A gate with the output Y, in Yosys's JSON."""
    ways = {pin: "output" if pin == "Y" else "input" for pin in pins}
    return {"type": kind, "parameters": {}, "attributes": {}, "port_directions": ways, "connections": pins}


def netlist(name: str, products: int, recipe: str) -> Proof:
    """All parts of a unit of a format."""

    def prove(folder: Path, seconds: float, change: Change) -> None:
        library = find_library("reference", folder)
        parts = mapped(name, products, recipe, library, folder)
        for part in parts.values():
            equivalent(part, set(parts), library, folder, seconds, change)

    return prove


FORMATS = (
    ("hbfp4/4", 4), ("hbfp6/4", 4), ("hbfp4-aligned/4", 4), ("hbfp4-bf16/4", 4), ("mixed46/4", 4), ("mxfp4/4", 4),
    ("mxfp6-e2m3/4", 4), ("mxfp6-e3m2/4", 4), ("mxfp8-e4m3/4", 4), ("mxint8/4", 4), ("nvfp4/4", 4), ("msfp12/4", 4),
    ("int8", 4), ("int4", 4), ("fp8-e4m3", 2), ("fp8-e5m2", 2), ("fp16", 2), ("bf16-bf16", 2), ("bf16", 2), ("fp32", 2),
    ("hbfp4-fp32x2/2", 4), ("hbfp4-fp32x4/2", 8), ("mxfp4-fp32x2/2", 4), ("mxfp6-e2m3-fp32x2/2", 4),
)  # fmt: skip


def _netlist(name: str, products: int, recipe: str) -> Property:
    bound = f"every input and state; a unit of {products} products, recipe {recipe}"
    return Property(f"netlist/{name.split('/')[0]}", SAME, bound, netlist(name, products, recipe))


PROPERTIES = [_netlist(*form, recipe) for form, recipe in zip(FORMATS, cycle(EFFORTS["area"]), strict=False)]
