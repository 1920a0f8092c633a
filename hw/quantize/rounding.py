"""From one FP32 element and its block's exponent to a mantissa."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.config import CoreConfig, Rounding
from hw.names import named
from hw.quantize.xorshift import UNIFORM_BITS
from hw.types import sign_magnitude

__all__ = [
    "MantissaAligner", "MantissaRounder", "aligned_element", "guard_bits", "keep", "kept_element", "reference_width",
]  # fmt: skip

FP32_FRACTION_BITS = 23


def guard_bits(config: CoreConfig) -> int:
    """Bits below a mantissa that rounding looks at one by one; the rest is one sticky bit."""
    if "stochastic" in config.rounding_modes:
        return UNIFORM_BITS
    # Truncation looks at none; two-bit mantissas keep one all the same, for otherwise no fraction would be left.
    return int("nearest" in config.rounding_modes or config.mantissa_widths == (2,))


def kept_element(config: CoreConfig) -> data.StructLayout:
    """What is stored of an FP32 number: enough fraction to round the widest mantissa, a sticky bit for the rest."""
    fraction = config.mantissa_widths[-1] - 2 + guard_bits(config)
    return data.StructLayout({"sticky": 1, "fraction": fraction, "exponent": 8, "sign": 1})


def keep(config: CoreConfig, number: Value) -> Value:
    """Bits of ``kept_element`` of an FP32 word."""
    dropped = FP32_FRACTION_BITS - kept_element(config)["fraction"].width
    return Cat(number[:dropped].any(), number[dropped:])


def reference_width(config: CoreConfig) -> int:
    """Bits of a block's reference: at most 255 + 8."""
    return 9 if config.mixed else 8


def aligned_element(config: CoreConfig) -> data.StructLayout:
    """An element in units of its block's interval.

    Attributes
    ----------
    units
        with ``guard_bits`` of fraction.
    sticky
        ones below them.
    sign
        of the element.
    nonzero
        the element was not zero.
    exceeds
        it is beyond the block's exponent.
    """
    width = kept_element(config)["fraction"].width + 1
    return data.StructLayout({"units": width, "sticky": 1, "sign": 1, "nonzero": 1, "exceeds": 1})


class MantissaAligner(wiring.Component):
    """Shift one element to its block's exponent. Combinational.

    With M the widest mantissa and m the chosen one, the significand in front of M - 1 integer bits moves right by
    ``distance = reference - exponent`` places, the reference being the exponent field of the block plus M - m.

    Attributes
    ----------
    element
        the number, as ``keep`` leaves it. A subnormal counts as zero.
    distance
        signed.
    o
        ``aligned_element``.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.module_name = named("mantissa_aligner", config.name)
        super().__init__({
            "element": In(kept_element(config)),
            "distance": In(signed(reference_width(config) + 1)),
            "o": Out(aligned_element(config)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        element = self.element
        normal, significand = Signal(), Signal(len(element.fraction) + 1)
        m.d.comb += [normal.eq(element.exponent.any()), significand.eq(Mux(normal, Cat(element.fraction, 1), 0))]
        shifted, lost = self._shift(m, significand, self.distance)
        m.d.comb += [
            self.o.units.eq(shifted),
            self.o.sticky.eq(lost | element.sticky),
            self.o.sign.eq(element.sign),
            self.o.nonzero.eq(element.as_value()[:-1].any()),
            # Only a narrow exponent lets an element exceed the reference.
            self.o.exceeds.eq(normal & (self.distance < 0) if self.config.exponent_width < 8 else 0),
        ]
        return m

    def _shift(self, m: Module, significand: Value, distance: Value) -> tuple[Signal, Signal]:
        """``significand >> distance`` and whether ones were lost; a distance beyond the width gives zero."""
        stages = len(significand).bit_length()
        lost = Const(0)
        for stage in range(stages):
            amount, moved = 1 << stage, Signal.like(significand, name=f"shifted_{stage}")
            lost = lost | (distance[stage] & significand[:amount].any())
            m.d.comb += moved.eq(Mux(distance[stage], significand >> amount, significand))
            significand = moved
        shifted, sticky = Signal.like(significand), Signal()
        far = distance[stages:].any()
        m.d.comb += [shifted.eq(Mux(far, 0, significand)), sticky.eq(lost)]
        return shifted, sticky


class MantissaRounder(wiring.Component):
    """Round and saturate one aligned element. Combinational.

    Attributes
    ----------
    element
        ``aligned_element``.
    blank
        the block is zero or NaN: the mantissa is zero.
    width, rounding
        as in ``ConversionSettings``; absent where there is no choice.
    uniform
        random number of stochastic rounding; absent without it.
    mantissa
        sign and magnitude; minus zero keeps its sign.
    saturated
        the rounded magnitude did not fit and was clipped to ``2**(m-1) - 1``.
    flushed
        the number was not zero, but the mantissa is.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.module_name = named("mantissa_rounder", config.name)
        members = {
            "element": In(aligned_element(config)),
            "blank": In(1),
            "mantissa": Out(sign_magnitude(config.storage_width)),
            "saturated": Out(1),
            "flushed": Out(1),
        }
        if config.mixed:
            members["width"] = In(4)
        if len(config.rounding_modes) > 1:
            members["rounding"] = In(Rounding)
        if "stochastic" in config.rounding_modes:
            members["uniform"] = In(UNIFORM_BITS)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        element, guard = self.element, guard_bits(self.config)
        quotient, remainder = element.units[guard:], element.units[:guard]
        rounded, limit, overflow = Signal(self.config.mantissa_widths[-1]), self._limit(m), Signal()
        m.d.comb += [
            rounded.eq(quotient + self._round_up(m, quotient, remainder, element.sticky)),
            overflow.eq((rounded > limit) | element.exceeds),
            self.mantissa.sign.eq(element.sign),
            self.mantissa.magnitude.eq(Mux(self.blank, 0, Mux(overflow, limit, rounded))),
            self.saturated.eq(overflow & ~self.blank),
            self.flushed.eq(element.nonzero & ~self.mantissa.magnitude.any()),
        ]
        return m

    def _round_up(self, m: Module, quotient: Value, remainder: Value, sticky: Value) -> Value:
        carries = {}
        for mode in self.config.rounding_modes:
            if mode == "nearest":
                carries[mode] = remainder[-1] & (remainder[:-1].any() | sticky | quotient[0])
            elif mode == "stochastic":
                carries[mode] = (remainder + self.uniform)[UNIFORM_BITS]
            else:
                carries[mode] = Const(0)
        if len(carries) == 1:
            return carries.popitem()[1]
        round_up = Signal()
        with m.Switch(self.rounding):
            for mode, carry in carries.items():
                with m.Case(Rounding[mode.upper()]):
                    m.d.comb += round_up.eq(carry)
        return round_up

    def _limit(self, m: Module) -> Value:
        """Largest magnitude of the chosen width."""
        *narrow, widest = self.config.mantissa_widths
        limit = Signal(widest - 1, init=2 ** (widest - 1) - 1)
        for width in narrow:
            with m.If(self.width == width):
                m.d.comb += limit.eq(2 ** (width - 1) - 1)
        return limit
