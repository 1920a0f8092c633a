import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from hbfp.reference import parser_of
from hw.config import CoreConfig
from sim.network.energy import read_energy
from sim.network.synthesis import Physical, read_results
from tests.sim.messages import rejects

CONFIG = CoreConfig(mesh_rows=4, mesh_columns=4)
PUBLISHED = Path(__file__).parents[3] / "docs" / "density.json"


def row(**design) -> dict:
    usual = {"format": "hbfp4", "library": "nangate45", "dot": None, "rows": 4, "columns": 4, "cycles": 1}
    return {"design": usual | design, "area": 98.0, "period": 8.0}


def write(path, *rows) -> Path:
    path.write_text(json.dumps({"command": "python -m synth density", "failures": [], "rows": rows}))
    return path


def test_what_is_not_known_stays_unknown():
    assert Physical().seconds(1e6) is None

def test_clock():
    assert Physical(clock_mhz=500).seconds(1e6) == 2e-3


def test_reads_the_published_results():
    published = next(
        row for row in json.loads(PUBLISHED.read_text())["rows"]
        if (row["design"]["format"], row["design"]["rows"], row["design"]["library"]) == ("hbfp4", 4, "nangate45")
    )  # fmt: skip
    physical = read_results(PUBLISHED, CONFIG, "nangate45")
    assert physical.area_um2 == pytest.approx(published["area"] * 16 * 16 * 64)
    assert physical.clock_mhz == pytest.approx(1000 / published["period"])
    assert (physical.energy, physical.source) == (None, f"{PUBLISHED}, nangate45")


@pytest.mark.parametrize(
    ("design", "config"),
    [
        ({"format": "hbfp6"}, replace(CONFIG, mantissa_widths=(6,))),
        ({"format": "mixed46"}, replace(CONFIG, mantissa_widths=(4, 6))),
        ({"format": "hbfp4-aligned"}, replace(CONFIG, accumulator="aligned")),
        ({"format": "hbfp4/16"}, CoreConfig(block_size=16)),
        ({"dot": 16}, CoreConfig(dot=16)),
        ({"rows": 2, "columns": 8, "cycles": 3}, CoreConfig(tile_rows=2, tile_columns=8, accumulator_cycles=3, interleave=2)),
    ],
)  # fmt: skip
def test_finds_the_tile_of_the_core(tmp_path, design, config):
    path = write(tmp_path / "r.json", row(), row(accounting="array", **design), row(**design) | {"area": 5.0})
    assert read_results(path, config).area_um2 == 5.0 * config.macs_per_cycle


def test_a_period_that_is_not_known_is_left_out(tmp_path):
    assert read_results(write(tmp_path / "r.json", row() | {"period": None}), CONFIG).clock_mhz is None


def test_several_libraries_need_a_choice(tmp_path):
    path = write(tmp_path / "r.json", row(), row(library="asap7") | {"area": 9.0}, row(library="reference"))
    assert read_results(path, CONFIG, "asap7").area_um2 == 9.0 * CONFIG.macs_per_cycle
    with rejects(ValueError, "r.json has the tile in nangate45, asap7: library must be one of these"):
        read_results(path, CONFIG)


def test_rejects_a_file_without_the_tile(tmp_path):
    path = write(tmp_path / "r.json", row(), row(library="reference", rows=2))
    config = CoreConfig(block_size=32, dot=16, tile_rows=2, accumulator="bf16")
    start, flow = "r.json does not have this core's tile", "python -m synth density --formats"
    with rejects(ValueError, f"{start}: {flow} hbfp4-bf16/32 --tile 2x4 --dot 16 measures it"):
        read_results(path, config)
    with rejects(ValueError, f"{start} in asap7: {flow} hbfp4 --tile 4x4 measures it"):
        read_results(path, CONFIG, "asap7")


@pytest.mark.parametrize("read", [read_results, read_energy])
def test_the_command_that_it_names_can_be_typed(read, tmp_path):
    config = CoreConfig(block_size=32, dot=16, tile_columns=2, accumulator_cycles=2, tree_cycles=1)
    with pytest.raises(ValueError, match="measures it") as refused:
        read(write(tmp_path / "r.json"), config)
    words = re.search(r"python -m synth (.*) measures it$", str(refused.value))[1].split()
    assert parser_of("synth.__main__").parse_args(words).command == words[0]


@pytest.mark.parametrize("text", ["{}", "[1]", '{"rows": 1}', '{"clock_mhz": 0}', '[{"design": {}}]'])
def test_rejects_what_is_no_results_file(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with rejects(ValueError, "r.json is not a results file of python -m synth density --json"):
        read_results(tmp_path / "r.json", CONFIG)


def test_rejects_what_is_not_json(tmp_path):
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(ValueError, match=r"/r\.json is not JSON: "):
        read_results(tmp_path / "r.json", CONFIG)


def test_rejects_a_missing_file(tmp_path):
    path = tmp_path / "r.json"
    with rejects(FileNotFoundError, f"{path} does not exist; it is made by python -m synth density --json {path}"):
        read_results(path, CONFIG)
