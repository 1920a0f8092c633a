"""Simulation of mapped netlists from the library's own cell functions, many lanes at once in the bits of integers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synth.mapping.cells import compile_function
from synth.mapping.flat import Bit
from synth.mapping.flow import Synthesis
from synth.mapping.liberty import Library, LibraryError

__all__ = ["Mismatch", "Netlist"]

Change = Callable[[str, str], str | None]


class Mismatch(AssertionError):
    """A mapped netlist that does not compute what the reference does."""


class Netlist:
    """A synthesised design, flattened over its parts, with one clock.

    Every net holds one bit of each lane. ``step(inputs)`` gives the outputs for the inputs and the present state, then
    clocks the flip-flops; state starts at zero, so a design without reset must be brought to a known state.

    Parameters
    ----------
    synthesis
        mapped parts.
    library
        the library they are mapped to.
    lanes
        independent simulations.
    top
        the part to simulate (default: the whole).
    change
        a fault to put in, as a function of (cell path, type) to another type or ``None``.

    Raises
    ------
    LibraryError
        for a cell whose function the library does not tell, or a combinational loop.
    """

    def __init__(self, synthesis: Synthesis, library: Library, lanes: int, top: str | None = None, change: Change | None = None):
        self.mask = (1 << lanes) - 1
        self.lanes, self.library, self.change = lanes, library, change
        self.modules: dict[str, dict[str, Any]] = {}
        for name, part in synthesis.parts.items():
            self.modules[name] = json.loads((Path(part.netlist) / "netlist.json").read_text())["modules"][name]
        self.count = 2
        self.gates: list[tuple[Callable[..., int], list[int], int]] = []
        self.flops: list[tuple[Callable[..., int], list[int], int, bool, int]] = []
        self.merged: dict[int, int] = {}
        top = top or synthesis.top
        self.ports: dict[str, tuple[str, list[int]]] = {}
        nets: dict[Bit, int] = {"0": 0, "1": 1, "x": 0}
        for port, description in self.modules[top]["ports"].items():
            bits = [nets.setdefault(bit, self._new()) if bit not in nets else nets[bit] for bit in description["bits"]]
            self.ports[port] = (description["direction"], bits)
        self._flatten(top, nets, top)
        self._levelise()
        self.values = [0] * self.count
        self.values[1] = self.mask

    def _new(self) -> int:
        self.count += 1
        return self.count - 1

    def _flatten(self, module: str, nets: dict[Bit, int], path: str) -> None:
        def net(bit: Bit) -> int:
            if bit not in nets:
                nets[bit] = self._new()
            return nets[bit]

        for name, cell in self.modules[module]["cells"].items():
            pins = {pin: [net(bit) for bit in bits] for pin, bits in cell["connections"].items()}
            kind = cell["type"]
            if kind in self.modules:
                inner: dict[Bit, int] = {"0": 0, "1": 1, "x": 0}
                for port, description in self.modules[kind]["ports"].items():
                    for bit, outer in zip(description["bits"], pins.get(port, []), strict=False):
                        if bit in inner:
                            self.gates.append((lambda mask, x: x, [inner[bit]], outer))
                        else:
                            inner[bit] = outer
                self._flatten(kind, inner, f"{path}.{name}")
            else:
                self._cell(kind, {pin: bits[0] for pin, bits in pins.items() if bits}, f"{path}.{name}")

    def _cell(self, kind: str, pins: dict[str, int], path: str) -> None:
        if self.change:
            kind = self.change(path, kind) or kind
        cell = self.library.cells[kind]
        inputs = tuple(pin for pin, way in cell.directions.items() if way == "input")
        if cell.flip_flop:
            following = compile_function(cell.flip_flop["next_state"], inputs)
            gate = pins[cell.flip_flop["clocked_on"].strip("() ")]
            for pin, function in cell.functions.items():
                if pin in pins:
                    inverted = function.strip("() ") != cell.states[0]
                    self.flops.append((following, [pins.get(pin, 0) for pin in inputs], pins[pin], inverted, gate))
            return
        if cell.clock_gate:
            enable = next(pin for pin in inputs if pin.upper() in ("E", "GATE", "EN", "ENA") or "enable" in pin.lower())
            output = next(pin for pin, way in cell.directions.items() if way == "output" and pin in pins)
            self.merged[pins[output]] = pins[enable]
            return
        for pin, function in cell.functions.items():
            if pin in pins:
                try:
                    code = compile_function(function, inputs)
                except ValueError as error:
                    raise LibraryError(f"cell {kind}: {error}") from None
                self.gates.append((code, [pins.get(name, 0) for name in inputs], pins[pin]))

    def _levelise(self) -> None:
        drivers = {gate[2]: i for i, gate in enumerate(self.gates)}
        order, marks = [], bytearray(len(self.gates))
        for start in range(len(self.gates)):
            todo = [(start, False)]
            while todo:
                gate, done = todo.pop()
                if done:
                    marks[gate] = 2
                    order.append(gate)
                elif marks[gate] == 0:
                    marks[gate] = 1
                    todo.append((gate, True))
                    for net in self.gates[gate][1]:
                        if net in drivers and marks[drivers[net]] == 0:
                            todo.append((drivers[net], False))
                        elif net in drivers and marks[drivers[net]] == 1 and drivers[net] != gate:
                            continue
        self.gates = [self.gates[i] for i in order]
        seen = set(drivers)
        for _, inputs, output in self.gates:
            if any(net in seen for net in inputs):
                raise LibraryError("the netlist has a combinational loop")
            seen.discard(output)

    def evaluate(self, inputs: dict[str, list[int]]) -> None:
        """Settle the gates; ``inputs`` gives each port's value in every lane."""
        values, mask = self.values, self.mask
        for port, lanes in inputs.items():
            for place, net in enumerate(self.ports[port][1]):
                values[net] = sum((lane >> place & 1) << i for i, lane in enumerate(lanes))
        for function, sources, output in self.gates:
            values[output] = function(mask, *[values[net] for net in sources])

    def output(self, port: str) -> list[int]:
        """A port's value in every lane."""
        bits = [self.values[net] for net in self.ports[port][1]]
        return [sum((bit >> lane & 1) << place for place, bit in enumerate(bits)) for lane in range(self.lanes)]

    def step(self, inputs: dict[str, list[int]], *outputs: str) -> dict[str, list[int]]:
        """One clock cycle: outputs before the edge, then the edge."""
        self.evaluate(inputs)
        result = {port: self.output(port) for port in outputs}
        values, mask = self.values, self.mask
        following = []
        for function, sources, output, inverted, gate in self.flops:
            value = function(mask, *[values[net] for net in sources])
            value = mask ^ value if inverted else value
            if gate in self.merged:
                enable = values[self.merged[gate]]
                value = (value & enable) | (values[output] & (mask ^ enable))
            following.append((output, value))
        for output, value in following:
            values[output] = value
        return result
