# Ref: W. C. Elmore, "The transient response of damped linear networks", Journal of Applied Physics 19, 1948
"""Wires of a placed design: a short tree for each net, its resistance and capacitance, and the delay to each pin."""

from dataclasses import dataclass, field

from synth.layout.files.lef import Wiring
from synth.layout.placement import Pin, Placement
from synth.layout.steiner import Tree, steiner_tree
from synth.mapping.arcs import tables_of
from synth.mapping.liberty import Library
from synth.mapping.timing import Wires

__all__ = ["TOP", "WireEstimate", "clock_nets", "driver_first", "estimate_wires", "pin_load"]

TOP = 6
"""Wires run in the second to this layer; above are supply and clock."""


@dataclass
class WireEstimate:
    """Estimated wires.

    Attributes
    ----------
    trees
        of each net, in database units, its driver first.
    pins
        of each net, in the same order.
    length, capacitance
        of each net, in µm and fF, without pins.
    delay
        in ps from the driver to a pin, by (cell, pin).
    """

    trees: dict[int, Tree] = field(default_factory=dict)
    pins: dict[int, list[Pin]] = field(default_factory=dict)
    length: dict[int, float] = field(default_factory=dict)
    capacitance: dict[int, float] = field(default_factory=dict)
    delay: dict[tuple[int, str], float] = field(default_factory=dict)

    def for_timing(self, library: Library) -> Wires:
        """The same in the library's units."""
        tables = tables_of(library.path)
        return Wires({net: value / tables.femtofarad for net, value in self.capacitance.items()},
                     {pin: value / 1e3 / tables.unit for pin, value in self.delay.items()})  # fmt: skip


def clock_nets(placement: Placement, library: Library) -> set[int]:
    """Nets at clock pins of flip-flops and at inputs of clock gates' clocks."""
    nets = set()
    for cell in placement.flat.cells:
        known = library.cells[cell.kind]
        if known.flip_flop:
            nets.add(cell.pins[known.flip_flop["clocked_on"].strip("()! ")])
        elif known.clock_gate:
            ways = {pin: net for pin, net in cell.pins.items() if known.directions[pin] == "input"}
            nets |= {net for pin, net in ways.items() if pin.upper() in ("CK", "CLK", "CP")}
    return nets


def pin_load(placement: Placement, library: Library, pin: Pin) -> float:
    """Load of a net's end in fF; none of a port."""
    if pin.cell < 0:
        return 0.0
    tables = tables_of(library.path)
    rise, fall = tables.cell(placement.flat.cells[pin.cell].kind, library).loads[pin.pin]
    return (rise + fall) / 2 * tables.femtofarad


def driver_first(placement: Placement, library: Library, pins: list[Pin]) -> list[Pin]:
    """A net's pins with the one that drives it in front: a port that is an input, or a cell's output."""

    def drives(pin: Pin) -> bool:
        if pin.cell < 0:
            return pin.pin in placement.inputs
        return library.cells[placement.flat.cells[pin.cell].kind].directions[pin.pin] == "output"

    return sorted(pins, key=lambda pin: not drives(pin))


def estimate_wires(placement: Placement, library: Library, left_out: set[int], top: int = TOP) -> WireEstimate:
    """A Steiner tree for every net but those left out.

    Wires have the mean resistance and capacitance of the layers of their direction from the second to the ``top``-th; vias
    have none. Delays are Elmore's of the tree with its pins' loads, without the driver's resistance, which the library's
    tables hold.
    """
    wirings = [placement.lef.wiring(horizontal, top) for horizontal in (True, False)]
    found = WireEstimate()
    for net, pins in placement.nets().items():
        if len(pins) < 2 or net in left_out:
            continue
        pins = driver_first(placement, library, pins)
        tree = steiner_tree([(pin.x, pin.y) for pin in pins])
        loads = [pin_load(placement, library, pin) for pin in pins[1:]]
        capacitance, delays = elmore(tree, [0.0, *loads], wirings, placement.lef.units)
        found.trees[net], found.pins[net] = tree, pins
        found.length[net], found.capacitance[net] = tree.length / placement.lef.units, capacitance
        found.delay |= {(pin.cell, pin.pin): delay for pin, delay in zip(pins[1:], delays[1:], strict=False)}
    return found


def elmore(tree: Tree, loads: list[float], wirings: list[Wiring], units: int) -> tuple[float, list[float]]:
    """Capacitance of a tree's wires in fF, and the delay from its root to each point in ps.

    Parameters
    ----------
    loads
        in fF at the first points.
    wirings
        horizontal and vertical.
    """
    count = len(tree.points)
    children: list[list[int]] = [[] for _ in range(count)]
    for point, parent in enumerate(tree.parents):
        if parent >= 0:
            children[parent].append(point)
    order = [0]
    for point in order:
        order += children[point]
    resistance, own = [0.0] * count, [0.0] * count
    below = [*loads, *[0.0] * (count - len(loads))]
    for point in reversed(order[1:]):
        parent = tree.parents[point]
        spans = [abs(a - b) / units for a, b in zip(tree.points[point], tree.points[parent], strict=True)]
        resistance[point] = sum(wiring.resistance * span for wiring, span in zip(wirings, spans, strict=True))
        own[point] = sum(wiring.capacitance * span for wiring, span in zip(wirings, spans, strict=True))
        below[parent] += below[point] + own[point]
    delay = [0.0] * count
    for point in order[1:]:
        delay[point] = delay[tree.parents[point]] + resistance[point] * (own[point] / 2 + below[point]) * 1e-3
    return sum(own), delay
