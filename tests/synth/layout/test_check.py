"""A layout that is another circuit is found, cell by cell and by Yosys."""

from dataclasses import replace

import pytest

from synth.layout.check import compare, prove
from synth.mapping.flat import Flat, FlatCell
from synth.mapping.liberty import find_library
from synth.mapping.netlist import Mismatch
from tests.synth.layout.small import design


def changed(index: int, **values) -> Flat:
    flat = design()
    cells = list(flat.cells)
    cells[index] = replace(cells[index], **values)
    return Flat(cells, flat.inputs, flat.outputs, flat.nets)


def buffered() -> Flat:
    """With a buffer before one of two ends of net 6."""
    flat = changed(3, pins={"A": 11, "Y": 7})
    return Flat([*flat.cells, FlatCell("BUF", {"A": 6, "Y": 11}, "top")], flat.inputs, flat.outputs, 12)


def test_buffers_count_as_wires(tmp_path):
    library = find_library("reference", tmp_path)
    compare(design(), design(), library)
    compare(design(), buffered(), library)
    prove(design(), buffered(), library, tmp_path)


WRONG = [
    (changed(4, pins={"A": 7, "B": 6, "Y": 8}), "cell g4 was NAND2"),
    (changed(1, kind="NOR2"), "cell g1 was NAND2"),
    (changed(0, pins={"D": 4, "CK": 2, "Q": 4}), "cell g0 was DFF"),
    (Flat(design().cells[:-1], design().inputs, design().outputs, 11), "1 cells are missing"),
    (Flat([*design().cells, FlatCell("INV", {"A": 6, "Y": 11}, "top")], design().inputs, design().outputs, 12),
     "cell INV was added, which is no buffer"),
    (Flat(design().cells, design().inputs, [("o", 9)], 11), "ports differ"),
    (Flat([*design().cells, FlatCell("BUF", {"A": 12, "Y": 11}, "t"), FlatCell("BUF", {"A": 11, "Y": 12}, "t")],
          design().inputs, [("o", 11)], 13), "buffers drive one another"),
]  # fmt: skip


@pytest.mark.parametrize(("after", "text"), WRONG, ids=[text for _, text in WRONG])
def test_finds_another_circuit(tmp_path, after, text):
    with pytest.raises(Mismatch, match=f"^{text}"):
        compare(design(), after, find_library("reference", tmp_path))


def test_yosys_finds_another_function(tmp_path):
    library = find_library("reference", tmp_path)
    with pytest.raises(Mismatch, match=r"^Yosys finds the layout unequal to the mapped netlist; log: "):
        prove(design(), changed(1, kind="NOR2"), library, tmp_path)
