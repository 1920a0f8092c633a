"""Emitted adder networks as linear forms of their inputs."""

import json
from pathlib import Path

from hw.host.tools import yosys

__all__ = ["linear_form", "netlist", "places"]

ADDERS = {"full_adder": 0, "half_adder": 0, "half_adder_plus_one": 1}
"""Cells of a network, which add their inputs and this constant."""

Place = tuple[str, int]
"""A bit of an input, or of an output of an opaque instance, by its name."""


def netlist(verilog: str, top: str, folder: Path, opaque: tuple[str, ...] = ()) -> dict:
    """Yosys's view of a module in which nothing is left but adders, inverters and instances of ``opaque`` modules."""
    (folder / "network.v").write_text(verilog)
    yosys(
        f"read_verilog network.v\nhierarchy -top {top}\nblackbox {' '.join([*ADDERS, *opaque])}\nproc\nflatten\nsimplemap\n"
        "opt_clean\nwrite_json network.json\n",
        folder,
    )
    return json.loads((folder / "network.json").read_text())["modules"][top]


def places(module: dict) -> dict[int, Place]:
    """Where the bits that a network starts from come from."""
    ports = {name: port["bits"] for name, port in module["ports"].items() if port["direction"] == "input"}
    for name, cell in module["cells"].items():
        if cell["type"] not in (*ADDERS, "$_NOT_", "$scopeinfo"):
            outputs = {port for port, way in cell["port_directions"].items() if way == "output"}
            ports |= {f"{name}.{port}": cell["connections"][port] for port in outputs}
    return {bit: (name, i) for name, bits in ports.items() for i, bit in enumerate(bits)}


def linear_form(module: dict, width: int) -> tuple[dict[Place, int], int]:
    """Coefficients of the ``places`` in ``sum`` modulo ``2**width``, and the constant, of a ``netlist``.

    Every cell must be an inverter, or an adder whose outputs are used with weights 1:2; then it adds its inputs with the
    weight of its sum. What remains when all cells are replaced so is the sum as a linear form of what they start from.
    """
    modulus, drivers = 2**width, {}
    cells = [cell for cell in module["cells"].values() if cell["type"] in (*ADDERS, "$_NOT_")]
    for cell in cells:
        for port in ("sum", "carry", "Y"):
            for bit in cell["connections"].get(port, []):
                drivers[bit] = cell
    order, seen = [], set()

    def visit(cell: dict) -> None:
        if id(cell) not in seen:
            seen.add(id(cell))
            for port in ("a", "b", "c", "A"):
                for bit in cell["connections"].get(port, []):
                    if bit in drivers:
                        visit(drivers[bit])
            order.append(cell)

    for cell in cells:
        visit(cell)
    weights, constant = {}, 0
    for index, bit in enumerate(module["ports"]["sum"]["bits"]):
        weights[bit] = weights.get(bit, 0) + 2**index
    for cell in reversed(order):
        pins = {port: bits[0] for port, bits in cell["connections"].items() if bits}
        if cell["type"] == "$_NOT_":
            weight = weights.pop(pins["Y"], 0)
            constant += weight
            weights[pins["A"]] = weights.get(pins["A"], 0) - weight
            continue
        weight, carry = weights.pop(pins["sum"], 0), weights.pop(pins.get("carry"), 0)
        assert carry % modulus == 2 * weight % modulus, f"{cell['type']} with weights {weight} and {carry}"
        constant += ADDERS[cell["type"]] * weight
        for port in "abc"[: 3 if cell["type"] == "full_adder" else 2]:
            weights[pins[port]] = weights.get(pins[port], 0) + weight
    constant += weights.pop("1", 0)
    weights.pop("0", None)
    known = places(module)
    return {known[bit]: weight % modulus for bit, weight in weights.items() if weight % modulus}, constant % modulus
