"""What the compared formats are held to: gfloat, ml_dtypes, NumPy and exact fractions; nothing of this project."""

from dataclasses import replace
from fractions import Fraction

import ml_dtypes
import numpy as np
from gfloat import BlockFormatInfo, Domain, FormatInfo, decode_float
from gfloat.formats import (
    all_block_formats,
    format_info_bfloat16,
    format_info_binary16,
    format_info_binary32,
    format_info_ocp_e4m3,
    format_info_ocp_e5m2,
)

__all__ = [
    "BFLOAT16", "BLOCKS", "FLOATS", "ORDINARY_E4M3", "TINY", "add", "every_code_ordinary", "flush", "multiply",
    "nearest", "to_words", "values_of", "written",
]  # fmt: skip

BFLOAT16 = ml_dtypes.bfloat16
TINY = 2.0**-126  # the least normal number of FP32 and of bfloat16
UNSIGNED = {2: np.uint16, 4: np.uint32}


def every_code_ordinary(info: FormatInfo) -> FormatInfo:
    """The format without infinity and NaN: their codes go on where the finite ones end, as in the hardware."""
    return replace(info, domain=Domain.Finite, num_high_nans=0)


ORDINARY_E4M3 = every_code_ordinary(format_info_ocp_e4m3)

FLOATS = {
    "fp32": format_info_binary32, "fp16": format_info_binary16, "bf16": format_info_bfloat16,
    "bf16-bf16": format_info_bfloat16, "fp8-e4m3": ORDINARY_E4M3, "fp8-e5m2": format_info_ocp_e5m2,
}  # fmt: skip

BLOCKS: dict[str, BlockFormatInfo] = {
    name: next(block for block in all_block_formats if block.name == theirs)
    for name, theirs in (
        ("mxfp8-e4m3", "mxfp8_e4m3"), ("mxfp8-e5m2", "mxfp8_e5m2"), ("mxfp6-e2m3", "mxfp6_e2m3"),
        ("mxfp6-e3m2", "mxfp6_e3m2"), ("mxfp4", "mxfp4_e2m1"), ("mxint8", "mxint8"),
    )
}  # fmt: skip


def flush(values: np.ndarray, least: float = TINY) -> np.ndarray:
    """Values below the least normal number become zero of their sign."""
    return np.where(np.abs(values) < least, np.copysign(values.dtype.type(0), values), values)


def values_of(info: FormatInfo, words) -> np.ndarray:
    """Values of words, float64, subnormals flushed."""
    wide = {"binary32": np.float32, "binary16": np.float16, "bfloat16": BFLOAT16}
    if info.name in wide:
        dtype = np.dtype(wide[info.name])
        with np.errstate(invalid="ignore"):  # a signalling NaN
            values = np.asarray(words, UNSIGNED[dtype.itemsize]).view(dtype).astype(np.float64)
    else:
        table = np.array([decode_float(info, code).fval for code in range(2**info.k)])
        values = table[np.asarray(words)]
    return flush(values, info.smallest_normal)


def to_words(values: np.ndarray) -> np.ndarray:
    """Words of float32 or bfloat16 values; NaN is canonical."""
    words = values.view(UNSIGNED[values.dtype.itemsize])
    return np.where(np.isnan(values), 0x7FC00000 >> 32 - 8 * values.dtype.itemsize, words)


def written(word: int, dtype) -> int:
    """A word as IEEE 754 writes it, of one of a datapath: there a zero's fraction means nothing.

    Nor does an infinity's or a NaN's, but for its top bit, which tells them apart.
    """
    width = 7 if dtype is BFLOAT16 else 23
    fraction, exponent = word & (1 << width) - 1, word >> width & 0xFF
    if exponent == 0:
        return word - fraction
    return word - (fraction & (1 << width - 1) - 1) if exponent == 0xFF else word


def multiply(a: np.ndarray, b: np.ndarray, dtype) -> np.ndarray:
    """Products of float64 values of at most 24 significant bits, rounded to ``dtype`` and flushed.

    The product is exact in float64. Where it is tiny it is rounded as if it were not, and then flushed.
    """
    with np.errstate(all="ignore"):
        exact = a * b
        tiny = np.abs(exact) < 2.0**-100
        scaled = np.where(tiny, exact * 2.0**200, exact).astype(np.float32).astype(dtype).astype(np.float64)
        return flush(np.where(tiny, scaled * 2.0**-200, scaled)).astype(dtype)


def add(a: np.ndarray, b: np.ndarray, dtype) -> np.ndarray:
    """Sums of flushed values of ``dtype``, flushed; a tiny sum of normal numbers is exact."""
    with np.errstate(all="ignore"):
        return flush(np.asarray(a, dtype) + np.asarray(b, dtype))


def nearest(value: Fraction, dtype):
    """The nearest normal number of ``dtype``, ties to even, by distance to the candidates."""
    middle = dtype(float(value))
    candidates = [np.nextafter(middle, dtype(-np.inf)), middle, np.nextafter(middle, dtype(np.inf))]
    by_distance = sorted(candidates, key=lambda x: (abs(Fraction(float(x)) - value), int(to_words(np.array(x))) & 1))
    assert value == 0 or TINY <= abs(float(by_distance[0])) < np.inf
    return by_distance[0]
