import json
from dataclasses import replace

import pytest

from hw.config import CoreConfig
from sim import estimate
from sim.network.energy import Energy, read_energy
from sim.network.parallel import Cluster, Link
from sim.network.synthesis import Physical
from sim.study.explore import evaluate
from sim.workloads import load
from tests.sim.messages import rejects

CONFIG = CoreConfig(mesh_rows=2, mesh_columns=2)


def row(**design) -> dict:
    usual = {"format": "hbfp4", "library": "nangate45", "dot": None, "cycles": 1, "tree_cycles": 0, "statistics": "digits",
             "delays": "inertial"}  # fmt: skip
    return {"design": usual | design, "energy": 200.0, "idle": 50.0, "period": 4.0}


def write(path, *rows):
    path.write_text(json.dumps({"rows": rows}))
    return path


def test_a_product_by_hand():
    """8×8 units of 64 products: a step reads 16 blocks of 64 mantissas of 4 bits and an exponent of 8."""
    energy = Energy(mac=0.5, idle=0.25, buffer=2.0, dram=100.0)
    found = energy.joules(CONFIG, passes=4000, slots=5000, steps=3, results=7, traffic=10)
    assert found == pytest.approx({
        "arrays": 2000e-12, "idle": 250e-12, "buffers": (3 * 16 * 264 / 8 + 7 * 8) * 2e-12, "dram": 1000e-12,
    }, rel=1e-12)  # fmt: skip


def test_parts_and_rows_sum_to_the_step():
    physical = Physical(clock_mhz=250, energy=Energy(0.2, 0.05))
    result = estimate(load("resnet20"), CONFIG, physical=physical)
    summary = result.summary()
    parts = [name for name in summary if name.startswith("joules_")]
    assert parts == ["joules_arrays", "joules_idle", "joules_buffers", "joules_dram"]
    assert summary["joules"] == pytest.approx(sum(summary[name] for name in parts))
    for name in parts:
        assert summary[name] == pytest.approx(sum(record[name] for record in result.records()))
    assert summary["joules_arrays"] == pytest.approx(summary["macs"] * 0.2e-12)
    slots = summary["cycles"] * CONFIG.macs_per_cycle
    assert summary["joules_idle"] == pytest.approx((slots - summary["macs"]) * 0.05e-12)
    assert summary["joules_dram"] == pytest.approx(summary["bytes"] * 162.5e-12)
    assert summary["watts"] == pytest.approx(summary["joules"] / summary["seconds"])
    assert summary["macs_per_joule"] == pytest.approx(summary["macs"] / summary["joules"])


def test_six_bits_take_four_passes_of_energy():
    physical = Physical(energy=Energy(0.2, 0.0))
    config = replace(CONFIG, mantissa_widths=(4, 6))
    narrow, wide = (estimate(load("resnet20"), config, schedule=name, physical=physical).summary() for name in ("all-4", "all-6"))
    assert wide["joules_arrays"] == pytest.approx(4 * narrow["joules_arrays"])


def test_cores_share_the_work_and_not_the_energy():
    physical, workload = Physical(energy=Energy(0.2, 0.0)), load("resnet20", batch=4)
    one, two = (estimate(workload, CONFIG, physical=physical, cluster=Cluster(data=n, link=Link(64))).summary() for n in (1, 2))
    assert two["joules_arrays"] == one["joules_arrays"]
    assert two["joules_buffers"] == pytest.approx(one["joules_buffers"], rel=0.01)


def test_reads_the_unit_of_the_core(tmp_path):
    other = [row(statistics="uniform"), row(delays="none"), row(clock_gating=True), row(cycles=3), row(format="hbfp6"), row(dot=16)]
    others = [{**r, "energy": 1.0} for r in other]
    path = write(tmp_path / "e.json", *others, row(), *others)
    assert read_energy(path, replace(CONFIG, clock_gating=True))[0].mac == 0.001
    energy, clock = read_energy(path, CONFIG)
    assert (energy.mac, energy.idle, clock) == (0.2, 0.05, 250.0)
    assert energy.source == f"{path}, nangate45"
    point = {"mesh": "2x2", "energy": str(path), "dram_energy": 10.0}
    result = evaluate("resnet20", point)
    assert result.physical == Physical(clock_mhz=250.0, energy=replace(energy, dram=10.0))
    assert evaluate("resnet20", point | {"clock_mhz": 100.0}).physical.clock_mhz == 100.0


def test_several_libraries_need_a_choice(tmp_path):
    path = write(tmp_path / "e.json", row(), row(library="sky130") | {"energy": 900.0})
    assert read_energy(path, CONFIG, "sky130")[0].mac == 0.9
    with rejects(ValueError, "e.json has the unit in nangate45, sky130: library must be one of these"):
        read_energy(path, CONFIG)


def test_rejects_a_file_without_the_unit(tmp_path):
    path, measure = write(tmp_path / "e.json", row(cycles=3)), "python -m synth energy --formats hbfp4"
    stages = "--accumulator-cycles 1 --tree-cycles 0 measures it"
    with rejects(ValueError, f"e.json does not have this core's unit in tiles of 4x4: {measure} {stages}"):
        read_energy(path, CONFIG)
    with rejects(ValueError, f"e.json does not have this core's unit in sky130 in tiles of 4x4: {measure} {stages}"):
        read_energy(write(path, row()), CONFIG, "sky130")
    with rejects(ValueError, f"e.json does not have this core's unit in tiles of 4x4: {measure} {stages}"):
        read_energy(path, replace(CONFIG, tile_rows=2))


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": [{}]}', '{"rows": 3}', "\xff"])
def test_rejects_what_is_no_results_file(tmp_path, text):
    (tmp_path / "e.json").write_text(text, "latin-1")
    with rejects(ValueError, "e.json is not a results file of python -m synth energy --json"):
        read_energy(tmp_path / "e.json", CONFIG)


def test_rejects_a_missing_file(tmp_path):
    path = tmp_path / "e.json"
    with rejects(FileNotFoundError, f"{path} does not exist; it is made by python -m synth energy --json {path}"):
        read_energy(path, CONFIG)


def test_rejects_energies_below_zero():
    with rejects(ValueError, "energy dram must be a finite number of pJ of at least 0, not -1"):
        Energy(1, 1, dram=-1)
