"""Small cores that differ in everything that decides a cycle count."""

from hw.config import CoreConfig

__all__ = ["MACHINES"]

MACHINES = {
    # One multiplier per unit, one unit per tile: the classic systolic array.
    "classic": CoreConfig(
        block_size=16, dot=1, tile_rows=1, tile_columns=1, mesh_rows=3, mesh_columns=2, operand_depth=32, lanes=4,
        features=("bias",),
    ),
    "tile": CoreConfig(
        mantissa_widths=(6,), block_size=32, tile_rows=3, tile_columns=2, operand_depth=24, panel_columns=4, lanes=16,
        features=("bfloat16",),
    ),
    "mesh": CoreConfig(
        mantissa_widths=(8,), block_size=16, dot=8, lanes=4, tile_rows=2, tile_columns=2, mesh_rows=2, mesh_columns=2,
        interleave=3, accumulator_cycles=4, tree_cycles=1, operand_depth=40, panel_columns=32,
        features=("requantize",),
    ),
    # A loop longer than the outputs in use, so that empty slots run; registers hold in them.
    "slots": CoreConfig(
        mantissa_widths=(4, 6), block_size=8, lanes=4, tile_rows=2, tile_columns=2, interleave=4, accumulator_cycles=5,
        operand_depth=12, panel_columns=6, queue_depth=2, result_panels=3, clock_gating=True,
    ),
    "mixed": CoreConfig(
        mantissa_widths=(4, 6), block_size=16, dot=8, lanes=16, tile_rows=1, tile_columns=4, mesh_rows=2,
        interleave=2, accumulator_cycles=2, tree_cycles=2, operand_depth=9, panel_columns=16, accumulator="aligned",
        features=("bfloat16", "requantize"),
    ),
    # No power of two anywhere.
    "ragged": CoreConfig(
        mantissa_widths=(5,), block_size=12, dot=6, lanes=3, tile_rows=5, tile_columns=1, mesh_columns=3,
        operand_depth=11, accumulator="bf16", queue_depth=1,
    ),
    "chains": CoreConfig(
        block_size=8, dot=4, lanes=2, tile_rows=1, tile_columns=2, mesh_rows=4, mesh_columns=3, interleave=5,
        accumulator_cycles=3, operand_depth=14, panel_columns=12, queue_depth=3, clock_gating=True,
    ),
    # Operands as packed blocks too: four chunks in a beat of the stream.
    "packed": CoreConfig(
        mantissa_widths=(4, 6), block_size=16, lanes=8, tile_rows=1, tile_columns=2, operand_depth=20,
        panel_columns=16, result_panels=4, features=("packed", "bias", "requantize"),
    ),
    # Everything a core can have on its way out, and bfloat16 on its way in.
    "features": CoreConfig(
        mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), block_size=16, tile_rows=2, tile_columns=2,
        lanes=4, panel_columns=32, operand_depth=64, features=("packed", "bfloat16", "bias", "requantize"),
    ),
    # Two lines of an operand side by side.
    "sides": CoreConfig(
        mantissa_widths=(4, 6), block_size=16, lanes=16, tile_rows=2, tile_columns=4, mesh_rows=2, operand_depth=20,
        panel_columns=16, load_lines=2, features=("packed", "bfloat16", "requantize"),
    ),
    # Four blocks joined before each addition, widths chosen by command.
    "joined": CoreConfig(
        mantissa_widths=(4, 6), block_size=8, lanes=4, tile_rows=2, tile_columns=2, mesh_columns=2, operand_depth=16,
        accumulator="fp32x4", accumulator_cycles=3, interleave=2, tree_cycles=1, panel_columns=8, features=("requantize",),
    ),
    # C by two streams, and A as a feature map, two positions at a time; then one at a time, into words of several beats.
    "maps": CoreConfig(
        mantissa_widths=(4, 6), block_size=16, lanes=16, tile_rows=2, tile_columns=4, mesh_rows=4, operand_depth=42,
        panel_columns=16, load_lines=2, result_streams=2, features=("packed", "bfloat16", "requantize", "patches"),
    ),
    "walks": CoreConfig(
        block_size=8, dot=4, lanes=2, tile_rows=3, tile_columns=2, mesh_columns=2, interleave=2, accumulator_cycles=3,
        operand_depth=40, accumulator="bf16", rounding_modes=("nearest", "stochastic"), features=("packed", "patches"),
    ),
    "single": CoreConfig(
        mantissa_widths=(3, 5, 7), block_size=1, tile_rows=1, tile_columns=1, operand_depth=64, panel_columns=3
    ),
}  # fmt: skip
