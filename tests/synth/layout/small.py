"""A design of seven cells in a made-up process."""

from pathlib import Path

from synth.layout.files.lef import parse_lef
from synth.layout.placement import EdgePort, Placement
from synth.mapping.flat import Flat, FlatCell

LEF = Path(__file__).parent / "small.lef"
ROUTED = Path(__file__).parent / "small.def"


def design() -> Flat:
    """A flip-flop that feeds itself through a NAND, and a chain that leaves it."""
    cells = [
        FlatCell("DFF", {"D": 5, "CK": 2, "Q": 4}, "top"),
        FlatCell("NAND2", {"A": 3, "B": 4, "Y": 5}, "top"),
        FlatCell("INV", {"A": 4, "Y": 6}, "top"),
        FlatCell("INV", {"A": 6, "Y": 7}, "top"),
        FlatCell("NAND2", {"A": 6, "B": 7, "Y": 8}, "top"),
        FlatCell("INV", {"A": 8, "Y": 9}, "top"),
        FlatCell("BUF", {"A": 9, "Y": 10}, "top"),
    ]
    return Flat(cells, [("clk", 2), ("i", 3)], [("o", 10)], 11)


def placed() -> Placement:
    """Three rows of twenty sites, some room between cells."""
    ports = [
        EdgePort("clk", 2, "INPUT", 1000, 0),
        EdgePort("i", 3, "INPUT", 4000, 3000),
        EdgePort("o", 10, "OUTPUT", 0, 4500),
    ]
    return Placement(design(), parse_lef([LEF]), 20, 3, [1, 13, 1, 7, 12, 2, 10], [0, 0, 1, 1, 1, 2, 2], ports)
