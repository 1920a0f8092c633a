import re

import pytest

from hw.config import CoreConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mantissa_widths": (1,)}, "mantissa_width must be between 2 and 8, not 1"),
        ({"mantissa_widths": (6, 4)}, "mantissa_widths must ascend without repetition, not (6, 4)"),
        ({"dot": 5}, "dot must divide block_size 64, not be 5"),
        ({"lanes": 3}, "lanes must divide block_size 64, not be 3"),
        ({"dot": 4, "block_size": 12, "lanes": 3}, "lanes must divide dot 4 or be a multiple of it, not be 3"),
        ({"accumulator_cycles": 4}, "interleave must be at least 3 for accumulator_cycles 4, not 1"),
        ({"panel_columns": 6}, "panel_columns must be a multiple of the array's 4 columns, not 6"),
        (
            {"features": ("requantize",), "tile_columns": 3},
            "tile_columns must divide lanes 16 to requantize, not be 3",
        ),
        (
            {"features": ("requantize",), "tile_columns": 2, "panel_columns": 64},
            "tile_columns must be at least 3 to requantize 16 lanes, not 2",
        ),
        (
            {"features": ("requantize",)},
            "panel_columns must be a multiple of block_size 64 to requantize, not 4",
        ),
    ],
)
def test_rejects(values, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CoreConfig(**values)


def test_rejects_kinds():
    with pytest.raises(TypeError, match=r"^block_size must be an integer, not '64'$"):
        CoreConfig(block_size="64")


def test_survives_json():
    config = CoreConfig(mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), features=("packed",))
    assert CoreConfig.from_dict(config.to_dict()) == config


def test_bounds_of_sums():
    """64 products of 7 x 7 need 13 bits; a mixed machine's widest mantissas count."""
    assert CoreConfig().block_sum_bound == 64 * 49
    assert CoreConfig().block_sum_width == 13
    assert CoreConfig(mantissa_widths=(4, 6)).block_sum_bound == 64 * 31**2
    assert CoreConfig(mantissa_widths=(4, 6)).slices(6) == 2
