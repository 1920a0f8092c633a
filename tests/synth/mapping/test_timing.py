"""The built-in timing: against sums by hand, and against OpenSTA where it is installed."""

import json

import pytest

from hw.accumulate.block_accumulator import BlockAccumulator
from hw.emit import emit_verilog
from synth.mapping.flat import flat_verilog
from synth.mapping.flow import synthesise
from synth.mapping.liberty import LibraryError, find_library
from synth.mapping.timing import least_period
from synth.mapping.tools import sta_version, static_timing


def netlist(cells, ports, folder):
    """A mapped module of (type, pins to nets) cells."""
    module = {
        "ports": {name: {"direction": way, "bits": [bit]} for name, (way, bit) in ports.items()},
        "cells": {
            f"g{i}": {"type": kind, "connections": {pin: [bit] for pin, bit in pins.items()}}
            for i, (kind, pins) in enumerate(cells)
        },
    }
    (folder / "netlist.json").write_text(json.dumps({"modules": {"top": module}}))
    return {"top": folder / "netlist.json"}


PORTS = {"clk": ("input", 2), "i": ("input", 3), "o": ("output", 6)}


def test_paths_end_at_outputs_and_set_up_times(tmp_path):
    library = find_library("reference", tmp_path)
    cells = [("NAND2", {"A": 3, "B": 5, "Y": 4}), ("DFF", {"CK": 2, "D": 4, "Q": 5}), ("INV", {"A": 5, "Y": 6})]
    # Clock to output behind a NAND's and an inverter's input, a NAND in front of a flip-flop, set-up.
    path = (0.056 + 0.004 * 7 / 3) + (0.008 + 0.004) + 0.030
    assert least_period(netlist(cells, PORTS, tmp_path), library, "top") == pytest.approx(path, abs=1e-4)


def test_a_loop_has_no_period(tmp_path):
    library = find_library("reference", tmp_path)
    cells = [("NAND2", {"A": 3, "B": 6, "Y": 5}), ("INV", {"A": 5, "Y": 6})]
    with pytest.raises(LibraryError, match=r"^the netlist has a combinational loop$"):
        least_period(netlist(cells, PORTS, tmp_path), library, "top")


def test_delays_grow_with_load(tmp_path):
    library = find_library("reference", tmp_path)
    for drivers in (1, 4):
        cells = [("INV", {"A": 3, "Y": 5}), *(("INV", {"A": 5, "Y": 6 + i}) for i in range(drivers))]
        # Delay 4 ps times parasitic 1 and one for each input that is driven; the last drives nothing.
        assert least_period(netlist(cells, PORTS, tmp_path), library, "top") == pytest.approx(
            0.004 * (1 + drivers) + 0.004
        )


@pytest.mark.skipif(sta_version() is None, reason="OpenSTA is not installed")
def test_agrees_with_opensta(tmp_path):
    library = find_library("reference", tmp_path)
    part = BlockAccumulator("bf16", 13, 9, 2, 3)
    synthesis = synthesise(emit_verilog(part), part.module_name, [], library, build=tmp_path)
    (tmp_path / "flat.v").write_text(flat_verilog(synthesis.netlists, part.module_name))
    theirs = static_timing(library.path, [tmp_path / "flat.v"], part.module_name, tmp_path)
    assert least_period(synthesis.netlists, library, part.module_name) == pytest.approx(theirs, abs=1e-3)
