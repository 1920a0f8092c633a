"""CONTRIBUTING.md, walked: each list of files is all it takes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out

from hw.baseline import formats
from hw.baseline.formats import NumberFormat
from hw.board import boards
from hw.board.cli import main as board
from hw.config import CoreConfig
from hw.generate import generate
from hw.units import UNITS
from synth.density import accounting, row
from synth.density.measure import measure
from synth.density.row import Design, Row
from synth.mapping import liberty

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class Doubler(Component):
    """A unit a newcomer might add."""

    def __init__(self, config: CoreConfig):
        self.module_name = f"doubler_w{config.multiplier_width}"
        super().__init__({"i": In(config.multiplier_width), "o": Out(config.multiplier_width + 1)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += self.o.eq(self.i << 1)
        return m


def test_every_file_named_exists():
    named = set(re.findall(r"`((?:hw|synth|sim|golden|tests|docs|hbfp)/[\w/]+\.(?:py|md))`", PAGE))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_a_format_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(formats.FORMATS, "fp8-e3m4", NumberFormat("fp8-e3m4", "float", 3, 5))
    measured = measure(Design("fp8-e3m4", rows=1, columns=1, dot=2), build=tmp_path, timing=False)
    assert measured.macs == 2
    assert measured.verified > 0
    assert measured.area > 0


def test_a_unit_is_one_line(monkeypatch):
    monkeypatch.setitem(UNITS, "doubler", Doubler)
    text, description = generate(CoreConfig(), "doubler")
    assert "module doubler_w4" in text
    assert [(port["name"], port["width"]) for port in description["ports"]] == [("i", 4), ("o", 5)]


def test_a_board_is_one_entry(monkeypatch, capsys):
    mine = replace(boards.BOARDS["ulx3s"], platform="amaranth_boards.ulx3s:ULX3S_45F_Platform", part="LFE5U-45F-6BG381C")
    monkeypatch.setitem(boards.BOARDS, "ulx3s_45f", mine)
    assert board(["ulx3s_45f", "--dry-run"]) == 0
    assert "LFE5U-45F" in capsys.readouterr().out


def test_a_library_is_one_entry(monkeypatch, tmp_path):
    (tmp_path / "mine_typ.lib").write_text(liberty.REFERENCE.read_text())
    monkeypatch.setitem(liberty.KNOWN, "mine", liberty.Known(("mine_typ.lib*",), (str(tmp_path),), "it is mine"))
    found = liberty.find_library("mine", tmp_path)
    assert found.path == tmp_path / "mine_typ.lib"
    assert found.cells.keys() == liberty.find_library("reference", tmp_path).cells.keys()


def test_an_accounting_is_a_function_and_a_name(monkeypatch, tmp_path):
    def measure_nothing(design, library, *, build, seconds, timing) -> Row:
        return accounting._row(design, {"core": 1.0}, flip_flops=0.0, period=None, timing="", verified=0, macs=1)

    monkeypatch.setitem(accounting.MEASURES, "nothing", measure_nothing)
    with pytest.raises(ValueError, match=r"^accounting must be one of "):
        measure(Design("hbfp4", accounting="nothing"), build=tmp_path)
    monkeypatch.setattr("synth.density.measure.ACCOUNTINGS", (*row.ACCOUNTINGS, "nothing"))
    assert measure(Design("hbfp4", accounting="nothing"), build=tmp_path).area == 1.0
    (known,) = (tmp_path / "rows").glob("*.json")
    assert json.loads(known.read_text())["area"] == 1.0
