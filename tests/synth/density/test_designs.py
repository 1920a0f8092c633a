"""From a format to its tile, and the reference that its unit is held to, without a synthesis."""

from fractions import Fraction
from random import Random

import pytest

from hw.baseline.formats import FORMATS, format_named
from synth.density.designs import _Model, _words, config_for, tile_for
from synth.mapping.oracle import element_value, float_word


@pytest.mark.parametrize("name", FORMATS)
def test_a_block_in_every_cycle_or_those_that_are_joined(name):
    form = format_named(name)
    config = config_for(form)
    assert config.block_size == (form.block_size or 64)
    assert config.dot == config.block_size * int(name.partition("fp32x")[2] or 1)
    assert (config.rows, config.columns, config.interleave) == (4, 4, 1)
    assert tile_for(form, config).module_name.startswith("tile_")


@pytest.mark.parametrize(("name", "widths"), [("hbfp4", (4,)), ("hbfp8", (8,)), ("mixed46", (4, 6)), ("fp32", (4,))])
def test_widths_of_mantissas(name, widths):
    assert config_for(format_named(name)).mantissa_widths == widths


def test_shapes_and_pipelines():
    config = config_for(format_named("hbfp4-aligned"), 16, 2, 8, 3, 2)
    assert (config.dot, config.block_size, config.tile_rows, config.tile_columns) == (16, 64, 2, 8)
    assert (config.accumulator, config.accumulator_cycles, config.tree_cycles, config.interleave) == ("aligned", 3, 2, 2)
    assert config_for(format_named("mxfp4"), 64).dot == 32, "no more than the format's block"
    assert config_for(format_named("int8"), 8).block_size == 8


def test_only_our_units_have_clock_gating():
    assert config_for(format_named("hbfp6"), clock_gating=True).clock_gating
    with pytest.raises(ValueError, match=r"^clock_gating must be of an HBFP format, not of int8$"):
        config_for(format_named("int8"), clock_gating=True)


@pytest.mark.parametrize(("name", "side"), [
    ("hbfp4", "a"), ("int8", "a"), ("mxfp6-e2m3", "a"), ("bf16", "a"), ("fp32", "a"), ("int8-ternary", "a"),
    ("int8-ternary", "b"),
])  # fmt: skip
def test_words_are_elements_with_extremes_among_them(name, side):
    form, rng = format_named(name), Random(5)
    words = [word for _ in range(60) for word in _words(rng, form, 8, side)]
    bits = form.bits_of(side)
    assert all(0 <= word < 1 << bits for word in words)
    assert len(set(words)) > min(8, 2**bits - 1)
    signs = {word >> bits - 1 for word in words}
    assert signs == {0, 1}


def model(name):
    form = format_named(name)
    return _Model(form, config_for(form), config_for(form).block_sum_width)


def test_block_formats_add_sign_and_magnitude_in_fp32():
    unit = model("hbfp4")
    assert unit.add([0b0111, 0b1010], [0b0011, 0b0001], [0], 1, False) == float_word(7.0 * 3 - 2)
    assert unit.add([0b1111], [0b0111], [-1], 1, False) == float_word(19 - 24.5)
    assert unit.add([0], [0], [0], 1, True) == 0x7FC00000


def test_joined_blocks_are_rounded_once():
    unit = model("hbfp4-fp32x2")
    assert unit.add([0b0111, 0b1010], [0b0011, 0b0001], [1, 0], 1, False) == float_word(42.0 - 2)
    assert unit.add([0b0001, 0b0001], [0b0001, 0b0001], [0, -3], 1, False) == float_word(40 + 1.125)


def test_integers_are_two_s_complement_and_wrap():
    unit = model("int8")
    assert unit.add([0x80, 0x7F], [0x80, 0x01], [0], 1, False) == 16384 + 127
    unit.integer = 2**32 - 1
    assert unit.add([1], [2], [0], 1, False) == 1


def test_scaled_formats_multiply_their_factors():
    unit, form = model("mxfp6-e2m3"), format_named("mxfp6-e2m3")
    e, s = form.exponent_width, form.significand_width
    exact = element_value(0b011111, e, s) * element_value(0b101000, e, s)
    assert unit.add([0b011111], [0b101000], [3], 1, False) == float_word(float(exact * Fraction(8)))


def test_groups_of_integers_have_scales_with_significands():
    unit = model("int4-group")
    assert unit.add([0b0111, 0b1001], [0b0101, 0b0001], [-3], 1500, False) == float_word((35.0 - 1) * 1500 / 8)


def test_weights_choose_add_and_subtract():
    unit = model("int8-ternary")
    assert unit.add([0x80, 0x7F, 0x05], [0b11, 0b01, 0b10], [0], 1, False) == 128 + 127
    assert model("int8-binary").add([0x80, 0x7F], [0, 1], [0], 1, False) == (-128 - 127) % 2**32


def test_aligned_sums_say_nan_by_a_flag():
    unit = model("hbfp4-aligned")
    assert isinstance(unit.add([0b0111], [0b0111], [0], 1, False), int)
    assert unit.add([0], [0], [0], 1, True) is None
    assert unit.add([0b0001], [0b0001], [0], 1, False) is None, "and stay so"


def test_floats_add_a_tree_of_rounded_products():
    unit = model("bf16-bf16")
    one, tiny = 0x3F80, 0x3380  # 1 and 2**-24, which is lost beside it
    assert unit.add([one, tiny], [one, one], [0], 1, False) == one
    assert unit.add([one, one], [one, one | 0x8000], [0], 1, False) == one
