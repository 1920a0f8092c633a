"""Tables and pages hold the measured rows and nothing else; the pipelines are those that the search has found."""

import re
from pathlib import Path

import pytest

from synth.energy.measure import EnergyDesign, EnergyRow
from synth.energy.plot import plot_energy
from synth.energy.sets import JOINED, PIPELINES, RELAXED, equal_clock_designs, relaxed_designs
from synth.energy.table import energy_sections, energy_tables
from synth.report.clocks import at_clock, equal_clock
from synth.report.pages import rewrite
from synth.sweep import load

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "energy.json"


def row(name, energy, statistics="digits", delays="inertial", clock: float | None = 2.1, library="small", idle=6.0, gated=False):
    design = EnergyDesign(name, library, statistics, delays, clock=clock, clock_gating=gated)
    return EnergyRow(design, energy, {"core": energy - 4, "clock": 4.0}, 7.0, clock or 9.0, 1.5, 30.0, idle, 64)


ROWS = [row("hbfp4", 20.0), row("hbfp4", 16.0, delays="none"), row("hbfp4", 90.0, delays="transport"), row("fp32", 700.0),
        row("fp32", 400.0, delays="none"), row("hbfp4", 25.0, "uniform"), row("fp32", 500.0, "uniform"),
        row("hbfp4", 30.0, clock=None)]  # fmt: skip


def test_the_pipelines_are_the_smallest_at_equal_clock():
    rows = load(ROOT / "docs" / "density.json")
    for name, pipeline in (PIPELINES | JOINED).items():
        found = at_clock(rows, "nangate45", name, equal_clock("nangate45")).design
        assert (found.cycles, found.tree_cycles, found.target) == pipeline, name


def test_designs_of_other_libraries_are_as_much_slower():
    designs = equal_clock_designs("sky130")
    assert {design.clock for design in designs} == {9.45}
    assert {design.target for design in designs if design.format == "int4"} == {28.039}
    assert {design.format for design in relaxed_designs("sky130")} == set(RELAXED)
    assert {design.dot for design in designs if design.format == "fp32"} == {8}


def test_a_line_has_floor_glitches_ceiling_and_ratios_of_one_kind():
    tables = energy_tables(ROWS)
    assert [table.title for table in tables] == [
        "All at 2.1 ns, small", "What it is made of: all at 2.1 ns, small", "Each as small as it gets, small",
        "What it is made of: each as small as it gets, small"]  # fmt: skip
    assert tables[0].lines == [
        ["hbfp4", "16", "20", "90", "25", "1.00", "1.00", "1.00"],
        ["fp32", "400", "700", "–", "500", "25.00", "35.00", "20.00"],
    ]
    assert tables[1].lines[0] == ["hbfp4", "1/0", "1.50", "20", "16", "0", "0", "0", "4", "0", "7", "30", "6", "26"]
    assert tables[2].lines == [["hbfp4", "–", "30", "–", "–", "–", "1.00", "–"]]


def test_joined_blocks_are_beside_single_ones_on_operands_of_their_own():
    hidden = [row("hbfp4", 40.0, "hidden"), row("hbfp4-fp32x2", 30.0, "hidden"), row("hbfp4-fp32x2", 24.0, "hidden", "none")]
    table = energy_tables([*ROWS, *hidden])[2]
    assert table.title == "Joined blocks: all at 2.1 ns, small"
    assert table.lines == [["hbfp4", "–", "40", "–", "1.00"], ["hbfp4-fp32x2", "24", "30", "–", "0.75"]]
    assert [line[0] for line in energy_tables([*ROWS, *hidden])[0].lines] == ["hbfp4", "fp32"]


@pytest.mark.parametrize(("energy", "half", "even"), [(21.0, "23", "80 %"), (19.0, "21", "100 %")])
def test_gated_units_are_beside_plain_ones_and_in_no_other_table(energy, half, even):
    """One fJ more when busy is won back by four less when idle: a quarter of an idle cycle for each busy one."""
    rows = [row("hbfp4", energy, idle=2.0, gated=True), *ROWS]
    tables = energy_tables(rows)
    assert tables[2].title == "Clock gating: all at 2.1 ns, small"
    assert tables[2].lines == [["hbfp4", "1.50", "1.50", "20.0", "6.0", f"{energy:.1f}", "2.0", "26", half, even]]
    assert [table for table in tables if table is not tables[2]] == energy_tables(ROWS)
    assert energy_sections(rows)["energy summary"] == energy_sections(ROWS)["energy summary"]


def test_the_first_page_says_both_bounds():
    text = energy_sections(ROWS)["energy summary"]
    assert "HBFP4 20 fJ per multiply-accumulate of a trained network (16 without glitches)" in text
    assert "FP32 35.0 (25.0)." in text


def test_a_picture_needs_energies_with_glitches(tmp_path):
    plot_energy(ROWS, tmp_path / "energy.png")
    assert (tmp_path / "energy.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"^a plot needs energies with glitches of a trained network's operands$"):
        plot_energy(ROWS[1:2], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.skipif(not PUBLISHED.exists(), reason="not measured yet")
@pytest.mark.parametrize("page", ["README.md", "docs/energy.md"])
def test_pages_hold_the_published_rows(tmp_path, page):
    copy = tmp_path / "page.md"
    copy.write_text((ROOT / page).read_text())
    command = f"python -m synth energy --from docs/energy.json --into {page}"
    assert not rewrite(copy, energy_sections(load(PUBLISHED, EnergyRow))), command


@pytest.mark.skipif(not PUBLISHED.exists(), reason="not measured yet")
def test_floor_glitches_and_ceiling_are_in_order():
    found = {}
    for r in load(PUBLISHED, EnergyRow):
        d = r.design
        found.setdefault((d.format, d.library, d.clock, d.statistics, d.clock_gating), {})[d.delays] = r
        assert sum(r.parts.values()) == pytest.approx(r.energy)
        assert d.clock is None or r.least_period <= d.clock
    for ways in found.values():
        energies = [ways[name].energy for name in ("none", "inertial", "transport") if name in ways]
        assert energies == sorted(energies)
        assert len({round(way.idle, 3) for way in ways.values()}) == 1
    assert re.search("hbfp4", str(list(found)))
