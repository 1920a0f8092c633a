"""Tables of a library: interpolated, extrapolated, in either order of their axes; and what a cell's arcs are made of."""

import pytest

from synth.mapping.arcs import Tables, TimingTable, tables_of
from synth.mapping.liberty import Group, find_library

TEMPLATE = Group({"variable_1": "input_net_transition", "variable_2": "total_output_net_capacitance", "index_1": "1, 3",
                  "index_2": "10, 20, 40"})  # fmt: skip
VALUES = "1, 2, 4, 3, 4, 8"


def table(template=TEMPLATE, **attributes):
    return TimingTable(Group(attributes), template)


@pytest.mark.parametrize(
    ("transition", "load", "value"),
    [
        (1, 10, 1), (1, 15, 1.5), (1, 30, 3), (3, 20, 4), (2, 10, 2), (2, 15, 2.5), (2, 40, 6),
        (1, 50, 5), (1, 0, 0), (4, 10, 4), (0, 10, 0),
    ],
)  # fmt: skip
def test_between_points_and_beyond_them(transition, load, value):
    assert table(values=VALUES)(transition, load) == pytest.approx(value)


def test_axes_of_the_table_itself_count_before_the_template():
    assert table(values=VALUES, index_2="1, 2, 4")(1, 3) == pytest.approx(3)


def test_load_first_is_the_same_table():
    turned = Group({"variable_1": "total_output_net_capacitance", "variable_2": "input_net_transition",
                    "index_1": "10, 20, 40", "index_2": "1, 3"})  # fmt: skip
    other = table(turned, values="1, 3, 2, 4, 4, 8")
    assert all(other(t, x) == pytest.approx(table(values=VALUES)(t, x)) for t in (0, 1, 2, 5) for x in (5, 10, 25, 60))


def test_of_one_axis_or_none():
    by_load = Group({"variable_1": "total_output_net_capacitance", "index_1": "1, 2"})
    assert table(by_load, values="5, 7")(99, 1.5) == pytest.approx(6)
    assert table(Group({"variable_1": "input_net_transition", "index_1": "1, 2"}), values="5, 7")(1.5, 99) == pytest.approx(6)
    assert table(Group(), values="0.25")(3, 4) == 0.25


LIBRARY = """library (x) {{
  time_unit : "{time}"; {load}
  cell (LATCH) {{ area : 1; latch (q, n) {{ enable : "E"; }}
    pin (D) {{ direction : input; rise_capacitance : 2; fall_capacitance : 3; capacitance : 9; }}
    pin (Q) {{ direction : output; function : "q"; max_capacitance : 7;
      timing () {{ related_pin : "D"; cell_rise (scalar) {{ values ("1"); }} rise_transition (scalar) {{ values ("1"); }} }} }} }}
  cell (GATE) {{ area : 1;
    pin (A) {{ direction : input; capacitance : 4; }}
    pin (B) {{ direction : input; capacitance : 4; }}
    pin (Y) {{ direction : output; function : "A";
      timing () {{ related_pin : "A B"; timing_sense : {sense}; timing_type : {kind};
        cell_rise (scalar) {{ values ("5"); }} rise_transition (scalar) {{ values ("6"); }}
        cell_fall (scalar) {{ values ("7"); }} fall_transition (scalar) {{ values ("8"); }} }} }} }}
  cell (DFF) {{ area : 1; ff (q, n) {{ clocked_on : "CK"; next_state : "D"; }}
    pin (D) {{ direction : input; timing () {{ related_pin : "CK"; timing_type : setup_rising;
      rise_constraint (scalar) {{ values ("0.5"); }} fall_constraint (scalar) {{ values ("0.6"); }} }} }}
    pin (CK) {{ direction : input; }} }}
}}
"""


def opened(folder, time="1ns", load="capacitive_load_unit (1, pf);", sense="negative_unate", kind="combinational"):
    path = folder / "x.lib"
    path.write_text(LIBRARY.format(time=time, load=load, sense=sense, kind=kind))
    return Tables(path), find_library.__wrapped__(str(path), folder)


@pytest.mark.parametrize(
    ("time", "load", "ns", "femtofarad"),
    [
        ("1ns", "capacitive_load_unit (1, pf);", 1.0, 1000.0), ("1ps", "capacitive_load_unit (1, ff);", 1e-3, 1.0),
        ("1fs", "capacitive_load_unit (0.5, fF);", 1e-6, 0.5), ("1ns", "", 1.0, 1000.0),
    ],
)  # fmt: skip
def test_units(time, load, ns, femtofarad, tmp_path):
    tables, _ = opened(tmp_path, time, load)
    assert (tables.unit, tables.femtofarad) == (ns, femtofarad)


@pytest.mark.parametrize(
    ("sense", "pairs"),
    [
        ("negative_unate", {(1, 0), (0, 1)}), ("positive_unate", {(0, 0), (1, 1)}),
        ("non_unate", {(0, 0), (1, 0), (0, 1), (1, 1)}),
    ],
)  # fmt: skip
def test_edges_that_cause_edges(sense, pairs, tmp_path):
    tables, library = opened(tmp_path, sense=sense)
    arcs = tables.cell("GATE", library)
    assert {(source, place) for _, _, source, place, _, _ in arcs.delays} == pairs
    assert {name for name, *_ in arcs.delays} == {"A", "B"}
    assert all((delay(0, 0), slope(0, 0)) == ((5, 6), (7, 8))[place] for *_, place, delay, slope in arcs.delays)


@pytest.mark.parametrize("kind", ["rising_edge", "falling_edge"])
def test_a_clock_launches(kind, tmp_path):
    tables, library = opened(tmp_path, kind=kind)
    arcs = tables.cell("GATE", library)
    assert arcs.delays == []
    assert [(pin, place, delay(0, 0)) for pin, place, delay, _ in arcs.launches] == [("Y", 0, 5), ("Y", 1, 7)]


@pytest.mark.parametrize("kind", ["three_state_enable", "clear"])
def test_other_kinds_of_arcs_are_left_out(kind, tmp_path):
    tables, library = opened(tmp_path, kind=kind)
    assert not tables.cell("GATE", library).delays
    assert not tables.cell("GATE", library).launches


def test_set_up_times_loads_and_limits(tmp_path):
    tables, library = opened(tmp_path)
    assert [(pin, place, value(0, 0)) for pin, place, value in tables.cell("DFF", library).setups] == [
        ("D", 0, 0.5), ("D", 1, 0.6)]  # fmt: skip
    latch = tables.cell("LATCH", library)
    assert latch.loads["D"] == (2, 3)
    assert latch.limits == {"Q": 7}
    assert latch.delays == []  # of latches and clock gates no arc is followed
    assert tables.cell("LATCH", library) is latch


def test_a_file_is_read_once(tmp_path):
    opened(tmp_path)
    assert tables_of(tmp_path / "x.lib") is tables_of(tmp_path / "x.lib")
