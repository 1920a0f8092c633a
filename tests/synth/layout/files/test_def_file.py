"""DEF files: what is written, and a routed one read back, of which wires are taken away."""

import pytest

from synth.layout.check import compare
from synth.layout.files.def_file import on_track, read_def, write_def
from synth.layout.placement import Pin
from synth.layout.route import joined, summary
from synth.mapping.liberty import find_library
from tests.synth.layout.small import ROUTED, design, placed


def test_the_routed_file_holds_what_was_written(tmp_path):
    """Components, rows, tracks and ports of the committed file are those that are written today."""
    written, kept = write_def(placed(), "layout", {2}), ROUTED.read_text()
    head = written.partition("NETS ")[0]
    assert kept.startswith(head)
    assert "- g2 INV + PLACED ( 200 2000 ) FS ;" in head
    assert (
        "- i + NET n3 + DIRECTION INPUT + USE SIGNAL + LAYER metal3 ( -50 -50 ) ( 50 50 ) + PLACED ( 3900 2900 ) N ;"
        in head
    )
    assert "n2\n" not in written.partition("NETS ")[2]  # the clock
    assert read_def(written).cells == read_def(kept).cells
    compare(design(), read_def(kept).flat(design()), find_library("reference", tmp_path))


def test_lengths_of_wires():
    routed = read_def(ROUTED.read_text())
    assert routed.wires["n7"] == [("metal1", 0, 1900, 2700, 2900, 2700)]
    assert routed.length("n5") == 200 + 2600 + 200 + 600
    assert routed.vias["n9"] == [("M1M2", 900, 5300), ("M1M2", 900, 4700)]
    assert routed.length("n3") == 0
    found = summary(placed(), routed, {2})
    assert (found.nets, found.failed, found.vias) == (6, 0, 9)
    assert found.length == pytest.approx(sum(map(routed.length, routed.wires)) / 1e6)


def ends(net: int) -> list[Pin]:
    return [pin for pin in placed().nets()[net] if pin.cell >= 0]


@pytest.mark.parametrize("net", [4, 5, 6, 7, 8, 9])
def test_any_wire_less_leaves_a_net_open(net):
    """Pieces no longer than 300 may be reached by their neighbours' width."""
    routed = read_def(ROUTED.read_text())
    assert joined(placed(), routed, net, ends(net))
    wires, vias = routed.wires[f"n{net}"], routed.vias.get(f"n{net}", [])
    long = [(wires, i) for i, (_, _, x, y, u, v) in enumerate(wires) if abs(x - u) + abs(y - v) > 300]
    for pieces, index in long + [(vias, i) for i in range(len(vias))]:
        piece = pieces.pop(index)
        assert not joined(placed(), routed, net, ends(net)), piece
        pieces.insert(index, piece)


@pytest.mark.parametrize(("start", "width", "touches"), [(1990, 0, True), (2010, 0, False), (2010, 140, True)])
def test_a_wire_reaches_as_far_as_its_width(start, width, touches):
    routed = read_def(ROUTED.read_text())
    routed.wires["n7"] = [("metal1", width, start, 2700, 2900, 2700)]  # the pin ends at 1950, half a wire is 50
    assert joined(placed(), routed, 7, ends(7)) is touches


def test_a_port_goes_to_the_nearest_track_inside():
    layer = placed().lef.layers[2]  # tracks at 100, 300, 500 and so on
    assert [on_track(value, layer, 1000) for value in (0, 299, 300, 1000)] == [100, 100, 300, 900]
    assert on_track(1000, layer, 900) == 700


def test_vias_of_the_file_count_before_those_of_lef():
    text = ROUTED.read_text().replace(
        "NETS 8 ;", "VIAS 1 ;\n- M1M2 + RECT metal1 ( -50 -50 ) ( 50 50 ) ;\nEND VIAS\nNETS 8 ;"
    )
    routed = read_def(text)
    assert routed.via_shapes == {"M1M2": [("metal1", (-50, -50, 50, 50))]}
    assert not joined(placed(), routed, 9, ends(9))
    routed.vias["n9"][0] = ("other", 0, 0)
    with pytest.raises(ValueError, match=r"^via other is neither in the routed file nor in LEF$"):
        joined(placed(), routed, 9, ends(9))


def test_special_nets_have_widths_of_their_own():
    text = ROUTED.read_text().replace(
        "END DESIGN", "SPECIALNETS 1 ;\n- n7\n+ ROUTED metal1 280 ( 10 20 ) ( * 50 ) ;\nEND SPECIALNETS\nEND DESIGN"
    )
    assert read_def(text).wires["n7"][-1] == ("metal1", 280, 10, 20, 10, 50)


def test_a_file_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"^a DEF file must have components and nets$"):
        read_def("DESIGN x ;")
    with pytest.raises(ValueError, match=r"^the routed file must have the cells of the placed one$"):
        read_def(ROUTED.read_text().replace("- g6 BUF", "- g9 BUF")).flat(design())
