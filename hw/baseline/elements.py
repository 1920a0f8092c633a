"""Units of other formats, with the interface of ``ProcessingElement``, for the same tile."""

from collections.abc import Callable
from functools import partial
from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data

from hw.accumulate.block_accumulator import Accumulator, BlockAccumulator
from hw.accumulate.block_joiner import BlockJoiner, feed_block
from hw.accumulate.float_accumulator import FORMATS as FLOATS
from hw.accumulate.float_add import add_aligned, align, normalise_sum, round_sum
from hw.accumulate.float_convert import word_term
from hw.accumulate.float_format import FloatFormat
from hw.array.processing_element import ProcessingElement
from hw.baseline.element import SCALE_WIDTH, FormatElement, block_fields, exact_accumulator
from hw.baseline.float_multiply import FloatAdd, FloatMultiply
from hw.baseline.formats import NumberFormat
from hw.baseline.scaled_product import ScaledDotProduct
from hw.baseline.small_float import element_layout
from hw.baseline.weighted_sum import PairTerms, PairWeights, WeightedSum
from hw.config import FPGA_DATAPATHS, CoreConfig, signed_width
from hw.dot.dot_product import DotProduct
from hw.dot.paired_dot_product import PairedDotProduct, PairSelects, PairSums
from hw.dot.sum_of_products import SumOfProducts
from hw.emit import place
from hw.types import sign_magnitude

__all__ = ["FloatElement", "IntegerElement", "PairedElement", "ScaledElement", "WeightedElement", "element_for"]


class _ExactElement(FormatElement):
    """What units have in common whose ``product`` is an exact sum: it is registered, and accumulated with its scale, if any."""

    product: SumOfProducts | PairedDotProduct | WeightedSum

    def elaborate(self, platform: object) -> Module:
        m = Module()
        product = place(m, platform, "dot_product", self.product)
        accumulator = self.finish(m, platform)
        m.d.comb += [product.a.eq(self.a), product.b.eq(self.b)]
        self.accumulate(m, accumulator, self.register(m, product.sum, signed(self.product.sum_width)))
        return m


class IntegerElement(_ExactElement):
    """Integers of ``significand_width`` bits, symmetric, in sign and magnitude; a 32-bit integer accumulator, or with scales ours.

    With ``config.tree_cycles`` there is a register behind the multiplication by scales' significands.
    """

    def __init__(self, config: CoreConfig, form: NumberFormat) -> None:
        self.width = form.significand_width
        self.product = DotProduct(self.width, config.dot, config.datapath, config.tree_cycles)
        if form.scale_significand > 1:
            self.join_cycles = min(1, config.tree_cycles)
        accumulator = exact_accumulator(form, self.product.sum_width, config)
        super().__init__(config, form, sign_magnitude(self.width), accumulator, _whole_blocks(form, config))


class PairedElement(_ExactElement):
    """Two's complement integers by pairs; a 32-bit integer accumulator, or with a power-of-two scale ours."""

    def __init__(self, config: CoreConfig, form: NumberFormat) -> None:
        width = form.significand_width
        self.product = PairedDotProduct(width, config.dot, config.tree_cycles)
        self.prepare_a, self.prepare_b = partial(PairSums, width, config.dot), partial(PairSelects, width, config.dot)
        accumulator = exact_accumulator(form, self.product.sum_width, config)
        super().__init__(config, form, signed(width), accumulator, _whole_blocks(form, config))


class WeightedElement(_ExactElement):
    """Integers ``a`` in two's complement, weights ``b`` of one or two bits, by pairs; a 32-bit integer accumulator."""

    def __init__(self, config: CoreConfig, form: NumberFormat) -> None:
        shape = form.significand_width, form.weight_width, config.dot
        self.product = WeightedSum(*shape, config.tree_cycles)
        self.prepare_a, self.prepare_b = partial(PairTerms, *shape), partial(PairWeights, *shape[1:])
        accumulator = exact_accumulator(form, self.product.sum_width, config)
        super().__init__(config, form, signed(form.significand_width), accumulator, shape_b=form.weight_width)


def _whole_blocks(form: NumberFormat, config: CoreConfig) -> dict[str, Any]:
    """Fields of a block, of which every cycle must bring all."""
    if form.block_size and config.steps > 1:
        raise ValueError(f"dot must be the block size {config.block_size}, not {config.dot}")
    return block_fields(form)


class _WordSum:
    """Datapath of an accumulator of floating-point words."""

    boundaries = ((), ("convert",), ("convert", "add"), ("convert", "align", "add"))

    def __init__(self, form: FloatFormat) -> None:
        self.form = form
        self.input_shape = data.StructLayout({"word": form.layout})
        self.state_shape, self.start = form.layout, {"exponent": 0, "sign": 0}

    def connect(self, m: Module, stage: Callable[[str, Any], Any], i: Any, state: Callable[[], Any]) -> Any:
        term = stage("convert", word_term(m, self.form, i.word))
        aligned = stage("align", align(m, self.form, state(), term))
        added = stage("add", add_aligned(m, self.form, aligned))
        return round_sum(m, self.form, normalise_sum(m, self.form, added))


class ScaledElement(FormatElement):
    """Small floats with a block scale: decoded at the tile's edge, summed exactly, accumulated like our blocks.

    A power-of-two scale joins the exponents (``scale`` then is log2 of a block's unit). A scale with a significand
    multiplies the block sum by the product of both before that; with ``config.tree_cycles`` there is a register behind it.
    """

    def __init__(self, config: CoreConfig, form: NumberFormat) -> None:
        self.form = form
        e, s = form.exponent_width, form.significand_width
        growth = 2 * form.scale_significand if form.scale_significand > 1 else 0
        self.sums = config.steps > 1
        bound = ScaledDotProduct(e, s, 1).bound * config.block_size
        self.sum_width = signed_width(-bound, bound)
        self.joined = self.sums and (not config.tree_cycles or config.datapath in FPGA_DATAPATHS)
        addend, blocks = self.sum_width if self.joined else 0, config.group
        self.product = ScaledDotProduct(e, s, config.dot // blocks, config.tree_cycles, addend, config.datapath)
        self.join_cycles = min(1, config.tree_cycles) if growth else config.join_cycles
        accumulator = BlockAccumulator(
            config.accumulator_kind, self.sum_width + growth + config.join_growth, SCALE_WIDTH, config.interleave,
            config.accumulator_cycles, config.joined_fraction_width,
        )  # fmt: skip
        fields = block_fields(form)
        if blocks > 1:
            fields["scale"] = data.ArrayLayout(signed(SCALE_WIDTH), blocks)
        whole = ScaledDotProduct(e, s, config.dot, datapath=config.datapath)
        self.prepare_a = self.prepare_b = whole.prepare
        super().__init__(config, form, element_layout(e, s), accumulator, fields)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.config.group > 1:
            self._join(m, platform)
            return m
        product = place(m, platform, "dot_product", self.product)
        accumulator = self.finish(m, platform)
        m.d.comb += [product.a.eq(self.a), product.b.eq(self.b)]
        total = Signal(signed(self.sum_width), name="block_sum", reset_less=True)
        kept = Mux(self.sum_control.clear, 0, total) if self.sums else 0
        if self.joined:
            m.d.comb += product.addend.eq(kept)
        m.d.sync += total.eq(product.sum if self.joined else product.sum + kept)
        self.accumulate(m, accumulator, total)
        return m

    def _join(self, m: Module, platform: object) -> None:
        """Several blocks, each with a sum of its own."""
        blocks, sums = self.config.group, []
        joiner = place(m, platform, "joiner", BlockJoiner(blocks, self.sum_width, SCALE_WIDTH + 1, self.join_cycles))
        for k in range(blocks):
            product = place(m, platform, f"dot_product_{k}", self.product if k == 0 else self._another())
            feed_block(m, self, product, k)
            total = Signal(signed(self.sum_width), name=f"block_sum_{k}", reset_less=True)
            m.d.sync += total.eq(product.sum)
            sums.append(total)
        joiner.connect(m, self, sums, self.finish(m, platform).i)

    def _another(self) -> ScaledDotProduct:
        """A dot product as ``product``."""
        c, form = self.config, self.form
        return ScaledDotProduct(form.exponent_width, form.significand_width, self.product.dot, c.tree_cycles, 0, c.datapath)


class FloatElement(FormatElement):
    """Floating-point products, a tree of floating-point adders, and a last addition to the output.

    Every operation rounds to nearest even in the accumulator's format; products of narrow formats are exact there.
    ``config.tree_cycles`` chooses how many registers are in each product and each addition of the tree.
    """

    registers = ((0, 0), (2, 1), (3, 2), (4, 4))

    def __init__(self, config: CoreConfig, form: NumberFormat) -> None:
        self.form, self.total = form, FLOATS.get(form.accumulator, form.float_format)
        if form.name == "fp16":
            self.total = FLOATS["fp32"]
        name = f"word_accumulator_{self.total.name}"
        accumulator = Accumulator(_WordSum(self.total), name, config.interleave, config.accumulator_cycles)
        self.product_cycles, self.add_cycles = self.registers[config.tree_cycles]
        if config.tree_cycles and config.dot & (config.dot - 1):
            raise ValueError(f"dot must be a power of two for tree_cycles {config.tree_cycles}, not {config.dot}")
        super().__init__(config, form, form.float_format.layout, accumulator)

    @property
    def sum_cycles(self) -> int:
        """Cycles from ``a`` and ``b`` to ``sum_control``: the products, then a tree of additions."""
        return self.product_cycles + (self.config.dot - 1).bit_length() * self.add_cycles

    def elaborate(self, platform: object) -> Module:
        m = Module()
        accumulator = self.finish(m, platform)
        specials = not self.form.name.startswith("fp8-e4m3")
        words = []
        for i in range(self.config.dot):
            product = place(
                m, platform, f"product{i}",
                FloatMultiply(self.form.float_format, self.total, specials, self.product_cycles, self.config.datapath),
            )  # fmt: skip
            m.d.comb += [product.a.eq(self.a[i]), product.b.eq(self.b[i])]
            words.append(product.o)
        level = 0
        while len(words) > 1:
            sums = []
            for i in range(0, len(words) - 1, 2):
                adder = place(m, platform, f"sum{level}_{i // 2}", FloatAdd(self.total, self.add_cycles))
                m.d.comb += [adder.a.eq(words[i]), adder.b.eq(words[i + 1])]
                sums.append(adder.o)
            words, level = sums + words[2 * len(sums) :], level + 1
        m.d.comb += accumulator.i.word.eq(self.register(m, words[0], self.total.layout))
        return m


def element_for(form: NumberFormat) -> Any:
    """Class (or factory) of the units of a format, to be given to ``Tile``."""
    kinds: dict[str, Any] = {"integer": IntegerElement, "paired": PairedElement, "weighted": WeightedElement,
                             "scaled": ScaledElement, "float": FloatElement}  # fmt: skip
    return ProcessingElement if form.kind == "hbfp" else lambda config: kinds[form.kind](config, form)
