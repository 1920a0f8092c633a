"""Reading LEF files."""

import re

import pytest

from synth.layout.files.lef import Macro, RoutingLayer, parse_lef
from synth.mapping.liberty import LibraryError, find_lef
from tests.synth.layout.small import LEF


def test_site_layers_cells_and_vias():
    lef = parse_lef([LEF])
    assert (lef.units, lef.site, lef.site_width, lef.row_height) == (1000, "small", 200, 2000)
    # 0.2 Ω per square of 0.1 µm; 0.1 fF/µm² under 0.1 µm and 0.05 fF/µm at each edge
    metal1, *_, metal4 = lef.layers
    assert metal1 == RoutingLayer("metal1", True, 200, 100, 100, pytest.approx(2.0), pytest.approx(0.11))
    assert metal4 == RoutingLayer("metal4", False, 400, 100, 200, pytest.approx(0.5), pytest.approx(0.12))
    pins = {"A": [("metal1", (50, 450, 150, 750))], "Y": [("metal1", (450, 1250, 550, 1550))]}
    assert lef.macro("INV") == Macro("INV", 800, 2000, pins)  # without its supply
    assert lef.macro("NAND2").centre("B") == (500, 1400)
    assert lef.vias["M3M4"] == [
        ("metal3", (-50, -50, 50, 50)), ("via3", (-50, -50, 50, 50)), ("metal4", (-100, -100, 100, 100)),
    ]  # fmt: skip


def test_wiring_weighs_layers_by_their_tracks():
    lef = parse_lef([LEF])
    assert lef.wiring(True, 4) == pytest.approx((2.0, 0.11, 5.0))  # metal3 alone: pins are on metal1
    resistance, capacitance, tracks = lef.wiring(False, 4)
    assert tracks == pytest.approx(5 + 2.5)
    assert resistance == pytest.approx((2 * 5 + 0.5 * 2.5) / 7.5)
    assert capacitance == pytest.approx((0.11 * 5 + 0.12 * 2.5) / 7.5)
    with pytest.raises(LibraryError, match=r"^small\.lef has no horizontal layer from the second to number 2$"):
        lef.wiring(True, 2)


def test_extracted_values_beside_the_file_count_more(tmp_path):
    path = tmp_path / "process.lef"
    path.write_text(LEF.read_text())
    path.with_suffix(".rc").write_text("set_layer_rc -layer metal2 -resistance 3.5e-03 -capacitance 8.0e-02\n")
    lef = parse_lef([path])
    assert (lef.layers[1].resistance, lef.layers[1].capacitance) == pytest.approx((3.5, 0.08))
    assert lef.layers[0] == parse_lef([LEF]).layers[0]


def test_process_and_cells_in_two_files(tmp_path):
    process, _, cells = LEF.read_text().partition("MACRO INV")
    (tmp_path / "process.lef").write_text(process)
    (tmp_path / "cells.lef").write_text("MACRO INV" + cells)
    both = parse_lef([tmp_path / "process.lef", tmp_path / "cells.lef"])
    assert both.macros == parse_lef([LEF]).macros
    assert both.layers == parse_lef([LEF]).layers


@pytest.mark.parametrize(("without", "what"), [("SITE", "site"), ("LAYER", "routing layer"), ("MACRO", "cell")])
def test_says_what_a_file_lacks(tmp_path, without, what):
    path = tmp_path / "a.lef"
    path.write_text(re.sub(rf"^{without} (\S+)$.*?^END \1$", "", LEF.read_text(), flags=re.M | re.S))
    with pytest.raises(LibraryError, match=rf"^LEF file {path} has no {what}$"):
        parse_lef([path])


def test_says_which_file_is_missing(tmp_path):
    with pytest.raises(LibraryError, match=r"^LEF file .*none\.lef cannot be read: No such file or directory$"):
        parse_lef([tmp_path / "none.lef"])


def test_a_known_library_says_where_its_lef_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HBFP_LIBERTY_PATH", str(tmp_path / "lib"))
    with pytest.raises(LibraryError) as error:
        find_lef("nangate45")
    assert str(error.value) == (
        "LEF of nangate45 was not found; it is Nangate45.lef or NangateOpenCellLibrary.tech.lef with "
        "NangateOpenCellLibrary.macro.lef; it comes with OpenROAD and OpenSTA (file Nangate45_typ.lib); or name its "
        "folder in HBFP_LIBERTY_PATH"
    )
    for name in ("lib/x", "lef/NangateOpenCellLibrary.tech.lef", "lef/NangateOpenCellLibrary.macro.lef"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [path.name for path in find_lef("nangate45")] == [
        "NangateOpenCellLibrary.tech.lef", "NangateOpenCellLibrary.macro.lef",
    ]  # fmt: skip
    with pytest.raises(LibraryError, match=r"^library mine has no LEF file known by name; give its files$"):
        find_lef("mine")
