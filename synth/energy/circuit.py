"""Transitions of every net of a mapped netlist under given inputs, many independent lanes at once in the bits of integers."""

from collections.abc import Callable
from heapq import heappop, heappush

from synth.mapping.cells import compile_function
from synth.mapping.flat import FlatCell
from synth.mapping.liberty import Library, LibraryError
from synth.mapping.timing import StaticTiming

__all__ = ["DELAYS", "STEP_NS", "Circuit"]

Function = Callable[..., int]

DELAYS = ("none", "inertial", "transport")
"""How gates take time: not at all; longer than any pulse that they pass on; or passing on every pulse."""
STEP_NS = 0.001
"""Delays are rounded to this."""


class Circuit:
    """A mapped netlist whose transitions are counted.

    Without delays each net changes at most once in a cycle (its settled values are compared): the least there can be.
    With them a gate's output follows its inputs after the mean of its Liberty delays, at the net's load and the slope of
    static timing, in steps of ``STEP_NS``. Inertial: a change that its inputs take back within that time does not happen.
    Transport: it happens, as a pulse of full swing however short. Operands and registers change at the clock's edge, and a
    cycle lasts until all is settled.

    Parameters
    ----------
    timing
        the netlist, its loads and slopes.
    library
        its cells' functions.
    lanes
        independent simulations.
    delays
        of ``DELAYS``.

    Attributes
    ----------
    toggles
        transitions of each net, of all lanes.
    clocked
        clock cycles that each cell with a clock saw, of all lanes; those of gated registers only when enabled.

    Raises
    ------
    LibraryError
        for a cell whose function the library does not tell.
    """

    def __init__(self, timing: StaticTiming, library: Library, lanes: int, delays: str = "none"):
        self.timing, self.library, self.lanes, self.delays = timing, library, lanes, delays
        self.mask = (1 << lanes) - 1
        self.ports: dict[str, list[int]] = {}
        for name, net in timing.flat.inputs:
            base, _, place = name.rpartition("_")
            self.ports.setdefault(name, []).append(net)
            if place.isdecimal() and base:
                self.ports.setdefault(base, []).append(net)
        self.gates: list[tuple[Function, list[int], int, int]] = []  # function, nets read, net driven, delay in steps
        self.flops: list[tuple[Function, list[int], int, bool, int, int]] = []  # …, inverted, clock net, cell
        self.enables: dict[int, int] = {}
        self.gated: list[tuple[int, int]] = []
        for index, cell in enumerate(timing.cells):
            self._add(index, cell)
        self._order()
        self.values = [0] * timing.flat.nets
        self.values[1] = self.mask
        self.reset_counts()
        self._settle()
        self.reset_counts()

    def reset_counts(self) -> None:
        """Forget the transitions so far."""
        self.toggles = [0] * self.timing.flat.nets
        self.clocked = [0] * len(self.timing.cells)
        self.cycles = 0

    def _add(self, index: int, flat: FlatCell) -> None:
        cell, pins = self.library.cells[flat.kind], flat.pins
        inputs = tuple(pin for pin, way in cell.directions.items() if way == "input")
        nets = [pins.get(pin, 0) for pin in inputs]
        if cell.flip_flop:
            following = compile_function(cell.flip_flop["next_state"], inputs)
            clock = pins[cell.flip_flop["clocked_on"].strip("() ")]
            state = cell.states[0]
            for pin, function in cell.functions.items():
                if pin in pins:
                    self.flops.append((following, nets, pins[pin], function.strip("() ") != state, clock, index))
        elif cell.clock_gate:
            enable = next(p for p in inputs if p.upper() in ("E", "GATE", "EN", "ENA") or "enable" in p.lower())
            output = next(p for p, way in cell.directions.items() if way == "output" and p in pins)
            self.enables[pins[output]] = pins[enable]
            self.gated.append((pins[output], index))
        else:
            for pin, function in cell.functions.items():
                if pin in pins:
                    try:
                        code = compile_function(function, inputs)
                    except ValueError as error:
                        raise LibraryError(f"cell {flat.kind}: {error}") from None
                    self.gates.append((code, nets, pins[pin], self._delay(index, pin, pins)))

    def _delay(self, index: int, out: str, pins: dict[str, int]) -> int:
        timing = self.timing
        times = [
            delay(timing.slope[source][pins[name]], timing.load[edge][pins[out]])
            for name, pin, source, edge, delay, _ in timing.arcs[index].delays if pin == out and name in pins
        ]  # fmt: skip
        return max(1, round(sum(times) / len(times) * timing.unit / STEP_NS)) if times else 1

    def _order(self) -> None:
        """Gates in topological order, and the gates that read each net."""
        drivers = {gate[2]: i for i, gate in enumerate(self.gates)}
        order: list[int] = []
        marks = bytearray(len(self.gates))
        for start in range(len(self.gates)):
            todo = [(start, False)]
            while todo:
                gate, done = todo.pop()
                if done:
                    order.append(gate)
                elif not marks[gate]:
                    marks[gate] = 1
                    todo.append((gate, True))
                    todo += [(drivers[n], False) for n in self.gates[gate][1] if n in drivers and not marks[drivers[n]]]
        self.gates = [self.gates[i] for i in order]
        self.readers: list[list[int]] = [[] for _ in range(self.timing.flat.nets)]
        for index, (_, nets, *_) in enumerate(self.gates):
            for net in set(nets):
                self.readers[net].append(index)

    def cycle(self, inputs: dict[str, list[int]]) -> None:
        """One clock edge: registers take what is settled, inputs change, and all settles again."""
        values, mask, changes = self.values, self.mask, {}
        for function, nets, output, inverted, clock, index in self.flops:
            value = function(mask, *[values[net] for net in nets])
            value = mask ^ value if inverted else value
            enable = values[self.enables[clock]] if clock in self.enables else mask
            self.clocked[index] += enable.bit_count()
            changes[output] = (value & enable) | (values[output] & (mask ^ enable))
        for _, index in self.gated:
            self.clocked[index] += self.lanes
        for port, lanes in inputs.items():
            for place, net in enumerate(self.ports[port]):
                changes[net] = sum((lane >> place & 1) << i for i, lane in enumerate(lanes))
        changed = []
        for net, value in changes.items():
            difference = values[net] ^ value
            if difference and net > 1:
                self.toggles[net] += difference.bit_count()
                values[net] = value
                changed.append(net)
        self.cycles += 1
        if self.delays == "none":
            self._settle()
        else:
            self._settle_in_time(changed, self.delays == "inertial")

    def _settle(self) -> None:
        values, mask, toggles = self.values, self.mask, self.toggles
        for function, nets, output, _ in self.gates:
            value = function(mask, *[values[net] for net in nets])
            difference = values[output] ^ value
            if difference:
                toggles[output] += difference.bit_count()
                values[output] = value

    def _settle_in_time(self, changed: list[int], inertial: bool) -> None:
        values, mask, toggles, gates, readers = self.values, self.mask, self.toggles, self.gates, self.readers
        target: dict[int, int] = {}  # what a gate will have become when all its changes have happened
        pending: dict[int, list[list[int]]] = {}  # for each gate [time, lanes that change], earliest first
        at: dict[int, list[int]] = {}  # gates whose outputs may change, by time
        times: list[int] = []
        now = 0
        while True:
            for gate in {gate for net in changed for gate in readers[net]}:
                function, nets, output, delay = gates[gate]
                value = function(mask, *[values[net] for net in nets])
                lanes = value ^ target.get(gate, values[output])
                if not lanes:
                    continue
                target[gate] = value
                waiting = pending.setdefault(gate, [])
                if inertial:  # where a change is waiting it is taken back, and nothing is left to happen
                    for entry in waiting:
                        back = entry[1] & lanes
                        entry[1] ^= back
                        lanes ^= back
                if not lanes:
                    continue
                waiting.append([now + delay, lanes])
                if now + delay not in at:
                    at[now + delay] = []
                    heappush(times, now + delay)
                at[now + delay].append(gate)
            if not times:
                return
            now = heappop(times)
            changed = []
            for gate in at.pop(now):
                _, lanes = pending[gate].pop(0)
                if lanes:
                    output = gates[gate][2]
                    toggles[output] += lanes.bit_count()
                    values[output] ^= lanes
                    changed.append(output)
