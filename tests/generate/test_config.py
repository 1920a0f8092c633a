"""What a machine's description makes of its parameters."""

import pytest

from hw.accumulate.block_accumulator import BlockAccumulator
from hw.config import ACCUMULATORS, CoreConfig


def test_names_in_any_order_are_the_same_machine():
    """Roundings and features are sets, kept in the order of their numbers."""
    one = CoreConfig(rounding_modes=("stochastic", "nearest"), features=("bias", "packed"))
    assert one == CoreConfig(rounding_modes=("nearest", "stochastic"), features=("packed", "bias"))
    assert (one.rounding_modes, one.features) == (("nearest", "stochastic"), ("packed", "bias"))


def test_what_is_left_out_is_derived():
    config = CoreConfig(block_size=48, tile_columns=3, mesh_columns=2)
    assert (config.dot, config.lanes, config.panel_columns) == (48, 16, 6)
    assert CoreConfig(block_size=48, dot=4).lanes == 16
    assert CoreConfig(block_size=7).lanes == 7


@pytest.mark.parametrize("cycles", range(1, 13))
@pytest.mark.parametrize("kind", ACCUMULATORS)
def test_loop_is_that_of_the_accumulator(kind, cycles):
    """What models build on is what the component's boundaries give."""
    if kind == "aligned" and cycles > 5:
        return
    config = CoreConfig(accumulator=kind, accumulator_cycles=cycles, interleave=12)
    accumulator = BlockAccumulator(config.accumulator_kind, config.block_sum_width, config.scale_width, 12, cycles)
    assert config.loop_cycles == accumulator.loop_cycles


def test_survives_json():
    config = CoreConfig(mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), features=("packed",))
    assert CoreConfig.from_dict(config.to_dict()) == config


def test_bounds_of_sums():
    """64 products of 7 x 7 need 13 bits; a mixed machine's widest mantissas count."""
    assert CoreConfig().block_sum_bound == 64 * 49
    assert CoreConfig().block_sum_width == 13
    assert CoreConfig(mantissa_widths=(4, 6)).block_sum_bound == 64 * 31**2
    assert CoreConfig(mantissa_widths=(4, 6)).slices(6) == 2
