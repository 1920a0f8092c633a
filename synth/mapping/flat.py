"""A design of several mapped netlists as one list of cells."""

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Bit", "Flat", "FlatCell", "flat_verilog", "flatten", "verilog_of"]

Bit = int | str
"""A net of Yosys, or a constant: "0", "1" or "x"."""


@dataclass(frozen=True)
class FlatCell:
    """A cell: its kind, the net at each pin, and the module it came from."""

    kind: str
    pins: dict[str, int]
    module: str


@dataclass(frozen=True)
class Flat:
    """Cells, and ports as (name, net); nets are numbered from 0, of which 0 and 1 are the constants."""

    cells: list[FlatCell]
    inputs: list[tuple[str, int]]
    outputs: list[tuple[str, int]]
    nets: int


def flatten(netlists: dict[str, Path], top: str) -> Flat:
    """The design under ``top``, of the modules in ``netlists``; ports of several bits are named ``port_0`` and so on."""
    modules = {name: json.loads(path.read_text())["modules"][name] for name, path in netlists.items()}
    cells: list[FlatCell] = []
    same: dict[int, int] = {}
    count = 2

    def root(net: int) -> int:
        while net in same:
            net = same[net]
        return net

    def walk(name: str, nets: dict[Bit, int]) -> None:
        nonlocal count
        for cell in modules[name]["cells"].values():
            pins = {}
            for pin, bits in cell["connections"].items():
                for bit in bits:
                    if bit not in nets:
                        nets[bit] = count
                        count += 1
                pins[pin] = [nets[bit] for bit in bits]
            if cell["type"] in modules:
                inner: dict[Bit, int] = {"0": 0, "1": 1, "x": 0}
                for port, description in modules[cell["type"]]["ports"].items():
                    for bit, outer in zip(description["bits"], pins.get(port, []), strict=False):
                        if bit in inner:  # a port that is a constant or another port
                            same[outer] = inner[bit]
                        else:
                            inner[bit] = outer
                walk(cell["type"], inner)
            else:
                cells.append(FlatCell(cell["type"], {pin: bits[0] for pin, bits in pins.items() if bits}, name))

    nets: dict[Bit, int] = {"0": 0, "1": 1, "x": 0}
    ports: dict[str, list[tuple[str, int]]] = {"input": [], "output": []}
    for port, description in modules[top]["ports"].items():
        for place, bit in enumerate(description["bits"]):
            if bit not in nets:
                nets[bit] = count
                count += 1
            name = port if len(description["bits"]) == 1 else f"{port}_{place}"
            ports[description["direction"]].append((name, nets[bit]))
    walk(top, nets)
    cells = [FlatCell(c.kind, {pin: root(net) for pin, net in c.pins.items()}, c.module) for c in cells]
    inputs, outputs = ([(name, root(net)) for name, net in ports[way]] for way in ("input", "output"))
    return Flat(cells, inputs, outputs, count)


def flat_verilog(netlists: dict[str, Path], top: str) -> str:
    """A design under ``top`` as one module, see ``verilog_of``."""
    return verilog_of(flatten(netlists, top), top)


def verilog_of(flat: Flat, top: str) -> str:
    """One module of cells and single-bit ports, as any timing program reads it."""
    names = {0: "1'b0", 1: "1'b1"} | {net: name for name, net in flat.inputs}

    def net(number: int) -> str:
        return names.get(number) or f"n{number}"

    lines = [f"module {top}({', '.join(name for name, _ in [*flat.inputs, *flat.outputs])});"]
    lines += [f"input {name};" for name, _ in flat.inputs] + [f"output {name};" for name, _ in flat.outputs]
    used = {number for cell in flat.cells for number in cell.pins.values() if number not in names}
    lines += [f"wire n{number};" for number in sorted(used)]
    for index, cell in enumerate(flat.cells):
        lines.append(f"{cell.kind} g{index}({', '.join(f'.{pin}({net(at)})' for pin, at in cell.pins.items())});")
    lines += [f"assign {name} = {net(number)};" for name, number in flat.outputs]
    return "\n".join([*lines, "endmodule", ""])
