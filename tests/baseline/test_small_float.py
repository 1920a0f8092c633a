"""Small floats at the tile's edge: every element of every MX format."""

from fractions import Fraction
from itertools import product

import pytest
from amaranth.hdl import Cat, Signal

from hw.baseline.small_float import SmallFloatDecoder, decode, decoded_layout, element_layout, scaled_magnitude
from tests.logic import component_outputs, outputs

FORMATS = [(2, 2), (2, 4), (3, 3), (4, 4)]


def magnitude(word: int, exponent_width: int, significand_width: int) -> int:
    """In units of the smallest subnormal."""
    fraction = word & (1 << significand_width - 1) - 1
    exponent = word >> significand_width - 1 & (1 << exponent_width) - 1
    hidden = (exponent > 0) << significand_width - 1
    value = Fraction(hidden + fraction) * Fraction(2) ** (max(exponent, 1) - 1)
    return int(value)


@pytest.mark.parametrize(("e", "s"), FORMATS)
def test_fixed_form_is_the_value(e, s):
    """Sign and magnitude as one integer, for multiplier blocks."""
    words = range(1 << e + s)
    decoder = SmallFloatDecoder(e, s, 1, fixed=True)
    for word, (bits,) in zip(words, component_outputs(decoder, ("o",), [{"i": word} for word in words]), strict=True):
        width = s + 2**e - 1
        assert bits & (1 << width - 1) - 1 == magnitude(word, e, s)
        assert bits >> width - 1 == word >> e + s - 1


@pytest.mark.parametrize(("e", "s"), FORMATS)
def test_decoded_form_is_a_significand_and_its_shift(e, s):
    """Two bits of exponent have a line for each shift; more of them its number."""
    layout = decoded_layout(e, s)
    decoder = SmallFloatDecoder(e, s, 1)
    words = range(1 << e + s)
    for word, (bits,) in zip(words, component_outputs(decoder, ("o",), [{"i": word} for word in words]), strict=True):
        fields = {name: bits >> field.offset & (1 << field.width) - 1 for name, field in layout}
        shift = {0: 0, 1: 1, 2: 2}[fields["shift"]] if e == 2 else fields["shift"]
        assert fields["significand"] << shift == magnitude(word, e, s)
        assert fields["sign"] == word >> e + s - 1


@pytest.mark.parametrize(("e", "s"), [(2, 2), (3, 2), (2, 3)])
def test_product_is_shifted_by_both_exponents(e, s):
    layout, decoded = element_layout(e, s), decoded_layout(e, s)

    def logic(m, a, b):
        sides = []
        for name, element in (("a", a), ("b", b)):
            form = Signal(decoded, name=f"decoded_{name}")
            decode(m, element, form)
            sides.append(form)
        product_bits = Cat((sides[0].significand * sides[1].significand)[i] for i in range(2 * s))
        return scaled_magnitude(m, *sides, list(product_bits))

    words = list(product(range(1 << e + s), repeat=2))
    found = outputs({"a": layout, "b": layout}, logic, [{"a": a, "b": b} for a, b in words])
    wanted = [magnitude(a, e, s) * magnitude(b, e, s) for a, b in words]
    assert found == wanted
