"""Whether a layout is still the circuit that was mapped: compared cell by cell, and proved by Yosys."""

import re
from pathlib import Path

from hw.host.tools import ToolError, yosys
from synth.layout.buffers import Strengths
from synth.mapping.flat import Flat, verilog_of
from synth.mapping.liberty import Library
from synth.mapping.netlist import Mismatch

__all__ = ["compare", "prove"]


def compare(before: Flat, after: Flat, library: Library) -> None:
    """Check that ``after`` is ``before`` with cells of the same function and with buffers, which count as wires.

    Cells keep their numbers; those behind the last of ``before`` must be buffers.

    Raises
    ------
    Mismatch
        naming the first cell that differs.
    """
    strengths = Strengths(library)
    source: dict[int, int] = {}
    for cell in after.cells[len(before.cells) :]:
        if cell.kind not in strengths.buffers:
            raise Mismatch(f"cell {cell.kind} was added, which is no buffer")
        ways = library.cells[cell.kind].directions
        into, out = (next(net for pin, net in cell.pins.items() if ways[pin] == way) for way in ("input", "output"))
        source[out] = into

    def root(net: int) -> int:
        for _ in range(len(source) + 1):
            if net not in source:
                return net
            net = source[net]
        raise Mismatch("buffers drive one another")

    if (before.inputs, before.outputs) != (after.inputs, [(name, root(net)) for name, net in after.outputs]):
        raise Mismatch("ports differ")
    for index, (old, new) in enumerate(zip(before.cells, after.cells, strict=False)):
        same = old.kind == new.kind or strengths.function(old.kind) == strengths.function(new.kind)
        if not same or old.pins != {pin: root(net) for pin, net in new.pins.items()}:
            raise Mismatch(f"cell g{index} was {old.kind} {old.pins} and is {new.kind} {new.pins}")
    if len(after.cells) < len(before.cells):
        raise Mismatch(f"{len(before.cells) - len(after.cells)} cells are missing")


def prove(before: Flat, after: Flat, library: Library, folder: Path, seconds: float = 900) -> None:
    """Prove with Yosys that both compute the same, from the library's functions; clock gates are taken as equal.

    Cells and nets are matched by their names and proved one by one, which takes some 0.1 s each.

    Raises
    ------
    Mismatch
        if it finds no proof.
    ToolError
        if it does not run.
    """
    for name, flat in (("gold", before), ("gate", after)):
        (folder / f"{name}.v").write_text(verilog_of(flat, name))
    (folder / "cells.lib").write_bytes(library.path.read_bytes())
    gates = {cell.kind for flat in (before, after) for cell in flat.cells if library.cells[cell.kind].clock_gate}
    (folder / "gates.v").write_text("".join(_box(kind, library) for kind in sorted(gates)))
    script = "\n".join([
        "read_verilog gates.v", "read_liberty -ignore_miss_func -ignore_miss_dir cells.lib", "read_verilog gold.v gate.v",
        "hierarchy -check", "proc", "flatten gold gate", "opt_clean gold gate", "equiv_make gold gate equal",
        "hierarchy -top equal", "equiv_struct equal", "equiv_simple -short equal", "equiv_induct equal",
        "equiv_status -assert equal",
    ])  # fmt: skip
    try:
        yosys(script, folder, seconds)
    except ToolError:
        log = (folder / "yosys.log").read_text(errors="replace") if (folder / "yosys.log").exists() else ""
        if re.search(r"^ERROR: Found \d+ unproven", log, re.MULTILINE):
            raise Mismatch(
                f"Yosys finds the layout unequal to the mapped netlist; log: {folder / 'yosys.log'}"
            ) from None
        raise


def _box(kind: str, library: Library) -> str:
    """A module without contents."""
    ports = ", ".join(
        f"{way} {pin}" for pin, way in library.cells[kind].directions.items() if way in ("input", "output")
    )
    return f"(* blackbox *) module {kind}({ports}); endmodule\n"
