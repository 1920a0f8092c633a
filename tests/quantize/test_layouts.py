"""Beats of the converters: where each field lies, since packed words and other streams are cut to them."""


from hw.config import Rounding
from hw.quantize.layouts import ConversionSettings, block_beat, operand_beat


def places(layout):
    return {name: (field.offset, field.width) for name, field in layout}


def test_a_beat_of_operands():
    assert places(operand_beat(4)) == {"data": (0, 128), "mask": (128, 4), "first": (132, 1), "last": (133, 1)}


def test_a_beat_of_a_block():
    assert places(block_beat(6, 4, 9)) == {"mantissas": (0, 24), "scale": (24, 9), "nan": (33, 1), "last": (34, 1)}
    assert block_beat(6, 4, 9)["scale"].shape.signed


def test_settings():
    layout = ConversionSettings.as_shape()
    assert places(layout) == {"width": (0, 4), "rounding": (4, 2), "seed": (6, 32)}
    made = layout.const({"width": 6, "rounding": Rounding.TRUNCATE, "seed": 5})
    assert made.as_value().value == 6 | 2 << 4 | 5 << 6
