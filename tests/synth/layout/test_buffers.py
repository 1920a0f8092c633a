"""Buffers: no net above its driver's limit afterwards, and the same circuit."""

import pytest

from synth.layout.buffers import Strengths, add_buffers
from synth.layout.check import compare
from synth.layout.files.lef import parse_lef
from synth.layout.placement import Pin, Placement, floorplan
from synth.layout.wires import estimate_wires, pin_load
from synth.mapping.flat import Flat, FlatCell
from synth.mapping.liberty import REFERENCE, find_library
from tests.synth.layout.small import LEF, placed


@pytest.fixture
def library(tmp_path):
    """The built-in library, of which no cell may drive more than 6 fF, and a stronger inverter for 12."""
    text = REFERENCE.read_text().replace("max_capacitance : 10", "max_capacitance : 0.006")
    start = text.index("  cell (INV) {")
    end = text.index("  cell (", start + 1)
    strong = text[start:end].replace("(INV)", "(INV2)").replace("0.006", "0.012").replace("area : 0.67", "area : 0.9")
    (tmp_path / "weak.lib").write_text(text[:start] + strong + text[start:])
    return find_library(str(tmp_path / "weak.lib"), tmp_path)


def fan(ends: int, kind: str = "INV") -> Placement:
    """One cell that drives many."""
    cells = [FlatCell(kind, {"A": 2, "Y": 3} if kind == "INV" else {"A": 2, "B": 2, "Y": 3}, "top")]
    cells += [FlatCell("INV", {"A": 3, "Y": 4 + i}, "top") for i in range(ends)]
    flat = Flat(cells, [("i", 2)], [("o", 3)], 4 + ends)
    start = floorplan(flat, lef(), 0.5)
    return Placement(flat, start.lef, start.columns, start.rows, [i % 4 * 4 for i in range(ends + 1)],
                     [i // 4 for i in range(ends + 1)], start.ports)  # fmt: skip


def lef():
    found = parse_lef([LEF])
    return type(found)(**vars(found) | {"macros": found.macros | {"INV2": found.macros["INV"]}})


def worst(placement: Placement, library) -> float:
    """Greatest load over its limit."""
    strengths, shares = Strengths(library), [0.0]
    wires = estimate_wires(placement, library, set(), top=4)
    for net, (driver, *ends) in wires.pins.items():
        if driver.cell >= 0:
            load = wires.capacitance[net] + sum(pin_load(placement, library, end) for end in ends)
            shares.append(load / strengths.limit(placement.flat.cells[driver.cell].kind, driver.pin))
    return max(shares)


def test_a_stronger_cell_of_the_same_function_comes_first(library):
    placement = fan(8)
    flat, changed = add_buffers(placement, library, set(), top=4)
    assert changed == 1
    assert [cell.kind for cell in flat.cells] == ["INV2"] + ["INV"] * 8
    compare(placement.flat, flat, library)


@pytest.mark.parametrize(("ends", "kind"), [(60, "INV"), (60, "NAND2"), (6, "NAND2")])
def test_no_net_is_above_its_limit(library, ends, kind):
    placement = fan(ends, kind)
    assert worst(placement, library) > 1
    flat, changed = add_buffers(placement, library, set(), top=4)
    assert changed >= 1
    assert {cell.kind for cell in flat.cells[ends + 1 :]} <= {"BUF"}
    compare(placement.flat, flat, library)
    assert flat.outputs == placement.flat.outputs  # the port stays where it was
    loads: dict[int, float] = {}
    for index, cell in enumerate(flat.cells):
        for pin, net in cell.pins.items():
            if library.cells[cell.kind].directions[pin] == "input":
                loads[net] = loads.get(net, 0.0) + pin_load(
                    Placement(flat, *[None] * 6), library, Pin(0, 0, index, pin)
                )
    strengths = Strengths(library)
    for cell in flat.cells:
        assert loads.get(cell.pins["Y"], 0.0) <= strengths.limit(cell.kind, "Y")


def test_nothing_changes_below_the_limits(tmp_path):
    flat, changed = add_buffers(placed(), find_library("reference", tmp_path), {2}, top=4)
    assert (flat, changed) == (placed().flat, 0)
