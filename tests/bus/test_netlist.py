"""Properties of the netlists of what users instantiate, read from Yosys's view of them."""

import json

import pytest

from hw.bus.axi_core import AxiCore, wrapper
from hw.config import CoreConfig
from hw.core.core import Core
from hw.emit import emit_verilog
from hw.host.tools import yosys
from hw.serial.serial_core import SerialCore

CONFIG = CoreConfig(block_size=4, dot=2, tile_rows=1, tile_columns=1, operand_depth=4, queue_depth=1)
REGISTERS = {"dff", "dffe", "sdff", "sdffe", "sdffce"}
ASYNCHRONOUS = {"adff", "adffe", "aldff", "aldffe", "dffsr", "dffsre", "dlatch", "adlatch", "dlatchsr", "sr"}


@pytest.fixture(scope="module", params=["core", "axi", "serial"])
def netlist(request, tmp_path_factory):
    """Cells and ports of a flattened design: latches and registers stand as such, everything else as logic."""
    folder = tmp_path_factory.mktemp("netlist")
    component = {"core": Core(CONFIG), "axi": AxiCore(CONFIG, 64), "serial": SerialCore(CONFIG, 8)}[request.param]
    text = emit_verilog(component)
    top = component.module_name
    if request.param == "axi":
        text, top = text + wrapper(component), f"{top}_top"
    (folder / "design.v").write_text(text)
    steps = f"read_verilog design.v\nhierarchy -top {top}\nproc\nflatten\nopt_clean\nwrite_json design.json\n"
    yosys(steps, folder)
    return json.loads((folder / "design.json").read_text())["modules"][top]


def _kind(cell) -> str:
    return cell["type"].removeprefix("$")


def test_has_no_latch_and_no_asynchronous_reset(netlist):
    kinds = {_kind(cell) for cell in netlist["cells"].values()}
    assert kinds & REGISTERS
    assert not kinds & ASYNCHRONOUS


def test_has_no_path_from_a_ready_input_to_a_valid_output(netlist):
    """Follows every wire from the ready inputs through combinational cells."""
    readers: dict[int, list] = {}
    for cell in netlist["cells"].values():
        kind = _kind(cell)
        if kind in REGISTERS or kind == "scopeinfo" or kind.startswith("mem"):
            continue
        inputs, outputs = [], []
        for port, bits in cell["connections"].items():
            (outputs if cell["port_directions"][port] == "output" else inputs).extend(bits)
        for bit in inputs:
            readers.setdefault(bit, []).append(outputs)
    names = netlist["ports"]
    starts = {name for name, port in names.items() if port["direction"] == "input" and name.endswith("ready")}
    ends = {name for name, port in names.items() if port["direction"] == "output" and name.endswith("valid")}
    assert bool(starts) == bool(ends)
    for start in starts:
        reached, todo = set(), list(names[start]["bits"])
        while todo:
            bit = todo.pop()
            if bit not in reached:
                reached.add(bit)
                todo += [output for outputs in readers.get(bit, ()) for output in outputs]
        touched = {name for name in ends if reached & set(names[name]["bits"])}
        assert not touched, f"{start} reaches {', '.join(sorted(touched))}"
