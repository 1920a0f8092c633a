"""What the bench of the parts around the array counts, without mapping anything."""

import pytest

from bench import core_area
from hw.config import CoreConfig
from synth.mapping.flow import Part, Synthesis, modules_of
from synth.mapping.liberty import find_library
from synth.mapping.recipes import EFFORTS

CONFIG = CoreConfig(
    block_size=16, tile_rows=1, tile_columns=1, mesh_rows=2, operand_depth=8, lanes=16, features=("packed", "patches")
)  # fmt: skip


@pytest.fixture
def mapped(monkeypatch):
    """Every part has an area of 32 and the core itself 64; what was asked for."""
    asked = {}

    def synthesise(verilog, top, names, library, **options):
        asked.update(verilog=verilog, top=top, names=names, options=options)
        parts = {name: Part(name, 32, 0, 0, {}, "", {}, "", memory_bits=10) for name in names}
        parts[top] = Part(top, 64, 0, 0, dict.fromkeys((name for name in names if name != top), 2), "", {}, "")
        return Synthesis(top, library.name, parts)

    monkeypatch.setattr(core_area, "synthesise", synthesise)
    return asked


def test_all_but_the_array_is_counted(mapped, tmp_path):
    efforts = list(EFFORTS)
    found, bits = core_area.around(CONFIG, find_library("reference", tmp_path), tmp_path)
    assert list(EFFORTS) == efforts, "what commands offer"
    names = set(mapped["names"])
    kinds = "loader_", "patch_origins", "patch_buffer", "core_"
    starts = {kind: sum(name.startswith(kind) for name in names) for kind in kinds}
    assert starts == {"loader_": 2, "patch_origins": 1, "patch_buffer": 1, "core_": 1}
    assert set(found) == set(core_area.PARTS)
    # CONFIG has 32 multiply-accumulates, each part but the core itself occurs twice.
    assert found["patch origins"] == 2
    assert sum(found.values()) == 2 + 2 * (len(names) - 1)
    assert bits == 20 * (len(names) - 1)
    mesh = [name for name in modules_of(mapped["verilog"]) if "mesh" in name]
    assert mesh == ["ram_mesh"], "a macro, which is not mapped"
    assert CONFIG.name not in mapped["verilog"]


def test_machines_are_sound_and_differ_by_a_feature():
    assert {config.rows * config.columns for config in core_area.MACHINES.values()} == {256}
    assert len(set(core_area.MACHINES.values())) == len(core_area.MACHINES)
