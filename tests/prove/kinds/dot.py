"""Dot products: exact whatever the mantissas, and the mixed unit equal to both pure ones.

A sum of 16 products is beyond a solver as a whole. It is proved in three steps: one product, for all inputs; the adder
cells, likewise; and the netlist between them by algebra. There every adder is replaced by what it adds, with the weight of
its outputs, until the sum stands as a linear form of the products' bits, which has to be the sum of their values.
"""

from pathlib import Path

from amaranth.hdl import Module, Mux, Signal, signed

from hw.array.processing_element import ProcessingElement
from hw.config import CoreConfig
from hw.dot.adder_cells import FullAdder, HalfAdder, HalfAdderPlusOne
from hw.dot.dot_product import DotProduct
from hw.dot.product import Product
from hw.emit import emit_verilog, place
from hw.sequence.passes import passes
from tests.dot.algebra import linear_form, netlist, places
from tests.prove.bench import Bench, Stage
from tests.prove.property import Proof, Property, every_input, some_cycles
from tests.prove.solvers import Change, Refuted

__all__ = ["PROPERTIES"]

SIZE = 16


def product(width: int) -> Bench:
    """The bits of one product, by their weights."""

    def describe(bench: Bench, m: Module, platform: object) -> None:
        part = place(m, platform, "product", Product(width))
        total, values = Signal(signed(2 * width + 1)), []
        weighted = sum(bit << column for bit, column in zip(part.bits, part.columns, strict=True))
        for name in "ab":
            operand, value = getattr(part, name), Signal(signed(width), name=f"value_{name}")
            m.d.comb += [
                operand.as_value().eq(getattr(bench, name)),
                value.eq(Mux(operand.sign, -operand.magnitude, operand.magnitude)),
            ]
            values.append(value)
        m.d.comb += total.eq(weighted - Mux(part.sign, part.bound, 0))
        bench.claim(total == values[0] * values[1])

    return Bench(f"product_{width}", {"a": width, "b": width}, describe)


def adders() -> Bench:
    """The cells that the algebra takes for granted."""

    def describe(bench: Bench, m: Module, platform: object) -> None:
        for cell, constant in ((FullAdder(), 0), (HalfAdder(), 0), (HalfAdderPlusOne(), 1)):
            part, total = place(m, platform, cell.module_name, cell), constant
            for port in "abc"[: 2 + ("c" in cell.signature.members)]:
                m.d.comb += getattr(part, port).eq(getattr(bench, port))
                total = total + getattr(bench, port)
            bench.claim(total == part.sum + 2 * part.carry)

    return Bench("adders", {"a": 1, "b": 1, "c": 1}, describe)


def structure(width: int) -> Proof:
    """The netlist of a whole dot product of ``SIZE`` elements."""

    def prove(folder: Path, seconds: float, change: Change) -> None:
        body, part = DotProduct(width, SIZE), Product(width)
        module = netlist(change(emit_verilog(body)), body.module_name, folder, (part.module_name,))
        known, expected, modulus = places(module), {}, 2 ** len(body.sum)
        for lane in range(SIZE):
            name = f"product{lane}"
            expected |= {(f"{name}.bits", i): 1 << column for i, column in enumerate(part.columns)}
            expected[f"{name}.sign", 0] = -part.bound % modulus
            for side in "ab":
                bits = module["cells"][name]["connections"][side]
                if [known.get(bit) for bit in bits] != [(side, width * lane + i) for i in range(width)]:
                    raise Refuted(f"operand {side} of product {lane} is not the lane's")
        try:
            form, constant = linear_form(module, len(body.sum))
        except AssertionError as error:
            raise Refuted(str(error)) from None
        if constant or form != expected:
            raise Refuted("the sum is another linear form of the products")

    return prove


def mixed(width_a: int, width_b: int, size: int) -> Stage:
    """A unit of 4-bit multipliers that takes 6-bit mantissas in passes, beside one of 6-bit multipliers: one block."""
    units = [
        ProcessingElement(CoreConfig(widths, block_size=size, dot=size, lanes=size, tile_rows=1, tile_columns=1))
        for widths in ((4, 6), (6,))
    ]
    table = passes(*((width - 1 + 2) // 3 for width in (width_a, width_b)))

    def describe(bench: Stage, m: Module, platform: object) -> None:
        narrow, wide = (place(m, platform, name, unit) for name, unit in zip(("narrow", "wide"), units, strict=True))
        step, sampled = Signal(range(len(table) + 2)), {}
        with m.If(step <= len(table)):
            m.d.sync += step.eq(step + 1)
        for side, width in (("a", width_a), ("b", width_b)):
            held = Signal(len(getattr(bench, side)), name=f"held_{side}", reset_less=True)
            with m.If(~bench.started):
                m.d.power += held.eq(getattr(bench, side))
            sampled[side] = [held.word_select(n, width) for n in range(size)]
            for n, mantissa in enumerate(sampled[side]):
                magnitude, sign = mantissa[: width - 1], mantissa[-1]
                for unit in (narrow, wide):
                    m.d.comb += [getattr(unit, side)[n].sign.eq(sign), getattr(unit, f"scale_{side}").eq(0)]
                m.d.comb += getattr(wide, side)[n].magnitude.eq(magnitude)
                with m.Switch(step):
                    for number, entry in enumerate(table):
                        with m.Case(number):
                            m.d.comb += getattr(narrow, side)[n].magnitude.eq(magnitude >> 3 * entry["ab".index(side)])
        with m.Switch(step):
            for number, (_, _, shift) in enumerate(table):
                with m.Case(number):
                    m.d.comb += [narrow.sum_control.clear.eq(number == 0), narrow.sum_control.shift.eq(shift)]
        for unit in (narrow, wide):
            m.d.comb += unit.read.first.eq(1)
        bench.claim((step != len(table)) | (narrow.value == wide.value))

    return Stage(f"mixed_{width_a}_{width_b}_{size}", {"a": size * width_a, "b": size * width_b}, describe)


MULTIPLIED = "the bits of a product, by their weights, are the product of two mantissas, minus zero included"
SUMMED = (
    f"the sum is that of the products of the {SIZE} lanes, by algebra on every cell of the netlist, its adders and"
    " products being as proved above"
)


def _mixed(width_a: int, width_b: int, size: int) -> Property:
    words = f"the 4-bit unit's passes give what 6-bit multipliers give, for blocks of {size}"
    proof = some_cycles(lambda: mixed(width_a, width_b, size), 6)
    return Property(f"dot/mixed, {width_a} by {width_b} bits", words, "every input", proof)


PROPERTIES = [
    Property("dot/adder cells", "full, half and half plus one adder add", "every input", every_input(adders), quick=True),
    *(
        Property(f"dot/product of {m} bits", MULTIPLIED, "every input", every_input(lambda m=m: product(m)), quick=m == 4)
        for m in (4, 6)
    ),
    *(Property(f"dot/{SIZE} products of {m} bits", SUMMED, "every input", structure(m), quick=m == 4) for m in (4, 6)),
    *(_mixed(*sizes) for sizes in ((4, 4, 2), (4, 6, 1), (6, 4, 1), (6, 6, 1))),
]
