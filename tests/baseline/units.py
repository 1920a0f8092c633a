"""Units with what prepares their operands, and blocks for them with what others say the blocks' numbers are."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import isnan, nan
from random import Random

import ml_dtypes
import numpy as np
from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In
from gfloat import decode_float
from gfloat.block import decode_block

from hw.baseline.elements import element_for
from hw.baseline.formats import NumberFormat
from hw.config import CoreConfig
from hw.emit import place
from tests.baseline import outside
from tests.baseline.outside import BFLOAT16, BLOCKS, FLOATS, nearest, to_words
from tests.baseline.stimuli import pairs

__all__ = ["Operand", "PreparedUnit", "Reference", "draw_pair"]

NVFP4_SCALES = np.arange(128, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
NVFP4_ELEMENTS = np.arange(16, dtype=np.uint8).view(ml_dtypes.float4_e2m1fn).astype(np.float64)


class PreparedUnit(Component):
    """A unit as it stands in a tile: ``a`` and ``b`` are elements as stored."""

    def __init__(self, form: NumberFormat, config: CoreConfig):
        self.form, self.config = form, config
        self.unit = element_for(form)(config)
        self.module_name = f"prepared_{self.unit.module_name}"
        operands = {"a": In(self.unit.operand["mantissas"].shape), "b": In(self.unit.operand_b["mantissas"].shape)}
        super().__init__(dict(self.unit.signature.members) | operands)

    def elaborate(self, platform):
        m = Module()
        unit = place(m, platform, "unit", self.unit)
        for port, member in self.signature.members.items():
            inner, outer = getattr(unit, port), getattr(self, port)
            part = getattr(self.unit, f"prepare_{port}", None)
            if part is not None:
                prepare = place(m, platform, f"prepare_{port}", part())
                m.d.comb += prepare.i.eq(outer)
                outer = prepare.o
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        return m


@dataclass
class Operand:
    """A block of one side: its elements' codes, what the unit gets beside them, and the elements' values.

    ``mantissas`` are those of hybrid blocks, which may come in slices; values are ``None`` where the block is NaN.
    """

    codes: list[int]
    fields: dict[str, int]
    values: list | None
    mantissas: list[int] | None = None


def _codes(rng: Random, allowed: list[int], count: int) -> list[int]:
    """Random codes, or many of one extreme."""
    if rng.random() < 0.3:
        allowed = [rng.choice((allowed[-1], allowed[len(allowed) // 2 - 1], allowed[len(allowed) // 2])), allowed[0]]
    return [rng.choice(allowed) for _ in range(count)]


@cache
def _finite(name: str) -> list[int]:
    info = BLOCKS[name].etype
    return [code for code in range(2**info.k) if np.isfinite(decode_float(info, code).fval)]


def _microscaled(rng: Random, name: str, count: int) -> Operand:
    """A block of the MX specification; the unit gets log2 of what a one in an element's lowest place is worth."""
    block = BLOCKS[name]
    scale_code, codes = 255 if rng.random() < 0.06 else 127 + rng.randint(-6, 6), _codes(rng, _finite(name), count)
    values = list(decode_block(block, [scale_code, *codes]))
    is_nan = isnan(values[0])
    unit = Fraction(block.etype.smallest_subnormal) * Fraction(
        1 if is_nan else decode_float(block.stype, scale_code).fval
    )
    fields = {"scale": _log2(unit), "nan": int(is_nan)}
    return Operand(codes, fields, None if is_nan else [Fraction(value) for value in values])


def _nvidia(rng: Random, count: int) -> Operand:
    """A block with an E4M3 scale: the unit gets its significand as an integer and log2 of that integer's unit."""
    code, codes = (
        127 if rng.random() < 0.06 else rng.choice((rng.randrange(127), rng.randrange(16))),
        _codes(rng, list(range(16)), count),
    )
    field, fraction = code >> 3, code & 7
    factor, scale = (8 + fraction, field - 10) if field else (fraction, -9)
    is_nan = bool(np.isnan(NVFP4_SCALES[code]))
    values = [Fraction(NVFP4_SCALES[code]) * Fraction(NVFP4_ELEMENTS[code_]) for code_ in codes] if not is_nan else None
    return Operand(codes, {"factor": factor, "scale": scale - 1, "nan": int(is_nan)}, values)


def _hybrid(rng: Random, width: int, count: int, spread: int) -> Operand:
    """A block of sign-magnitude integers; every other zero is a minus zero."""
    largest, scale = 2 ** (width - 1) - 1, rng.randint(-spread, spread)
    mantissas = [rng.choice((0, largest, -largest, *(rng.randint(-largest, largest) for _ in range(3))))
                 for _ in range(count)]  # fmt: skip
    codes = [abs(q) | (q < 0 or (q == 0 and n % 2)) << width - 1 for n, q in enumerate(mantissas)]
    is_nan = rng.random() < 0.06
    values = None if is_nan else [q * Fraction(2) ** scale for q in mantissas]
    return Operand(codes, {"scale": scale, "nan": int(is_nan)}, values, mantissas)


def _grouped(rng: Random, form: NumberFormat, count: int) -> Operand:
    """A block of integers with a scale in FP16, as NumPy has it: the unit gets its significand and log2 of that one's unit."""
    scale = np.uint16(rng.choice((rng.randrange(0x7C00), rng.randrange(0x400)))).view(np.float16)
    fraction, exponent = np.frexp(np.float64(scale))
    plain = _integers(rng, form, count)
    fields = {"factor": int(fraction * 2**11), "scale": int(exponent) - 11, "nan": int(rng.random() < 0.06)}
    values = None if fields["nan"] else [Fraction(float(scale)) * value for value in plain.values]
    return Operand(plain.codes, fields, values)


WEIGHTS = {1: [1, -1], 2: [0, 1, 0, -1]}
"""Of each code of a weight of one bit, or of two; minus zero is zero."""


def _weights(rng: Random, form: NumberFormat, count: int) -> Operand:
    """Weights of one bit, or of two."""
    values = WEIGHTS[form.weight_width]
    codes = _codes(rng, list(range(len(values))), count)
    return Operand(codes, {}, [values[code] for code in codes])


def _integers(rng: Random, form: NumberFormat, count: int) -> Operand:
    bits = form.significand_width
    codes = _codes(rng, list(range(1 << bits)), count)
    half = 1 << bits - 1
    if form.kind in ("paired", "weighted"):
        return Operand(codes, {}, [code - (code >= half) * 2 * half for code in codes])
    return Operand(codes, {}, [(code & half - 1) * (-1 if code & half else 1) for code in codes])


def draw_pair(rng: Random, form: NumberFormat, config: CoreConfig, widths=None) -> tuple[Operand, Operand]:
    """A block of each side, or the blocks that are joined; ``widths`` are those of hybrid mantissas."""
    if config.group == 1:
        return _draw_block(rng, form, config, widths)
    blocks = [_draw_block(rng, form, config, widths) for _ in range(config.group)]
    return tuple(_joined(rng, list(side), config.scale_width) for side in zip(*blocks, strict=True))


def _joined(rng: Random, blocks: list[Operand], scale_width: int) -> Operand:
    """Blocks side by side, their scales so close that nothing is lost when their sums are joined."""
    scales = [blocks[0].fields["scale"] + rng.randint(-1, 1) for _ in blocks]
    values: list | None = []
    for block, scale in zip(blocks, scales, strict=True):
        moved = Fraction(2) ** (scale - block.fields["scale"])
        values = None if values is None or block.values is None else values + [value * moved for value in block.values]
    fields = {
        "scale": sum(scale % (1 << scale_width) << k * scale_width for k, scale in enumerate(scales)),
        "nan": max(block.fields["nan"] for block in blocks),
    }
    mantissas = [q for block in blocks for q in block.mantissas or ()]
    return Operand([code for block in blocks for code in block.codes], fields, values, mantissas)


def _draw_block(rng: Random, form: NumberFormat, config: CoreConfig, widths=None) -> tuple[Operand, Operand]:
    name, count = form.name.partition("/")[0].removesuffix(f"-{form.accumulator}"), config.block_size
    if form.kind == "float":
        if rng.random() < 0.3:
            drawn = pairs(rng, form.float_format, count)[-count:]
        else:
            drawn = [[_close(rng, form) for _ in "ab"] for _ in range(count)]
        a, b = zip(*drawn, strict=True)
        return tuple(Operand(list(side), {}, outside.values_of(FLOATS[name], side)) for side in (a, b))
    if form.kind == "hbfp":
        spread = 3 if form.accumulator == "aligned" else 8  # nothing is then shifted out of the window
        return tuple(_hybrid(rng, width, count, spread) for width in widths or 2 * [form.significand_width])
    if name == "nvfp4":
        return _nvidia(rng, count), _nvidia(rng, count)
    if name in BLOCKS:
        return _microscaled(rng, name, count), _microscaled(rng, name, count)
    if name == "int4-group":
        return _grouped(rng, form, count), _grouped(rng, form, count)
    return _integers(rng, form, count), (_weights if form.kind == "weighted" else _integers)(rng, form, count)


def _close(rng: Random, form: NumberFormat) -> int:
    """A word near one, so that sums of products cancel and round."""
    exponent = form.float_format.bias + rng.randint(-2, 2)
    fraction = rng.getrandbits(form.significand_width - 1)
    return (rng.getrandbits(1) << form.exponent_width | exponent) << form.significand_width - 1 | fraction


def _log2(unit: Fraction) -> int:
    return unit.numerator.bit_length() - unit.denominator.bit_length()


class Reference:
    """One output, in the arithmetic of Python's integers and fractions, NumPy and ml_dtypes.

    ``add`` gives what the unit's value must be; ``read`` makes of the unit's word what is compared with it.
    """

    def __init__(self, form: NumberFormat, config: CoreConfig):
        self.form, self.config = form, config
        self.dtype = BFLOAT16 if form.accumulator == "bf16" else np.float32
        self.total = 0

    def add(self, a: Operand, b: Operand):
        if a.values is None or b.values is None or (isinstance(self.total, float) and isnan(self.total)):
            term = nan
        elif self.form.kind == "float":
            term = self._tree(outside.multiply(a.values, b.values, self.dtype))
        else:
            term = sum((x * y for x, y in zip(a.values, b.values, strict=True)), start=Fraction(0))
        if self.form.accumulator == "int32":
            self.total = (self.total + int(term)) % 2**32
            return self.total
        if self.form.accumulator == "aligned":
            self.total = nan if term is nan else self.total + term
            return None if term is nan else self.total
        rounded = nearest(term, self.dtype) if isinstance(term, Fraction) else self.dtype(term)
        self.total = outside.add(self.dtype(self.total), rounded, self.dtype)
        return int(to_words(np.array(self.total)))

    def _tree(self, terms):
        terms = list(terms)
        while len(terms) > 1:
            sums = [outside.add(x, y, self.dtype) for x, y in zip(terms[::2], terms[1::2], strict=False)]
            terms = sums + terms[2 * len(sums) :]
        return terms[0]

    @property
    def read(self) -> Callable[[int], object]:
        if self.form.accumulator == "int32":
            return int
        if self.form.accumulator == "aligned":
            return self._aligned
        return lambda word: outside.written(word, self.dtype)

    def _aligned(self, word: int) -> Fraction | None:
        """Value of a window of 32 bits, an exponent of ten and a NaN flag."""
        total, exponent = word & 0xFFFFFFFF, word >> 32 & 0x3FF
        total, exponent = total - (total >> 31 << 32), exponent - (exponent >> 9 << 10)
        guard = 31 - self.config.block_sum_width
        return None if word >> 42 else total * Fraction(2) ** (exponent - guard)
