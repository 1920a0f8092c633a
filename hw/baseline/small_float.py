"""Small floats as MX formats have them: their fields, and what a tile's edge makes of them."""


from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.names import named
from hw.types import sign_magnitude

__all__ = ["SmallFloatDecoder", "decode", "decoded_layout", "element_layout", "fixed_layout", "scaled_magnitude"]


def element_layout(exponent_width: int, significand_width: int) -> data.StructLayout:
    """A small float as stored: no infinity, no NaN; exponent 0 means no hidden bit."""
    return data.StructLayout({"fraction": significand_width - 1, "exponent": exponent_width, "sign": 1})


def decoded_layout(exponent_width: int, significand_width: int) -> data.StructLayout:
    """Significand with its hidden bit, and the shift: lines for 1 and 2 places if the exponent has two bits.

    The value is ``±significand << shift`` in units of the smallest subnormal, with ``shift = max(exponent - 1, 0)``.
    """
    shift = 2 if exponent_width == 2 else exponent_width
    return data.StructLayout({"significand": significand_width, "shift": shift, "sign": 1})


def fixed_layout(exponent_width: int, significand_width: int) -> data.StructLayout:
    """The same value as an integer in sign and magnitude."""
    return sign_magnitude(significand_width + 2**exponent_width - 1)


def decode(m: Module, element: data.View, decoded: data.View) -> None:
    """Drive an element's decoded form."""
    normal = element.exponent.any()
    m.d.comb += [decoded.significand.eq(Cat(element.fraction, normal)), decoded.sign.eq(element.sign)]
    if len(element.exponent) == 2:
        m.d.comb += decoded.shift.eq(Cat(element.exponent == 2, element.exponent == 3))
    else:
        m.d.comb += decoded.shift.eq(element.exponent - normal)


class SmallFloatDecoder(Component):
    """Elements of one operand, decoded once at the tile's edge for all units of its row or column. Combinational.

    Parameters
    ----------
    fixed
        whether to integers (``fixed_layout``), for multiplier blocks, or to ``decoded_layout``.
    """

    def __init__(self, exponent_width: int, significand_width: int, dot: int, fixed: bool = False) -> None:
        self.dot, self.fixed = dot, fixed
        self.module_name = named("small_float_decoder", e=exponent_width, s=significand_width, d=dot, fixed=fixed)
        layout = fixed_layout if fixed else decoded_layout
        super().__init__(
            {
                "i": In(data.ArrayLayout(element_layout(exponent_width, significand_width), dot)),
                "o": Out(data.ArrayLayout(layout(exponent_width, significand_width), dot)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for i in range(self.dot):
            element = self.i[i]
            if not self.fixed:
                decode(m, element, self.o[i])
                continue
            m.d.comb += self.o[i].sign.eq(element.sign)
            with m.Switch(element.exponent):
                for exponent in range(2 ** len(element.exponent)):
                    with m.Case(exponent):
                        significand = Cat(element.fraction, exponent > 0)
                        m.d.comb += self.o[i].magnitude.eq(significand << max(0, exponent - 1))
        return m


def _shift_one_hot(m: Module, bits: list[Value], shift: Value, name: str) -> list[Value]:
    """``bits`` shifted left by 0, 1 or 2 places; ``shift`` has a line for 1 and one for 2."""
    lines = [~shift.any(), shift[0], shift[1]]
    result = Signal(len(bits) + 2, name=name)
    for i in range(len(bits) + 2):
        terms = [bits[i - k] & line for k, line in enumerate(lines) if 0 <= i - k < len(bits)]
        value = terms[0]
        for term in terms[1:]:
            value = value | term
        m.d.comb += result[i].eq(value)
    return [result[i] for i in range(len(bits) + 2)]


def scaled_magnitude(m: Module, a: data.View, b: data.View, product: list[Value], name: str = "") -> Value:
    """Magnitude of a product of two decoded elements from the bits of their significands' product."""
    if len(a.shift) == 2:
        product = _shift_one_hot(m, product, a.shift, f"shifted_a{name}")
        return Cat(_shift_one_hot(m, product, b.shift, f"shifted_b{name}"))
    shift = Signal(len(a.shift) + 1, name=f"shift{name}")
    m.d.comb += shift.eq(a.shift + b.shift)
    return Cat(product) << shift
