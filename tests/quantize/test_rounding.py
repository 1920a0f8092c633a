"""Aligning and rounding of one element, against exact fractions."""

import re
import struct
from fractions import Fraction
from random import Random

import pytest
from amaranth.hdl import Cat, Signal

from golden.scalar import round_magnitude
from hw.config import ROUNDING_MODES, CoreConfig, Rounding
from hw.emit import place
from hw.quantize.rounding import MantissaAligner, MantissaRounder, guard_bits, keep, kept_element, reference_width
from tests.logic import outputs

CONFIGS = {
    "nearest": CoreConfig((4,)),
    "mixed": CoreConfig((4, 6), rounding_modes=ROUNDING_MODES),
    "narrow": CoreConfig((3,), exponent_width=5, rounding_modes=("nearest", "truncate")),
    "two_bits": CoreConfig((2,), rounding_modes=("truncate",)),
    "stochastic": CoreConfig((8,), rounding_modes=("stochastic",)),
}
MAXIMUM = 131
"""Exponent field of the block's largest element."""


def numbers(rng: Random, above: int) -> list[int]:
    """FP32 words near the intervals' ties, one ulp beside them, far below, subnormal, zero; some ``above`` the maximum."""
    words = [0, 1 << 31, 1, 0x807FFFFF]
    for exponent in range(MAXIMUM - 12, MAXIMUM + 1 + above):
        for top in range(32):
            for below in (0, 1, rng.getrandbits(18)):
                words.append(rng.getrandbits(1) << 31 | exponent << 23 | top << 18 | below)
    return [*words, 1 << 23, 0x3F800000 - (60 << 23)]


def convert(config: CoreConfig, vectors: list[dict]) -> list[tuple]:
    """(sign and magnitude, saturated, flushed) of each element, through both components."""

    def logic(m, number, width, rounding, uniform, blank):
        aligner = place(m, None, "aligner", MantissaAligner(config))
        rounder = place(m, None, "rounder", MantissaRounder(config))
        element = Signal(kept_element(config))
        reference = MAXIMUM + (config.mantissa_widths[-1] - width if config.mixed else 0)
        m.d.comb += [
            element.eq(keep(config, number)), aligner.element.eq(element),
            aligner.distance.eq(reference - element.exponent), rounder.element.eq(aligner.o), rounder.blank.eq(blank),
        ]  # fmt: skip
        for name, value in (("width", width), ("rounding", rounding), ("uniform", uniform)):
            if name in rounder.signature.members:
                m.d.comb += getattr(rounder, name).eq(value)
        mantissa = rounder.mantissa
        return Cat(mantissa.magnitude, mantissa.sign), rounder.saturated, rounder.flushed

    shapes = {"number": 32, "width": 4, "rounding": 2, "uniform": 8, "blank": 1}
    return outputs(shapes, logic, vectors)


def value_of(word: int) -> Fraction:
    value = Fraction(struct.unpack("<f", struct.pack("<I", word))[0])
    return value if word & 0x7F800000 else Fraction(0)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_mode_and_width(name):
    """Elements of a block whose largest exponent field is known; larger ones, which a narrow field allows, saturate."""
    config, rng = CONFIGS[name], Random(len(name))
    above = 3 if config.exponent_width < 8 else 0
    vectors = [
        {"number": number, "width": width, "rounding": Rounding[mode.upper()], "uniform": rng.getrandbits(8), "blank": 0}
        for number in numbers(rng, above) for width in config.mantissa_widths for mode in config.rounding_modes
    ]  # fmt: skip
    storage = config.storage_width
    for vector, (mantissa, saturated, flushed) in zip(vectors, convert(config, vectors), strict=True):
        width, value = vector["width"], value_of(vector["number"])
        interval = Fraction(2) ** (MAXIMUM - 126 - (width - 1))
        largest, mode = 2 ** (width - 1) - 1, Rounding(vector["rounding"]).name.lower()
        wanted = round_magnitude(abs(value) / interval, 1 << 40, mode, vector["uniform"])
        assert mantissa & (1 << storage - 1) - 1 == min(wanted, largest), vector
        assert saturated == (wanted > largest)
        assert flushed == (vector["number"] << 1 & 0xFFFFFFFF != 0 and wanted == 0)
        assert mantissa >> storage - 1 == vector["number"] >> 31


def test_blank_blocks_have_no_mantissas():
    vectors = [{"number": number, "width": 4, "blank": 1} for number in (0x41000000, 0xC1000000)]
    found = convert(CONFIGS["nearest"], vectors)
    assert [mantissa & 7 for mantissa, *_ in found] == [0, 0]
    assert [saturated for _, saturated, _ in found] == [0, 0]


@pytest.mark.parametrize(("widths", "modes", "bits"), [
    ((4,), ("nearest",), 1), ((4,), ("truncate",), 0), ((2,), ("truncate",), 1), ((4, 6), ("truncate", "stochastic")[::-1], 8),
])  # fmt: skip
def test_guard_bits_are_those_a_mode_looks_at(widths, modes, bits):
    assert guard_bits(CoreConfig(widths, rounding_modes=modes)) == bits


def test_what_is_kept_of_a_number():
    """The fraction that the widest mantissa can need, and one bit for all that is lost."""
    config = CONFIGS["nearest"]
    layout = kept_element(config)
    fraction = layout["fraction"].width
    assert fraction == 4 - 2 + 1
    words = [0x3F800000, 0x3F800001, 0xBFFFFFFF, 0x3F800000 | 1 << 23 - fraction]
    found = outputs({"number": 32}, lambda m, number: keep(config, number), [{"number": word} for word in words])
    for word, kept in zip(words, found, strict=True):
        assert kept & 1 == (word & (1 << 23 - fraction) - 1 != 0)
        assert kept >> 1 == word >> 23 - fraction


def test_reference_has_room_for_the_widest_mantissa():
    assert reference_width(CONFIGS["nearest"]) == 8
    assert 1 << reference_width(CONFIGS["mixed"]) > 255 + 10 - 2


def test_names_tell_machines_apart():
    """Machines whose aligners once had one name, although their distances differ in width."""
    one, other = (MantissaAligner(CoreConfig(widths, block_size=4)) for widths in ((4, 6), (6,)))
    assert len(one.distance) != len(other.distance)
    assert one.module_name != other.module_name
    assert re.fullmatch(r"mantissa_aligner_hbfp4_6_n4_\w+", one.module_name)
