"""What a unit multiplies while its energy is measured: a trained network's operands, or uniform random numbers."""

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import golden
from hw.accumulate.float_format import BF16, FP32
from hw.baseline.formats import NumberFormat

__all__ = ["STATISTICS", "Encoded", "encode", "layers"]

STATISTICS = ("digits", "uniform", "hidden")
Matrix = NDArray[np.float32]
HIDDEN = (128, 128)


@cache
def layers(statistics: str) -> tuple[tuple[Matrix, Matrix], ...]:
    """Pairs of operands (float32, shapes (rows, inner) and (columns, inner)) of the two products that are measured.

    "digits": inputs and weights of the first two layers of a perceptron trained on scikit-learn's handwritten digits
    (64 inputs, two hidden layers of 128 with ReLU), for images it was not trained on. "uniform": random numbers in ±1 of the
    same shapes. "hidden": of "digits" the second product alone, whose reduction of 128 fills units that join two blocks.
    """
    if statistics == "hidden":
        return layers("digits")[1:] * 2
    if statistics == "uniform":
        rng = np.random.default_rng(1)
        return tuple(
            (rng.uniform(-1, 1, (256, inner)).astype(np.float32), rng.uniform(-1, 1, (128, inner)).astype(np.float32))
            for inner in (64, 128)
        )
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    images, labels = load_digits(return_X_y=True)
    network = MLPClassifier(HIDDEN, random_state=0, max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty epochs are enough, says the accuracy and not the optimiser
        network.fit(images[:1500] / 16, labels[:1500])
    x = images[1500:1756] / 16
    hidden = np.maximum(x @ network.coefs_[0] + network.intercepts_[0], 0)
    pairs = ((x, network.coefs_[0].T), (hidden, network.coefs_[1].T))
    return tuple((a.astype(np.float32), np.ascontiguousarray(b).astype(np.float32)) for a, b in pairs)


@dataclass(frozen=True)
class Encoded:
    """A matrix in a format: words of shape (rows, inner), and for each block log2 of its unit and the scale's significand."""

    words: NDArray[np.int64]
    scales: NDArray[np.int64]
    factors: NDArray[np.int64]


def encode(form: NumberFormat, x: Matrix, dot: int, side: str = "a") -> Encoded:
    """A matrix quantized along its rows, as the operand ``side``; formats without blocks get scale 0 for every ``dot`` elements."""
    size = form.block_size or dot
    blocks = x.astype(np.float64).reshape(x.shape[0], -1, size)
    zeros = np.zeros(blocks.shape[:2], np.int64)
    if form.kind == "hbfp":
        tensor = golden.quantize(x, golden.BlockFormat(mantissa_width=form.significand_width, block_size=size))
        words = _sign_magnitude(tensor.mantissas.astype(np.int64), form.significand_width)
        return Encoded(words.reshape(x.shape), tensor.scales.astype(np.int64), zeros)
    if form.kind == "float":
        return Encoded(_float_words(form, x), zeros, zeros)
    if form.kind == "scaled":
        return _scaled(form, x, blocks)
    if side == "b" and form.weight_width:
        return Encoded(_weights(x, form.weight_width), zeros, zeros)
    largest = 2 ** (form.significand_width - 1) - 1
    top = np.abs(blocks).max(axis=2, keepdims=True) if form.block_size else np.abs(x).max()
    unit, scales, factors = top / largest, zeros, zeros
    if form.scale_significand > 1:
        unit, exponent, factor = _significant(np.maximum(top, 1e-30) / largest, form.scale_significand)
        scales, factors = exponent[..., 0], factor[..., 0]
    elif form.block_size:
        unit = np.exp2(np.ceil(np.log2(np.maximum(top, 1e-30) / largest)))
        scales = np.log2(unit).astype(np.int64)[..., 0]
    values = np.clip(np.rint(blocks / unit), -largest, largest).astype(np.int64)
    signed = form.kind in ("paired", "weighted")
    words = values % 2**form.significand_width if signed else _sign_magnitude(values, form.significand_width)
    return Encoded(words.reshape(x.shape), scales, factors)


def _weights(x: Matrix, width: int) -> NDArray[np.int64]:
    """Codes of weights: signs; or signs, and ones where a number is nearer to their mean magnitude than to zero."""
    signs: NDArray[np.int64] = (x < 0).astype(np.int64)
    return signs if width == 1 else (np.abs(x) > np.abs(x).mean() / 2) | signs << 1


def _significant(unit: NDArray[Any], digits: int) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Scales rounded to a significand of so many bits, and what they then are: ``factor * 2**exponent``."""
    exponent = np.floor(np.log2(unit)).astype(np.int64) - (digits - 1)
    factor = np.rint(unit / np.exp2(exponent)).astype(np.int64)
    carried = factor == 2**digits
    factor, exponent = np.where(carried, factor // 2, factor), exponent + carried
    return factor * np.exp2(exponent), exponent, factor


def _sign_magnitude(values: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    signs: NDArray[np.int64] = (values < 0).astype(np.int64) << (width - 1)
    return np.abs(values) | signs


def _float_words(form: NumberFormat, x: Matrix) -> NDArray[np.int64]:
    """Words of a floating-point format, rounded to nearest; what is too small is zero."""
    if form.float_format == FP32:
        return x.view(np.uint32).astype(np.int64)
    if form.float_format == BF16:
        bits = x.view(np.uint32).astype(np.int64)
        return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    e, s = form.exponent_width, form.significand_width
    bias = 2 ** (e - 1) - 1
    fraction, exponent = np.frexp(np.abs(x.astype(np.float64)))
    field = exponent - 1 + bias
    digits = np.rint(fraction * 2**s).astype(np.int64)
    field, digits = np.where(digits == 2**s, field + 1, field), np.where(digits == 2**s, 2 ** (s - 1), digits)
    word = np.clip(field, 1, 2**e - 2) << (s - 1) | digits - 2 ** (s - 1)
    signs: NDArray[np.int64] = np.signbit(x).astype(np.int64) << (e + s - 1)
    return np.where((field < 1) | (x == 0), 0, word) | signs


def _scaled(form: NumberFormat, x: Matrix, blocks: NDArray[Any]) -> Encoded:
    """Elements of a block of small floats, to nearest of the format's values; its scale from the block's maximum."""
    e, s = form.exponent_width, form.significand_width
    codes = np.arange(2 ** (e + s - 1))
    fraction, field = codes & 2 ** (s - 1) - 1, codes >> (s - 1)
    values = np.where(field == 0, fraction, (fraction + 2 ** (s - 1)) * np.exp2(np.maximum(field - 1, 0)))
    top = np.maximum(np.abs(blocks).max(axis=2, keepdims=True), 1e-30)
    if form.scale_significand > 1:
        unit, exponent, factor = _significant(top / values[-1], form.scale_significand)
    else:
        exponent = np.floor(np.log2(top)).astype(np.int64) - int(np.floor(np.log2(values[-1])))
        factor, unit = np.zeros_like(exponent), np.exp2(exponent)
    scaled = np.abs(blocks) / unit
    above = np.clip(np.searchsorted(values, scaled), 1, len(values) - 1)
    nearer = np.where(scaled - values[above - 1] <= values[above] - scaled, above - 1, above)
    words = nearer | (blocks < 0).astype(np.int64) << (e + s - 1)
    return Encoded(words.reshape(x.shape), exponent[..., 0], factor[..., 0])
