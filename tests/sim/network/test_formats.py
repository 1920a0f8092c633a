"""Names of cores' formats are those of the synthesis flow."""

import pytest

from hw.baseline.formats import format_named
from hw.config import CoreConfig
from sim.network.formats import format_name


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (CoreConfig(), "hbfp4"),
        (CoreConfig(mantissa_widths=(6,), block_size=32), "hbfp6/32"),
        (CoreConfig(mantissa_widths=(4, 6)), "mixed46"),
        (CoreConfig(accumulator="aligned"), "hbfp4-aligned"),
        (CoreConfig(mantissa_widths=(8,), accumulator="bf16", block_size=16), "hbfp8-bf16/16"),
    ],
)
def test_a_core_has_the_name_of_its_format(config, name):
    assert format_name(config) == name
    assert format_named(name).block_size == config.block_size
