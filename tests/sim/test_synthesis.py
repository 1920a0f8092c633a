import json

import pytest

from sim.synthesis import Physical, read_results
from tests.sim.messages import rejects


def test_what_is_not_known_stays_unknown():
    assert Physical().seconds(1e6) is None
    assert Physical().joules(1e6) is None


def test_clock_and_energy():
    assert Physical(clock_mhz=500).seconds(1e6) == 2e-3
    assert Physical(energy_per_mac_pj=0.5).joules(2e12) == 1.0


def test_reads_what_is_there(tmp_path):
    (tmp_path / "core.json").write_text(json.dumps({"area_um2": 1.5e5, "tool": "yosys"}))
    physical = read_results(tmp_path / "core.json")
    assert (physical.area_um2, physical.clock_mhz, physical.source) == (1.5e5, None, str(tmp_path / "core.json"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "core.json holds none of area_um2, clock_mhz, energy_per_mac_pj"),
        ("[1]", "core.json holds none of area_um2, clock_mhz, energy_per_mac_pj"),
        ('{"clock_mhz": 0}', "core.json: clock_mhz must be above 0, not 0"),
        ('{"clock_mhz": "fast"}', "core.json: clock_mhz must be above 0, not fast"),
    ],
)
def test_rejects(tmp_path, text, message):
    (tmp_path / "core.json").write_text(text)
    with rejects(ValueError, message):
        read_results(tmp_path / "core.json")


def test_rejects_what_is_not_json(tmp_path):
    (tmp_path / "core.json").write_text("{")
    with pytest.raises(ValueError, match=r"^core\.json is not JSON: "):
        read_results(tmp_path / "core.json")


def test_rejects_a_missing_file(tmp_path):
    with rejects(FileNotFoundError, f"{tmp_path}/core.json does not exist; it is made by the synthesis flow"):
        read_results(tmp_path / "core.json")
