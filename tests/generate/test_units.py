"""Every component that can be generated alone."""

import re

import pytest

from hw.config import FEATURES, CoreConfig
from hw.emit import ports_of
from hw.units import UNITS, make_unit

CONFIG = CoreConfig(
    (4, 6), block_size=8, tile_rows=1, tile_columns=2, mesh_rows=2, operand_depth=4, panel_columns=8, lanes=4,
    features=FEATURES,
)  # fmt: skip


@pytest.mark.parametrize("name", UNITS)
def test_unit_has_a_name_of_its_kind_and_ports(name):
    unit = make_unit(name, CONFIG)
    assert unit.module_name.startswith(name)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", unit.module_name)
    assert {flow for _, flow, _ in ports_of(unit)} == {"in", "out"}


def test_names_are_distinct():
    names = [make_unit(name, CONFIG).module_name for name in UNITS]
    assert len(set(names)) == len(names)


def test_parts_fit_together():
    """Units made alone have the ports that the core connects."""
    mesh, results = make_unit("mesh", CONFIG), make_unit("result_buffer", CONFIG)
    assert results.result_width == mesh.result_width
    loader, buffer = make_unit("loader", CONFIG), make_unit("operand_buffer", CONFIG)
    assert loader.write.shape() == buffer.write.shape()
    assert make_unit("sequencer", CONFIG).read_a.shape() == buffer.read.shape()
    assert make_unit("block_packer", CONFIG).i.payload.shape() == make_unit("block_quantizer", CONFIG).o.payload.shape()


def test_unknown_unit_is_told_which_there_are():
    with pytest.raises(ValueError, match=f"^unit must be one of {', '.join(UNITS)}, not adder$"):
        make_unit("adder", CONFIG)
