"""What the sequencer is given and says of tiles: every value of every field fits."""

import pytest

from hw.config import CoreConfig
from hw.sequence.layouts import product_layout, tile_layout


@pytest.mark.parametrize("config", [
    CoreConfig(), CoreConfig(block_size=4, tile_rows=3, tile_columns=5, mesh_columns=2, interleave=7, panel_columns=40),
])  # fmt: skip
def test_a_tile_s_extremes_fit(config):
    layout = tile_layout(config)
    most = {
        "slots": config.interleave, "rows": config.output_rows, "columns": config.panel_columns,
        "panel_tile": config.panel_tiles - 1, "valid": 1, "panel_last": 1, "last": 1,
    }  # fmt: skip
    fields = layout.from_bits(layout.const(most).as_bits())
    assert {name: getattr(fields, name) for name in most if layout[name].width} == {
        name: value for name, value in most.items() if layout[name].width
    }


def test_sizes_of_a_product_have_those_of_a_command():
    layout = product_layout(CoreConfig())
    for name in ("rows", "columns", "row_groups", "blocks", "column_groups"):
        assert layout[name].width == 16
    assert layout["width_a"].width == layout["width_b"].width == 4
