"""Families: scripts, pins, and that what is counted is what their mapping makes."""

import pytest

from hw.board.boards import BOARDS
from synth.fpga.families import EFFORTS, FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_scripts_name_the_top_and_leave_nothing_to_fill_in(name):
    family = FAMILIES[name]
    assert tuple(family.synthesis) == EFFORTS
    for effort in EFFORTS:
        for multipliers in (False, True):
            text = "\n".join(family.script(effort, "some_top", multipliers))
            assert "-top some_top" in text
            assert not set("{}") & set(text)
            if family.multiplier:
                assert ("-nodsp" in text) != multipliers


@pytest.mark.parametrize("name", FAMILIES)
def test_area_has_its_own_script_of_abc(name):
    assert FAMILIES[name].script("area", "t", False)[0].startswith("scratchpad -copy abc9.script.default.area")
    assert not FAMILIES[name].script("speed", "t", False)[0].startswith("scratchpad")


def test_a_carry_cell_of_two_bits_is_two_tables():
    assert FAMILIES["ecp5"].tables["CCU2C"] == FAMILIES["nexus"].tables["CCU2"] == 2
    assert FAMILIES["xc7"].tables["LUT1"] == FAMILIES["xc7"].tables["LUT6"] == 1
    assert all(count >= 1 for family in FAMILIES.values() for count in family.tables.values())


def test_pins_are_told_where_nextpnr_asks():
    assert FAMILIES["gowin"].pin_file().splitlines() == [
        'IO_LOC "clk" H11;', 'IO_LOC "rst" N16;', 'IO_LOC "i" N14;', 'IO_LOC "o" L14;']  # fmt: skip
    assert FAMILIES["gowin"].pin_file().endswith("\n")
    assert all(FAMILIES[name].pin_file() == "" for name in FAMILIES if name != "gowin")


def test_every_board_has_a_family_here():
    assert {board.family for board in BOARDS.values()} <= set(FAMILIES)


def test_what_can_be_placed_has_a_program():
    assert {name for name, family in FAMILIES.items() if family.placement} == {"ecp5", "ice40", "gowin", "gatemate"}
    assert all(bool(family.program) == bool(family.placement) for family in FAMILIES.values())
