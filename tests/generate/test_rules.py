"""Every rule of a machine's parameters: what is said of each, alone and together."""

import re
from itertools import combinations

import pytest

from hw.config import CoreConfig
from hw.rules import Rules

KINDS = {
    "clock_gating must be true or false, not 1": {"clock_gating": 1},
    "mantissa_widths must be a tuple of integers, not [4]": {"mantissa_widths": [4]},
    "mantissa_widths must be a tuple of integers, not ()": {"mantissa_widths": ()},
    "mantissa_width must be an integer, not '4'": {"mantissa_widths": ("4",)},
    "mantissa_width must be an integer, not True": {"mantissa_widths": (True,)},
    "block_size must be an integer, not '64'": {"block_size": "64"},
    "exponent_width must be an integer, not 8.0": {"exponent_width": 8.0},
    "rounding_modes must be a tuple of names, not ()": {"rounding_modes": ()},
    "rounding_modes must be a tuple of names, not 'nearest'": {"rounding_modes": "nearest"},
    "dot must be an integer, not 4.0": {"dot": 4.0},
    "tile_rows must be an integer, not None": {"tile_rows": None},
    "interleave must be an integer, not True": {"interleave": True},
    "lanes must be an integer, not '1'": {"lanes": "1"},
    "panel_columns must be an integer, not 4.0": {"panel_columns": 4.0},
    "features must be a tuple of names, not ['bias']": {"features": ["bias"]},
}
"""Values of a wrong type."""

RANGES = {
    "mantissa_width must be between 2 and 8, not 1": {"mantissa_widths": (1,)},
    "mantissa_width must be between 2 and 8, not 9": {"mantissa_widths": (9,)},
    "mantissa_width must be between 2 and 10, not 11": {"mantissa_widths": (4, 11)},
    "mantissa_widths must ascend without repetition, not (6, 4)": {"mantissa_widths": (6, 4)},
    "mantissa_widths must ascend without repetition, not (4, 4)": {"mantissa_widths": (4, 4)},
    "block_size must be between 1 and 1024, not 0": {"block_size": 0},
    "block_size must be between 1 and 1024, not 1025": {"block_size": 1025},
    "exponent_width must be between 4 and 10, not 3": {"exponent_width": 3},
    "exponent_width must be between 4 and 10, not 11": {"exponent_width": 11},
    "rounding_modes must be distinct names out of nearest, stochastic, truncate, not up": {"rounding_modes": ("up",)},
    "rounding_modes must be distinct names out of nearest, stochastic, truncate, not nearest, nearest": {
        "rounding_modes": ("nearest", "nearest")
    },
    "dot must be between 1 and 64, not 0": {"dot": 0},
    "dot must be between 1 and 64, not 65": {"dot": 65},
    "dot must divide block_size 64, not be 5": {"dot": 5},
    "dot must be 128 with accumulator fp32x2, not 64": {"accumulator": "fp32x2", "dot": 64},
    "dot must be between 1 and 256, not 512": {"accumulator": "fp32x4", "dot": 512},
    "exponent_width must be at least 6 with accumulator fp32x2, not 5": {"accumulator": "fp32x2", "exponent_width": 5},
    "operand_depth must be a multiple of 4 with accumulator fp32x4, not 6": {"accumulator": "fp32x4", "operand_depth": 6},
    "tile_rows must be between 1 and 64, not 0": {"tile_rows": 0},
    "tile_columns must be between 1 and 64, not 65": {"tile_columns": 65},
    "mesh_rows must be between 1 and 64, not 65": {"mesh_rows": 65},
    "mesh_columns must be between 1 and 64, not 0": {"mesh_columns": 0},
    "interleave must be between 1 and 64, not 65": {"interleave": 65},
    "accumulator must be one of fp32, bf16, aligned, fp32x2, fp32x4, not fp64": {"accumulator": "fp64"},
    "accumulator_cycles must be between 1 and 12, not 13": {"accumulator_cycles": 13, "interleave": 12},
    "accumulator_cycles must be between 1 and 5, not 6": {
        "accumulator": "aligned", "accumulator_cycles": 6, "interleave": 12,
    },
    "tree_cycles must be between 0 and 5, not 6": {"tree_cycles": 6},
    "datapath must be one of structural, carry_chain, dsp, behavioral, not fast": {"datapath": "fast"},
    "interleave must be at least 3 for accumulator_cycles 4, not 1": {"accumulator_cycles": 4},
    "interleave must be at least 2 for accumulator_cycles 4, not 1": {"accumulator_cycles": 4, "dot": 32},
    "lanes must be between 1 and 64, not 65": {"lanes": 65},
    "lanes must divide block_size 64, not be 3": {"lanes": 3},
    "lanes must divide dot 4 or be a multiple of it, not be 3": {"dot": 4, "block_size": 12, "lanes": 3},
    "load_lines must be between 1 and 8, not 9": {"load_lines": 9},
    "load_lines must be a power of two, not 3": {
        "load_lines": 3, "lanes": 64, "features": ("packed",), "tile_rows": 3, "tile_columns": 3,
    },
    "tile_rows must be a multiple of load_lines 2, not 3": {
        "load_lines": 2, "lanes": 64, "features": ("packed",), "tile_rows": 3,
    },
    "lanes must be the whole block_size 64 for load_lines 2, not 16": {"load_lines": 2, "features": ("packed",)},
    "load_lines must be 1 without the feature packed, not 2": {"load_lines": 2, "lanes": 64},
    "load_lines must be at most the 7 blocks of a beat, not 8": {
        "load_lines": 8, "lanes": 64, "features": ("packed",), "tile_rows": 8, "tile_columns": 8,
    },
    "operand_depth must be between 2 and 65536, not 1": {"operand_depth": 1},
    "panel_columns must be between 4 and 4096, not 2": {"panel_columns": 2},
    "panel_columns must be a multiple of the array's 4 columns, not 6": {"panel_columns": 6},
    "result_panels must be between 2 and 16, not 1": {"result_panels": 1},
    "result_streams must be between 1 and 4, not 5": {"result_streams": 5},
    "result_streams must divide mesh_rows 3, not be 2": {"result_streams": 2, "mesh_rows": 3},
    "interleave must be 1 for result_streams 2, not 2": {"result_streams": 2, "mesh_rows": 2, "interleave": 2},
    "features must be without bias for result_streams 2, not bias": {
        "result_streams": 2, "mesh_rows": 2, "features": ("bias",),
    },
    "rounding_modes must be without stochastic to requantize for result_streams 2, not stochastic": {
        "result_streams": 2, "mesh_rows": 2, "features": ("requantize",), "rounding_modes": ("stochastic",),
        "panel_columns": 64,
    },
    "queue_depth must be between 1 and 64, not 0": {"queue_depth": 0},
    "features must be distinct names out of packed, bfloat16, bias, requantize, patches, not relu": {"features": ("relu",)},
    "features must be distinct names out of packed, bfloat16, bias, requantize, patches, not bias, bias": {
        "features": ("bias", "bias")
    },
    "tile_columns must divide lanes 16 to requantize, not be 3": {
        "features": ("requantize",), "tile_columns": 3, "panel_columns": 192,
    },
    "tile_columns must be at least 3 to requantize 16 lanes, not 2": {
        "features": ("requantize",), "tile_columns": 2, "panel_columns": 64,
    },
    "panel_columns must be a multiple of block_size 64 to requantize, not 4": {"features": ("requantize",)},
}  # fmt: skip
"""Values of a right type that break a rule."""


@pytest.mark.parametrize("message", KINDS)
def test_kinds(message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        CoreConfig(**KINDS[message])


@pytest.mark.parametrize("message", RANGES)
def test_ranges(message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CoreConfig(**RANGES[message])


@pytest.mark.parametrize("values", [
    {"mantissa_widths": (8,)}, {"mantissa_widths": (2, 10)}, {"block_size": 1}, {"block_size": 1024}, {"exponent_width": 4},
    {"exponent_width": 10}, {"tile_rows": 64}, {"interleave": 64}, {"accumulator_cycles": 12, "interleave": 8},
    {"accumulator": "aligned", "accumulator_cycles": 5, "interleave": 4}, {"tree_cycles": 5}, {"lanes": 64},
    {"operand_depth": 2}, {"operand_depth": 65536}, {"panel_columns": 4096}, {"queue_depth": 64},
    {"result_panels": 2}, {"result_panels": 16},
    {"features": ("requantize",), "panel_columns": 64},
])  # fmt: skip
def test_bounds_are_allowed(values):
    CoreConfig(**values)


def test_every_broken_rule_is_told():
    """In the order of the parameters; a wrong type makes it a ``TypeError``."""
    values = {
        "block_size": 0, "lanes": 70, "exponent_width": 3, "datapath": "fast", "queue_depth": 0, "mantissa_widths": (1, 11),
    }  # fmt: skip
    told = (
        "mantissa_width must be between 2 and 10, not 1; mantissa_width must be between 2 and 10, not 11; "
        "block_size must be between 1 and 1024, not 0; exponent_width must be between 4 and 10, not 3; "
        "datapath must be one of structural, carry_chain, dsp, behavioral, not fast; "
        "lanes must be between 1 and 64, not 70; queue_depth must be between 1 and 64, not 0"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        CoreConfig(**values)
    kind = told.replace("queue_depth must be between 1 and 64, not 0", "queue_depth must be an integer, not '4'")
    with pytest.raises(TypeError, match=f"^{re.escape(kind)}$"):
        CoreConfig(**values | {"queue_depth": "4"})


def test_any_two_broken_rules_are_told_without_a_traceback():
    """Whatever is broken, what depends on it says nothing, and nothing but the two errors is raised."""
    single = {**KINDS, **RANGES}
    pairs = [pair for pair in combinations(single, 2) if not set(single[pair[0]]) & set(single[pair[1]])]
    told = [_told(single[one] | single[other]) for one, other in pairs]
    assert all(re.fullmatch(r"\w+ must .*, not .*", text) for texts in told for text in texts)
    both = sum({one, other} <= set(texts) for (one, other), texts in zip(pairs, told, strict=True))
    assert both > 900


def _told(values: dict) -> list[str]:
    """Rules that are broken; one value may heal the other."""
    try:
        CoreConfig(**values)
    except (TypeError, ValueError) as error:
        return str(error).split("; ")
    return []


def test_sound_rules_raise_nothing():
    class Subject:
        size = 3

    rules = Rules(Subject())
    rules.integer("size", 1, 3)
    rules.enforce()
    assert rules.sound("size")
    rules.breaks("size", "be odd twice, not 3")
    assert not rules.sound("other", "size")
    with pytest.raises(ValueError, match=r"^size must be odd twice, not 3$"):
        rules.enforce()
