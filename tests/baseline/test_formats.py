"""What the table of formats says, against the formats as others describe them."""

import pytest

from hw.baseline.formats import FORMATS, format_named
from tests.baseline.outside import BLOCKS, FLOATS


@pytest.mark.parametrize("name", BLOCKS)
def test_block_formats_store_what_gfloat_says(name):
    form, block = FORMATS[name], BLOCKS[name]
    assert (form.element_bits, form.block_size, form.scale_bits) == (block.element_bits, block.k, block.scale_bits)
    assert form.bits_per_element == 8 * block.block_size_bytes / block.k
    assert form.significand_width == block.etype.precision
    assert form.scale_significand == block.stype.precision


@pytest.mark.parametrize("name", FLOATS)
def test_floats_store_what_gfloat_says(name):
    form, info = FORMATS[name], FLOATS[name]
    assert form.bits_per_element == form.element_bits == info.k == form.float_format.width
    assert (form.exponent_width, form.significand_width) == (info.expBits, info.precision)
    assert form.float_format.bias == info.bias


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("hbfp4", 4 + 8 / 64), ("hbfp4-bf16", 4 + 8 / 64), ("hbfp6", 6 + 8 / 64), ("hbfp4/16", 4.5), ("msfp12", 4.5),
        ("nvfp4", 4.5), ("int8", 8), ("int4-group", 4.25), ("int4-group/128", 4.125), ("ternary", 2), ("int8-ternary", 5),
        ("int8-binary", 4.5), ("int4", 4), ("mxfp4/16", 4.5),
    ],
)  # fmt: skip
def test_formats_without_an_outside_description(name, bits):
    assert format_named(name).bits_per_element == bits


@pytest.mark.parametrize("name", ["fp99", "hbfp4/", "hbfp4/0", "hbfp4/-16", "hbfp4/²", "hbfp4/x", "fp32/16", "int8/32"])
def test_rejects_unknown_formats_and_blocks_where_nothing_is_shared(name):
    known = ", ".join(FORMATS)
    with pytest.raises(ValueError, match=f"^format must be one of {known} \\(block formats with /N\\), not {name}$"):
        format_named(name)
