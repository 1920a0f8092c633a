"""Floorplans, and placements by Coloquinte: legal, short, the same every time."""

import sys
from pathlib import Path
from random import Random

import pytest

from hw.host.tools import ToolError
from synth.layout.files.lef import parse_lef
from synth.layout.placement import Pin, floorplan, place
from synth.layout.steiner import steiner_tree
from synth.mapping.flat import Flat, FlatCell
from tests.synth.layout.small import LEF, design, placed

CHAIN = 300


def chain() -> Flat:
    """Inverters and buffers in a row, in an order that is not that of their numbers."""
    order = list(range(CHAIN))
    Random(1).shuffle(order)
    cells = [FlatCell("INV", {}, "top")] * CHAIN
    for place_in_chain, index in enumerate(order):
        kind = "BUF" if index % 3 else "INV"
        cells[index] = FlatCell(kind, {"A": 2 + place_in_chain, "Y": 3 + place_in_chain}, "top")
    return Flat(cells, [("i", 2)], [("o", 2 + CHAIN)], 3 + CHAIN)


def test_floorplan_is_square_and_filled_as_asked():
    lef = parse_lef([LEF])
    plan = floorplan(design(), lef, 0.5)
    assert plan.cell_area == pytest.approx((10 + 6 + 4 + 4 + 6 + 4 + 5) * 0.2 * 2.0)
    assert (plan.rows, plan.columns) == (3, 26)  # 39 sites, half of 78
    assert plan.area == pytest.approx(26 * 0.2 * 3 * 2.0)
    assert [(port.name, port.net, port.direction) for port in plan.ports] == [
        ("clk", 2, "INPUT"),
        ("i", 3, "INPUT"),
        ("o", 10, "OUTPUT"),
    ]
    # Round the block of 5.2 by 6 µm, after one, three and five sixths of the way.
    assert [(port.x, port.y) for port in plan.ports] == [(3733, 0), (5200, 6000), (0, 3734)]
    for utilisation in (0.05, 0.98):
        with pytest.raises(ValueError, match=rf"^utilisation must be between 0\.1 and 0\.97, not {utilisation}$"):
            floorplan(design(), lef, utilisation)


def test_pins_turn_with_their_row():
    placement = placed()
    assert placement.at(1, "B") == (2600 + 500, 1400)
    assert placement.at(4, "B") == (2400 + 500, 2000 + 600)
    assert placement.shapes(Pin(0, 0, 4, "B")) == [("metal1", (2850, 2450, 2950, 2750))]
    assert placement.nets()[10] == [Pin(0, 4500, -1, "o"), Pin(2500, 5400, 6, "Y")]
    assert 0 not in placement.nets()


def test_placement_is_legal_short_and_repeats(tmp_path):
    pytest.importorskip("coloquinte")
    start = floorplan(chain(), parse_lef([LEF]), 0.7)
    found = place(start, set(), log=tmp_path / "log")
    taken: set[tuple[int, int]] = set()
    for cell, x, y in zip(found.flat.cells, found.x, found.y, strict=True):
        sites = {(site, y) for site in range(x, x + found.lef.macro(cell.kind).width // found.lef.site_width)}
        assert not sites & taken
        taken |= sites
    assert all(0 <= x < found.columns and 0 <= y < found.rows for x, y in taken)
    length = sum(steiner_tree([(p.x, p.y) for p in pins]).length for pins in found.nets().values())
    # A chain need not be longer than a step of about a cell and a row for each of its links.
    assert length < CHAIN * 4000
    assert (found.x, found.y) == (place(start, set()).x, place(start, set()).y)
    assert "placement" in (tmp_path / "log").read_text()


def test_nets_left_out_do_not_pull(tmp_path):
    pytest.importorskip("coloquinte")
    start = floorplan(chain(), parse_lef([LEF]), 0.7)
    everything = set(range(2, 3 + CHAIN))
    found = place(start, everything - {2})
    length = sum(steiner_tree([(p.x, p.y) for p in pins]).length for pins in found.nets().values())
    assert length > CHAIN * 4000


def test_a_missing_placer_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "coloquinte", None)
    with pytest.raises(ToolError, match=r"^Coloquinte was not found; run: pip install coloquinte$"):
        place(floorplan(design(), parse_lef([LEF]), 0.5), set(), log=Path("/dev/null"))
