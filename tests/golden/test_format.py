"""Block formats and tensors check their parts."""

import doctest
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

import golden
from golden import BlockFormat, BlockTensor, Health, quantize


def test_defaults_and_derived_numbers():
    format = BlockFormat()
    assert (format.mantissa_width, format.block_size, format.exponent_width) == (4, 64, 8)
    assert (format.bias, format.max_mantissa, format.max_field, format.nan_field) == (127, 7, 254, 255)
    assert (format.block_bits, format.bits_per_element) == (264, 4.125)
    assert format.scale(127) == -2  # maxima in 1 … 2 have an interval of a quarter
    assert str(format) == "HBFP4/64"
    assert str(BlockFormat(6, 16, 5)) == "HBFP6/16/e5"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"mantissa_width": 1}, ValueError, "mantissa_width must be between 2 and 16, not 1"),
        ({"mantissa_width": 17}, ValueError, "mantissa_width must be between 2 and 16, not 17"),
        ({"mantissa_width": 4.0}, TypeError, "mantissa_width must be an integer, not 4.0"),
        ({"mantissa_width": True}, TypeError, "mantissa_width must be an integer, not True"),
        ({"block_size": 0}, ValueError, "block_size must be between 1 and 1024, not 0"),
        ({"block_size": 1025}, ValueError, "block_size must be between 1 and 1024, not 1025"),
        ({"block_size": "64"}, TypeError, "block_size must be an integer, not '64'"),
        ({"exponent_width": 3}, ValueError, "exponent_width must be between 4 and 10, not 3"),
        ({"exponent_width": 11}, ValueError, "exponent_width must be between 4 and 10, not 11"),
    ],
)
def test_format_rejects(options, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        BlockFormat(**options)


def test_tensor_rejects_parts_that_do_not_fit():
    tensor = quantize(np.ones((3, 20), np.float32), BlockFormat(4, 8))
    mantissas, fields = tensor.mantissas, tensor.fields
    cases = [
        ((mantissas[:2], fields), ValueError, "mantissas must have shape (3, 3, 8), not (2, 3, 8)"),
        ((mantissas.astype(int), fields), TypeError, "mantissas must be an array of int8, not int64"),
        ((mantissas, fields[:, :2]), ValueError, "fields must have shape (3, 3), not (3, 2)"),
        ((mantissas, fields.astype(np.uint8)), TypeError, "fields must be an array of uint16, not uint8"),
        ((mantissas, 5), TypeError, "fields must be an array of uint16, not 5"),
    ]
    for parts, error, text in cases:
        with pytest.raises(error, match=f"^{re.escape(text)}$"):
            BlockTensor(*parts, BlockFormat(4, 8), (3, 20), 1)
    with pytest.raises(ValueError, match=r"^axis must be between 0 and 1, not -1$"):
        BlockTensor(mantissas, fields, BlockFormat(4, 8), (3, 20), -1)


def test_properties_of_a_tensor():
    x = np.float32([[1, 1.5], [0, 0], [np.nan, 1]])
    tensor = quantize(x, BlockFormat(4, 2))
    assert tensor.scales.tolist() == [[-2], [-129], [126]]
    assert tensor.zero_blocks.tolist() == [[False], [True], [False]]
    assert tensor.nan_blocks.tolist() == [[False], [False], [True]]
    assert Health(1, 2, 3) + Health(10, 20, 30) == Health(11, 22, 33)


def test_documented_example():
    text = (Path(__file__).parents[2] / "docs" / "numerics.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    rng = np.random.default_rng(80)
    names = {"a": rng.standard_normal((3, 100), np.float32), "b": rng.standard_normal((100, 4), np.float32)}
    exec(code, names)
    assert names["c"].shape == (3, 4)


def test_tour():
    results = doctest.testmod(golden)
    assert results.attempted >= 10
    assert results.failed == 0


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8, 11])
def test_square_tiles_turn_into_their_transpose_whatever_the_number_of_rows(rows):
    x = np.random.default_rng(rows).standard_normal((rows, 6), np.float32)
    tiles = golden.quantize(x, golden.BlockFormat(4, 4), axis=1, tile_width=4)
    turned = tiles.transposed()
    assert turned.shape == (rows, 6)
    assert turned.mantissas.shape == (6, -(-rows // 4), 4)
    assert np.array_equal(golden.dequantize(turned), golden.dequantize(tiles))


def test_rejects_what_no_quantizer_makes():
    form = golden.BlockFormat(4, 4)
    mantissas, fields = np.zeros((1, 1, 4), np.int8), np.zeros((1, 1), np.uint16)
    mantissas[0, 0, 2] = -8
    with pytest.raises(ValueError, match=r"^mantissas must be between -7 and 7, not -8$"):
        golden.BlockTensor(mantissas, fields, form, (1, 4), 1)
    fields[0, 0] = 256
    with pytest.raises(ValueError, match=r"^fields must be at most 255, not 256$"):
        golden.BlockTensor(mantissas.clip(-7), fields, form, (1, 4), 1)


def test_unpack_rejects_an_extent_that_is_none():
    with pytest.raises(ValueError, match=r"^an extent of shape must be between 1 and 2147483647, not -1$"):
        golden.unpack(b"", golden.BlockFormat(4, 4), (-1, 48))


def test_a_mantissa_of_more_than_eight_bits_takes_two_bytes():
    assert [BlockFormat(width).dtype for width in (2, 7, 8, 9, 12)] == [np.int8] * 3 + [np.int16] * 2


def test_nothing_is_lost_unless_it_is_said():
    assert Health() == Health(0, 0, 0)
    assert Health(1, 2, 3) + Health(10, 20, 30) == Health(11, 22, 33)
    blocks = quantize(np.ones((2, 4), np.float32), BlockFormat(4, 4))
    plain = BlockTensor(blocks.mantissas, blocks.fields, blocks.format, (2, 4), 1)
    assert plain.tile_width == 1
    assert plain.health == Health()


def test_values_cannot_be_changed():
    blocks = quantize(np.ones((2, 4), np.float32), BlockFormat(4, 4))
    for value, name in ((blocks, "axis"), (blocks.format, "block_size"), (blocks.health, "flushed")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 0)


def test_tensors_are_the_same_only_if_they_are_one():
    a, b = (quantize(np.ones((2, 4), np.float32), BlockFormat(4, 4)) for _ in range(2))
    assert a in [a]
    assert a != b


@pytest.mark.parametrize(("shape", "tile_width"), [((4, 4), 2), ((2, 4, 4), 4)])
def test_only_a_matrix_in_square_tiles_turns(shape, tile_width):
    blocks = quantize(np.ones(shape, np.float32), BlockFormat(4, 4), tile_width=tile_width)
    with pytest.raises(ValueError, match=r"^only a matrix in 4x4 tiles can change its axis, not HBFP4/4 blocks of shape "):
        blocks.transposed()
