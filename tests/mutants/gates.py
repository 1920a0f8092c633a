"""A component's netlist of gates as a component again, so that Amaranth simulates it in the place of the first."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetSignal, Signal, Value
from amaranth.lib.wiring import Component

from hw.emit import ports_of

__all__ = ["GATES", "rebuilt"]

GATES = "flatten\nopt_clean\nmemory_map\nopt_clean\ntechmap\nopt_clean\ndffunmap\nopt_clean\n"
"""Steps of Yosys to the few kinds of cells that there are then."""
KINDS = {
    "$_NOT_": lambda pin: ~pin["A"],
    "$_AND_": lambda pin: pin["A"] & pin["B"],
    "$_OR_": lambda pin: pin["A"] | pin["B"],
    "$_XOR_": lambda pin: pin["A"] ^ pin["B"],
    "$_MUX_": lambda pin: Mux(pin["S"], pin["B"], pin["A"]),
    "$_DFF_P_": lambda pin: pin["D"],
}


def rebuilt(component: Component, netlist: dict) -> Module:
    """The module of ``netlist``, in Yosys's JSON, at the ports of ``component``."""
    m = Module()
    initial = {bit: int(value == "1") for net in netlist["netnames"].values() if "init" in net["attributes"]
               for bit, value in zip(net["bits"], reversed(net["attributes"]["init"]), strict=False)}  # fmt: skip
    bits: dict[int | str, Value] = {"0": Const(0, 1), "1": Const(1, 1), "x": Const(0, 1)}
    cells = [cell for cell in netlist["cells"].values() if cell["type"] != "$scopeinfo"]
    for cell in cells:
        register = cell["type"] == "$_DFF_P_"
        (bit,) = cell["connections"]["Q" if register else "Y"]
        bits[bit] = Signal(init=initial.get(bit, 0), reset_less=True, name=f"net_{bit}")
    ports = {name: port["bits"] for name, port in netlist["ports"].items()}
    for name, way, value in ports_of(component):
        if way == "in":
            bits |= {bit: value[i] for i, bit in enumerate(ports.get(name, ()))}
    if "rst" in ports:
        bits[ports["rst"][0]] = ResetSignal()
    for cell in cells:
        register = cell["type"] == "$_DFF_P_"
        if register and cell["connections"]["C"] != ports["clk"]:
            continue  # a register whose clock stands still
        pins = {pin: bits[bit] for pin, (bit,) in cell["connections"].items() if pin not in "QYC"}
        (out,) = cell["connections"]["Q" if register else "Y"]
        m.d["sync" if register else "comb"] += bits[out].eq(KINDS[cell["type"]](pins))
    m.d.comb += [value.eq(Cat(bits[bit] for bit in ports[name])) for name, way, value in ports_of(component) if way == "out"]
    return m
