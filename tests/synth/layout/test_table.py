"""Tables of layouts: ratios are to HBFP4's of the same piece and as many units."""

from synth.layout.congestion import Congestion
from synth.layout.measure import LayoutDesign, LayoutRow
from synth.layout.route import Routing
from synth.layout.table import DESIGNS, layout_sections, layout_table, routing_table


def row(name, area, routing=None, **design):
    areas, times = (area, area * 1.1, area * 1.5), (2.5, 3.25)
    demand = Congestion(0.253, 0.507, 0.01)
    return LayoutRow(
        LayoutDesign(name, "reference", **design), 256, 1000, *areas, 12, 3.5, 8.0, 4.0, *times, demand, "proved", routing
    )


def test_a_line():
    base, other = row("hbfp4", 10.0, rows=2, columns=2), row("fp32", 370.0, rows=2, columns=2, utilisation=0.9)
    lines = layout_table([other, base]).lines
    assert lines[1][:9] == ["hbfp4", "reference", "2×2 tile, 256 MACs", "70", "1000", "12", "10.0", "11.0", "15.0"]
    assert lines[1][9:] == ["1.00", "1.00", "3.5", "14", "2.00", "25", "51", "1", "2.50", "3.25"]
    assert lines[0][2:4] == ["2×2 tile, 256 MACs", "90"]
    assert lines[0][9:11] == ["37.00", "37.00"]
    assert len(layout_table([base]).headings) == len(lines[0])


def test_only_the_same_pieces_are_compared():
    lines = layout_table([row("hbfp4", 10.0), row("int4", 5.0, piece="unit"), row("int4", 5.0, rows=2, columns=2)]).lines
    assert [line[2] for line in lines] == ["4×4 tile, 256 MACs", "unit, 256 MACs", "2×2 tile, 256 MACs"]
    assert [line[9] for line in lines] == ["1.00", "–", "–"]


def test_routings_beside_their_estimates():
    routed = row("int4", 5.0, Routing(40, 1, 3.0, 2.5, 77).to_dict(), piece="unit")
    table = routing_table([routed, row("hbfp4", 10.0)])
    assert table.lines == [["int4", "reference", "unit, 256 MACs", "70 %", "40", "1", "3.00", "2.50", "1.20", "77", "proved"]]
    assert len(table.headings) == len(table.lines[0])


def test_sections_are_tables_without_their_titles():
    sections = layout_sections([row("hbfp4", 10.0)])
    assert set(sections) == {"layout", "routing"}
    assert sections["layout"].startswith("| format | library | piece | ")
    assert "##" not in sections["layout"]


def test_designs_of_the_documentation_can_be_made():
    designs = [LayoutDesign(library="nangate45", **fields) for fields in DESIGNS]
    assert len(set(designs)) == len(designs)
    assert all(design.piece == "unit" for design in designs if design.routed)
    assert designs[0].label == "hbfp4 in nangate45 (tile laid out)"
