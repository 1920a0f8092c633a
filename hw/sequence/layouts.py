"""What goes into the sequencer, and what it says of an output tile."""

from amaranth.lib import data

from hw.command import PATCH_FIELDS, SIZE_WIDTH
from hw.config import CoreConfig

__all__ = ["product_layout", "tile_layout"]


def product_layout(config: CoreConfig) -> data.StructLayout:
    """What the sequencer needs of a job."""
    sizes = ("rows", "columns", "row_groups", "blocks", "column_groups")
    flags = ("load_a", "load_b", "accumulate", "store")
    walk = {name: PATCH_FIELDS[name] for name in ("patches", "kernel_rows", "kernel_columns", "dilation_columns")}
    walk |= {"channel_blocks": SIZE_WIDTH, "pitch": SIZE_WIDTH, "tap_jump": config.position_width}
    shapes = dict.fromkeys(sizes, SIZE_WIDTH) | dict.fromkeys(flags, 1) | {"width_a": 4, "width_b": 4}
    return data.StructLayout(shapes | (walk if config.walks else {}))


def tile_layout(config: CoreConfig) -> data.StructLayout:
    """An output tile on its way out.

    Attributes
    ----------
    valid
        there is one this cycle.
    slots
        outputs per unit in use.
    rows, columns
        of the panel of C that the tile is part of.
    panel_tile
        the tile's place in the panel.
    panel_last
        the panel is complete with it.
    last
        and C too.
    """
    return data.StructLayout(
        {
            "valid": 1,
            "slots": range(config.interleave + 1),
            "rows": range(config.output_rows + 1),
            "columns": range(config.panel_columns + 1),
            "panel_tile": range(config.panel_tiles),
            "panel_last": 1,
            "last": 1,
        }
    )
