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
