"""Blocks as bytes."""

import re

import numpy as np
import pytest

import golden
from golden import BlockFormat, pack, quantize, unpack
from tests.golden.samples import FAMILIES, sample


def reference_bytes(tensor):
    """The layout as one long integer, filled from bit 0 up."""
    format, stream, position = tensor.format, 0, 0
    mantissas = tensor.mantissas.reshape(-1, format.block_size)
    for field, block in zip(tensor.fields.reshape(-1).tolist(), mantissas.tolist(), strict=True):
        for value, width in [(field, format.exponent_width), *((q, format.mantissa_width) for q in block)]:
            stream |= (value & (1 << width) - 1) << position
            position += width
    return stream.to_bytes((position + 7) // 8, "little")


@pytest.mark.parametrize("width", [2, 3, 4, 6, 8, 9, 12, 16])
@pytest.mark.parametrize(("size", "exponent_width"), [(1, 8), (3, 5), (8, 10), (64, 8)])
def test_round_trip(width, size, exponent_width):
    format = BlockFormat(width, size, exponent_width)
    rng = np.random.default_rng(70)
    for family in FAMILIES:
        for shape, axis in (((5,), 0), ((3, 2 * size + 1), 1), ((2 * size + 1, 3), 0), ((2, 3, size), 1)):
            tensor = quantize(sample(rng, family, shape), format, axis)
            data = pack(tensor)
            assert data.tobytes() == reference_bytes(tensor)
            assert data.size == golden.packed_size(tensor.fields.size, format)
            for form in (data, data.tobytes()):
                back = unpack(form, format, shape, axis)
                assert (back.fields == tensor.fields).all()
                assert (back.mantissas == tensor.mantissas).all()
                assert (back.shape, back.axis) == (tensor.shape, tensor.axis)


def test_a_block_bit_by_bit():
    x = np.float32([[4, -1, 7, -7]])
    data = pack(quantize(x, BlockFormat(4, 4)))
    assert data.tolist() == [129, 0xF4, 0x97]


def test_a_block_of_64_takes_33_bytes():
    x = np.random.default_rng(71).standard_normal((10, 640)).astype(np.float32)
    assert pack(quantize(x, BlockFormat(4, 64))).size == 10 * 10 * 33


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("lines", [2, 3, 4])
def test_lines_side_by_side(lines, axis):
    """A block of each of some lines, then the next of each; what is missing at the end is zero."""
    format = BlockFormat(4, 8)
    x = np.random.default_rng(72).standard_normal((7, 20)).astype(np.float32)
    tensor = quantize(x if axis else x.T, format, axis)
    filled = quantize(np.pad(x, [(0, -7 % lines), (0, 0)]), format)
    order = [(line, block) for first in range(0, 7, lines) for block in range(3) for line in range(first, first + lines)]
    mantissas, fields = (np.stack([part[place] for place in order]) for part in (filled.mantissas, filled.fields))
    wanted = golden.BlockTensor(mantissas, fields, format, (len(order) * 8,), 0)
    assert pack(tensor, lines).tobytes() == pack(wanted).tobytes()


def test_only_lines_of_a_matrix_go_side_by_side():
    tensor = quantize(np.ones(9, np.float32), BlockFormat(4, 8))
    with pytest.raises(ValueError, match=r"^lines must be 1 for a tensor of 1 axes, not 2$"):
        pack(tensor, 2)
    with pytest.raises(ValueError, match=r"^lines must be between 1 and 2147483647, not 0$"):
        pack(tensor, 0)


def test_codes_no_quantizer_makes():
    """The most negative code saturates; zero and NaN blocks have no mantissas."""
    format = BlockFormat(4, 2)
    data = bytes([130, 0x78, 0, 0x38, 255, 0x12])
    tensor = unpack(data, format, (3, 2))
    assert tensor.fields[:, 0].tolist() == [130, 0, 255]
    assert tensor.mantissas[:, 0].tolist() == [[-7, 7], [0, 0], [0, 0]]


def test_trailing_bits_are_ignored():
    format = BlockFormat(3, 1, 8)
    assert unpack(bytes([130, 0xFB]), format, (1,)).mantissas.tolist() == [[3]]


def spoiled(name, value):
    """Blocks in which somebody wrote a number that no quantizer makes."""
    tensor = quantize(np.ones((2, 8), np.float32), BlockFormat(4, 8))
    getattr(tensor, name).flat[0] = value
    return tensor


ERRORS = [
    (lambda: unpack(b"\0" * 9, BlockFormat(4, 8), (2, 8)), ValueError,
     "data must have 10 bytes for shape (2, 8), not 9"),
    (lambda: unpack("text", BlockFormat(4, 8), (2, 8)), TypeError, "data must be bytes or an array of uint8, not str"),
    (lambda: unpack(np.zeros(10), BlockFormat(4, 8), (2, 8)), TypeError,
     "data must be bytes or an array of uint8, not float64"),
    (lambda: unpack(b"", BlockFormat(4, 8), (2, 8), 2), ValueError, "axis must be between -2 and 1, not 2"),
    (lambda: pack(spoiled("mantissas", -8)), ValueError, "mantissas must be between -7 and 7"),
    (lambda: pack(spoiled("fields", 300)), ValueError, "fields must be between 0 and 255"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), ERRORS, ids=[text for *_, text in ERRORS])
def test_rejects(call, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        call()


@pytest.mark.parametrize("extent", [0, -1, 2**31, 2**32])
def test_rejects_extents_out_of_range(extent):
    text = f"an extent of shape must be between 1 and 2147483647, not {extent}"
    with pytest.raises(ValueError, match=f"^{text}$"):
        unpack(b"", BlockFormat(), (4, extent, 4))
