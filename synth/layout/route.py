# Ref: R. T. Edwards, qrouter, http://opencircuitdesign.com/qrouter
"""Detailed routing by qrouter, and what it gave beside the estimate for the same pins."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synth.layout.files.def_file import Routed, read_def, write_def
from synth.layout.files.lef import Box
from synth.layout.placement import Pin, Placement
from synth.layout.steiner import steiner_tree
from synth.mapping.tools import qrouter

__all__ = ["Routing", "joined", "route", "summary"]

LAYERS = 8


@dataclass(frozen=True)
class Routing:
    """A detailed routing.

    Attributes
    ----------
    nets, failed
        that were to be routed, and that were not.
    length, estimated
        of the wires of the others, and of their trees through the same pins, in mm.
    vias
        of all of them.
    """

    nets: int
    failed: int
    length: float
    estimated: float
    vias: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


def route(placement: Placement, left_out: set[int], folder: Path, seconds: float = 900) -> Routed:
    """Route the nets between cells; ports are not connected, as qrouter 1.4 finds no way to them.

    Raises
    ------
    ToolError
        where qrouter is not installed, or does not end in time.
    """
    (folder / "placed.def").write_text(write_def(placement, "layout", left_out))
    script = "\n".join([
        "verbose 0", *(f"read_lef {path.resolve()}" for path in placement.lef.paths),
        f"layers {min(LAYERS, len(placement.lef.layers))}", "read_def placed.def", "stage1", "stage2", "stage2",
        "write_def routed.def", "quit",
    ])  # fmt: skip
    qrouter(script, folder, seconds)
    return read_def((folder / "routed.def").read_text(errors="replace"))


def summary(placement: Placement, routed: Routed, left_out: set[int]) -> Routing:
    """What was routed; a net counts if its wires are one piece that touches its pin at every cell."""
    nets = failed = length = estimated = 0
    for net, pins in placement.nets().items():
        inner = [pin for pin in pins if pin.cell >= 0]
        if len(inner) < 2 or net in left_out:
            continue
        nets += 1
        if joined(placement, routed, net, inner):
            length += routed.length(f"n{net}")
            estimated += steiner_tree([(pin.x, pin.y) for pin in inner]).length
        else:
            failed += 1
    scale = placement.lef.units * 1000
    return Routing(nets, failed, length / scale, estimated / scale, sum(map(len, routed.vias.values())))


def joined(placement: Placement, routed: Routed, net: int, pins: list[Pin]) -> bool:
    """Whether a net's wires and vias join its pins: shapes of one layer that touch are joined.

    Raises
    ------
    ValueError
        for a via that the file does not describe.
    """
    half = {layer.name: layer.width // 2 for layer in placement.lef.layers}
    kinds = placement.lef.vias | routed.via_shapes
    groups = [placement.shapes(pin) for pin in pins]
    for layer, width, x, y, u, v in routed.wires.get(f"n{net}", []):
        by = width // 2 or half[layer]
        groups.append([(layer, (min(x, u) - by, min(y, v) - by, max(x, u) + by, max(y, v) + by))])
    for via, x, y in routed.vias.get(f"n{net}", []):
        if via not in kinds:
            raise ValueError(f"via {via} is neither in the routed file nor in LEF")
        groups.append([(layer, (x + a, y + b, x + c, y + d)) for layer, (a, b, c, d) in kinds[via]])
    reached, waiting = [groups[0]], groups[1:]
    while reached:
        here = reached.pop()
        near = [group for group in waiting if _touch(here, group)]
        waiting = [group for group in waiting if group not in near]
        reached += near
    return not any(group in waiting for group in groups[: len(pins)])


def _touch(one: list[tuple[str, Box]], other: list[tuple[str, Box]]) -> bool:
    return any(
        layer == known and a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
        for layer, a in one for known, b in other
    )  # fmt: skip
