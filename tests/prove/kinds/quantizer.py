"""The quantizer: a block's exponent is that of its maximum, and every element is rounded as docs/numerics.md says.

The specification compares integers: a mantissa q stands for q times the interval, and what is asked is how far that is
from the element. It shifts nothing out, so it has neither guard bits nor a sticky bit.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from hw.config import CoreConfig, Rounding
from hw.emit import place
from hw.quantize.block_quantizer import BlockQuantizer
from hw.quantize.rounding import MantissaAligner, MantissaRounder, keep, reference_width
from tests.prove.bench import Bench, Stage
from tests.prove.monitors import conveyor, drive, ends, stays, transfer
from tests.prove.property import Property, every_input, every_time, some_cycles

__all__ = ["PROPERTIES", "block", "lane"]

FP32_BIAS, FRACTION = 127, 23
ONE = FP32_BIAS << FRACTION
FAR = 33
"""log2 of an interval, in an element's last places, from which on the element is below 1/512 of it: everything rounds to 0."""


def right(
    m: Module, number: Value, field: Value, magnitude: Value, width: Value, rounding: Value, uniform: Value
) -> tuple[Value, Value]:
    """Whether ``magnitude`` is what the FP32 word ``number`` becomes in a block whose largest exponent field is ``field``;
    and whether it was limited.

    Rounding is the page's, then limited to the largest mantissa: it is smaller than that and the nearest (the one below; the
    one that the cut sum gives), or it is the largest and the element rounds to that or more.
    """
    exponent, significand = number[FRACTION : FRACTION + 8], Signal(FRACTION + 1)
    m.d.comb += significand.eq(Mux(exponent == 0, 0, Cat(number[:FRACTION], 1)))
    # One interval is 2**place last places of the element: 2**(field - (width - 2)) against 2**(exponent - 23).
    place_of, interval = Signal(10), Signal(FAR + 1)
    m.d.comb += [place_of.eq(field - exponent + FRACTION + 2 - width), interval.eq(1 << place_of[:6])]
    largest, value = Signal(16), Signal(FAR + 17)
    m.d.comb += [largest.eq(_largest(width)), value.eq(magnitude * interval)]
    at_most = magnitude == largest
    above, below = significand, value  # the element, and what became of it, in last places
    tie_up, odd = 2 * above + interval == 2 * below, magnitude[0]
    nearest = (
        (2 * below <= 2 * above + interval)
        & (at_most | (2 * above <= 2 * below + interval))
        & ~(odd & (tie_up | (~at_most & (2 * above == 2 * below + interval))))
    )
    truncated = (below <= above) & (at_most | (above < below + interval))
    cut, drawn = Signal(FRACTION + 9), Signal(FRACTION + 10)
    m.d.comb += [cut.eq(Cat(Const(0, 8), significand) >> place_of[:6]), drawn.eq((cut + uniform) >> 8)]
    stochastic = magnitude == Mux(drawn > largest, largest, drawn)
    rounded = Mux(rounding == Rounding.NEAREST, nearest, Mux(rounding == Rounding.TRUNCATE, truncated, stochastic))
    limit = largest * interval
    beyond = Mux(
        rounding == Rounding.NEAREST, 2 * above >= 2 * limit + interval,
        Mux(rounding == Rounding.TRUNCATE, above >= limit + interval, drawn > largest),
    )  # fmt: skip
    result, saturated = Signal(), Signal()
    m.d.comb += [
        result.eq((magnitude <= largest) & Mux(place_of >= FAR, magnitude == 0, rounded)),
        saturated.eq((place_of < FAR) & beyond),
    ]
    return result, saturated


def _largest(width: Value) -> Value:
    """The largest mantissa of so many bits, its sign included."""
    return ((1 << width) >> 1) - 1


def lane(config: CoreConfig) -> Bench:
    """One element of any block: every FP32 word, at every exponent field of the block that is not below its own."""

    def describe(bench: Bench, m: Module, platform: object) -> None:
        aligner = place(m, platform, "aligner", MantissaAligner(config))
        rounder = place(m, platform, "rounder", MantissaRounder(config))
        modes, widest = config.rounding_modes, config.mantissa_widths[-1]
        width, rounding, uniform = Const(widest, 4), Const(Rounding[modes[0].upper()], 2), Const(0, 8)
        exponent, blank, reference = bench.number[FRACTION:][:8], Signal(), Signal(reference_width(config))
        if config.mixed:
            width = bench.width
            bench.require(_any(width, config.mantissa_widths))
            m.d.comb += rounder.width.eq(width)
        if len(modes) > 1:
            rounding = bench.rounding
            bench.require(_any(rounding, [Rounding[mode.upper()] for mode in modes]))
            m.d.comb += rounder.rounding.eq(rounding)
        if "stochastic" in modes:
            uniform = bench.uniform
            m.d.comb += rounder.uniform.eq(uniform)
        bench.require(exponent <= bench.field)
        m.d.comb += [
            blank.eq((bench.field == 0) | (bench.field == 255)), reference.eq(bench.field + widest - width),
            aligner.element.eq(keep(config, bench.number)), aligner.distance.eq(reference - exponent),
            rounder.element.eq(aligner.o), rounder.blank.eq(blank),
        ]  # fmt: skip
        magnitude = rounder.mantissa.magnitude
        bench.claim(rounder.mantissa.sign == bench.number[31])
        fine, saturated = right(m, bench.number, bench.field, magnitude, width, rounding, uniform)
        bench.claim(Mux(blank, magnitude == 0, fine))
        bench.claim(rounder.saturated == (saturated & ~blank))
        bench.claim(rounder.flushed == (bench.number[:31].any() & (magnitude == 0)))

    shapes = {"number": 32, "field": 8, "width": 4, "rounding": 2, "uniform": 8}
    return Bench("lane", shapes, describe)


def _any(value: Value, codes: tuple[int, ...] | list) -> Value:
    """``value`` is one of ``codes``."""
    return Cat(value == code for code in codes).any()


def block(width: int, rounding: str) -> Stage:
    """A converter of blocks of two elements, both in one beat: any blocks, one after the other, with any stalls."""
    config = CoreConfig((width,), block_size=2, lanes=2, tile_rows=1, tile_columns=1, rounding_modes=(rounding,))

    def describe(bench: Stage, m: Module, platform: object) -> None:
        converter = place(m, platform, "converter", BlockQuantizer(config))
        drive(bench, m, converter.i)
        m.d.comb += converter.o.ready.eq(bench.o_ready)
        taken, beat = converter.i.payload, converter.o.payload
        bench.require(taken.last)

        def same(elements: Value, out: Value) -> Value:
            """A block's two words against its scale, NaN flag and mantissas."""
            numbers = [elements[:32], elements[32:64]]
            fields = [number[FRACTION:][:8] for number in numbers]
            field, zero, nan, fine = Signal(8), Signal(), Signal(), Signal()
            m.d.comb += [field.eq(Mux(fields[0] > fields[1], *fields)), zero.eq(field == 0), nan.eq(field == 255)]
            mode, mantissas = Const(Rounding[rounding.upper()], 2), []
            for mantissa, number in zip(beat.mantissas, numbers, strict=True):
                magnitude = mantissa.magnitude
                rounded, _ = right(m, number, field, magnitude, Const(width, 4), mode, Const(0, 8))
                mantissas.append((mantissa.sign == number[31]) & Mux(zero | nan, magnitude == 0, rounded))
            exponent = field - FP32_BIAS + 1  # X of the page
            m.d.comb += fine.eq((beat.scale == exponent - (width - 1)) & (beat.nan == nan) & Cat(mantissas).all())
            return fine

        words = Cat(Mux(present, word, 0) for word, present in zip(taken.data, taken.mask, strict=True))
        conveyor(
            bench, m, [words], transfer(converter.i), [beat], transfer(converter.o),
            choose=bench.choose, place=Const(0, 1), capacity=7, same=same,
        )  # fmt: skip
        bench.claim(beat.last | ~converter.o.valid)
        stays(bench, m, converter.o)

    shapes = {"i_valid": 1, "i_payload": BlockQuantizer(config).i.payload.shape().size, "o_ready": 1, "choose": 1}
    return Stage(f"block_{width}_{rounding}", shapes, describe)


def order(size: int, lanes: int) -> Stage:
    """A converter of elements +1, -1 and absent: whatever it does to numbers, which places they leave in can be seen.

    A block that comes short leaves whole, with zeros.
    """
    config = CoreConfig(
        (2,), block_size=size, lanes=lanes, dot=size, tile_rows=1, tile_columns=1, rounding_modes=("truncate",)
    )  # fmt: skip
    beats = size // lanes

    def describe(bench: Stage, m: Module, platform: object) -> None:
        converter = place(m, platform, "converter", BlockQuantizer(config))
        m.d.comb += converter.i.payload.data.eq(Cat(Cat(Const(ONE, 31), sign) for sign in bench.signs))
        drive(bench, m, converter.i, ("mask", "first", "last"))
        m.d.comb += converter.o.ready.eq(bench.o_ready)
        taken, beat, index, out = converter.i.payload, converter.o.payload, Signal(range(beats)), Signal(range(beats))
        bench.require(taken.last | (index != beats - 1))
        with m.If(transfer(converter.i)):
            m.d.sync += index.eq(Mux(taken.last, 0, index + 1))
        with m.If(transfer(converter.o)):
            m.d.sync += out.eq(Mux(out == beats - 1, 0, out + 1))
        codes = taken.mask & bench.signs
        mantissas = Cat(mantissa.sign for mantissa in beat.mantissas)
        conveyor(
            bench, m, [codes, *[Const(0, lanes)] * (beats - 1)], Mux(transfer(converter.i), Mux(taken.last, beats - index, 1), 0),
            [mantissas], transfer(converter.o), choose=bench.choose, place=bench.place, capacity=2 * beats + 5,
        )  # fmt: skip
        bench.claim(~converter.o.valid | (beat.last == (out == beats - 1)))
        ends(bench, m, converter.o.ready & converter.i.valid & ~converter.i.ready, beats + 2, "entry")

    shapes = {"i_valid": 1, "i_mask": lanes, "i_first": 1, "i_last": 1, "signs": lanes, "o_ready": 1, "choose": 1,
              "place": range(max(2, beats))}  # fmt: skip
    return Stage(f"order_{size}_{lanes}", shapes, describe)


ROUNDED = (
    "an element at any exponent of its block becomes the mantissa that the page says: of its sign, within half a "
    "step (nearest, ties to even) or less than one (others), limited to the largest; zero and NaN blocks give 0; "
    "what was limited or flushed is told"
)
BLOCKS = (
    "a block's exponent is that of its maximum, NaN and zero blocks are found, its elements are rounded with it; "
    "blocks come once, in order, whole; offers stay"
)
ORDERED = "blocks pass once and in order, short ones filled with zeros; what waits enters"
MODES = ("nearest", "stochastic", "truncate")


def _element(name: str, widths: tuple[int, ...], modes: tuple[str, ...]) -> Property:
    proof = every_input(lambda: lane(CoreConfig(widths, rounding_modes=modes)))
    return Property(f"quantizer/element, {name}", ROUNDED, "every input", proof, quick=modes == ("nearest",))


def _blocks(width: int, mode: str) -> Property:
    proof = some_cycles(lambda: block(width, mode), 10)
    return Property(f"quantizer/blocks of two, {width} bits, {mode}", BLOCKS, "the first 10 cycles", proof)


def _order(size: int, lanes: int) -> Property:
    proof = every_time(lambda: order(size, lanes))
    return Property(f"quantizer/order, {size} elements, {lanes} a beat", ORDERED, "all time", proof)


PROPERTIES = [
    *(_element(f"{width} bits, {mode}", (width,), (mode,)) for width in (4, 6) for mode in MODES),
    _element("4 or 6 bits by command, every rounding", (4, 6), MODES),
    *(_order(*sizes) for sizes in ((2, 2), (2, 1))),
    *(_blocks(width, mode) for width in (4, 6) for mode in ("nearest", "truncate")),
]
