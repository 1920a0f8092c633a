"""What is synthesised for each format: the tile, its parts, and a simulation of its unit against the reference."""

from fractions import Fraction
from math import nan
from random import Random

from amaranth.hdl import Shape

from golden import scalar
from hw.array.tile import Tile
from hw.baseline.elements import element_for
from hw.baseline.formats import NumberFormat
from hw.config import CoreConfig
from synth.netlist import Netlist
from synth.oracle import dot_words, element_value, float_word

__all__ = ["PARTS", "Mismatch", "config_for", "simulate_unit", "tile_for"]

PARTS = ("dot_product", "scaled_dot_product", "float_multiply", "float_add", "block_accumulator", "integer_accumulator",
         "word_accumulator", "processing_element", "element_", "small_float_decoder", "paired_dot_product", "pair_sums",
         "pair_selects")  # fmt: skip


class Mismatch(AssertionError):
    """A mapped netlist that does not compute what the reference does."""


def config_for(
    form: NumberFormat, dot: int | None = None, rows: int = 4, columns: int = 4, cycles: int = 1
) -> CoreConfig:
    """Configuration of a tile of this format: a block per cycle and unit, 64 elements where nothing is shared."""
    block = form.block_size or dot or 64
    widths = (4, 6) if form.name == "mixed46" else (form.significand_width,) if form.kind == "hbfp" else (4,)
    accumulator = form.accumulator if form.accumulator in ("bf16", "aligned") else "fp32"
    return CoreConfig(
        widths, block_size=block, dot=min(dot or block, block), tile_rows=rows, tile_columns=columns,
        accumulator=accumulator, accumulator_cycles=cycles, interleave=max(1, cycles - 1),
    )  # fmt: skip


def tile_for(form: NumberFormat, config: CoreConfig) -> Tile:
    """The tile."""
    return Tile(config, element_for(form))


def _words(rng: Random, form: NumberFormat, count: int) -> list[int]:
    """Random elements, with the extremes more often than chance would have them."""
    bits, kind = form.element_bits, rng.randrange(4)
    if kind == 0:
        largest = (1 << bits - 1) - 1 if form.kind != "paired" else 0  # -128, or -127
        if form.kind == "float":
            largest -= 1 << form.significand_width - 1
        return [largest | rng.getrandbits(1) << bits - 1 for _ in range(count)]
    words = [rng.getrandbits(bits) for _ in range(count)]
    if form.kind == "float" and kind != 1:  # exponents close together, where additions cancel and round
        middle = 1 << form.exponent_width - 1
        spread = max(1, min(4, middle // 2))
        words = [
            (rng.getrandbits(1) << form.exponent_width | rng.randint(middle - spread, middle + spread))
            << form.significand_width - 1 | rng.getrandbits(form.significand_width - 1)
            for _ in range(count)
        ]
    return words


def _mantissa(word: int, bits: int) -> int:
    magnitude = word & (1 << bits - 1) - 1
    return -magnitude if word >> bits - 1 else magnitude


def _twos_complement(word: int, bits: int) -> int:
    return word - (word >> bits - 1 << bits)


class _Model:
    """Reference of one unit's one output."""

    def __init__(self, form: NumberFormat, config: CoreConfig, sum_width: int):
        self.form, self.config, self.sum_width = form, config, sum_width
        self.total = 0 if form.accumulator == "int32" else 0.0
        self.state = scalar.AlignedState()
        self.width = 8 if form.accumulator == "bf16" else 24

    def add(self, a, b, scale: int, factor: int, is_nan: bool):
        form = self.form
        if form.kind == "float":
            self.total = scalar.add(self.total, dot_words(form, a, b, self.width), self.width)
            return float_word(self.total, self.width)
        if form.kind == "scaled":
            e, s = form.exponent_width, form.significand_width
            total = sum(element_value(x, e, s) * element_value(y, e, s) for x, y in zip(a, b, strict=True)) * factor
        else:
            m = form.significand_width
            value = _twos_complement if form.kind == "paired" else _mantissa
            total = sum(value(x, m) * value(y, m) for x, y in zip(a, b, strict=True))
        if form.accumulator == "int32":
            self.total = (self.total + total) % 2**32
            return self.total
        if form.accumulator == "aligned":
            self.state = scalar.step_aligned(self.state, None if is_nan else (int(total), scale), 32, self.sum_width)
            return None if self.state.is_nan else self.state.total % 2**32
        term = nan if is_nan else scalar.round_to_float(total * Fraction(2) ** scale, self.width)
        self.total = scalar.add(self.total, term, self.width)
        return float_word(self.total, self.width)


def simulate_unit(form: NumberFormat, config: CoreConfig, synthesis, library, *, lanes: int = 24, blocks: int = 6,
                  seed: int = 1, change=None) -> int:  # fmt: skip
    """Run the mapped unit against the reference; returns the number of results compared.

    Raises
    ------
    Mismatch : naming the first result that differs.
    """
    unit = element_for(form)(config)
    netlist = Netlist(synthesis, library, lanes, unit.module_name, change)
    rng, bits, dot = Random(seed), form.element_bits, config.dot
    sum_width = config.block_sum_width
    models = [_Model(form, config, sum_width) for _ in range(lanes)]
    fields = [name for name in unit.operand.members if name != "mantissas"]
    pending, compared = [], 0
    steps = config.steps
    held = [([], []) for _ in range(lanes)]
    for cycle in range(blocks * steps + 1):
        inputs = {"read": [int(cycle == steps)] * lanes, "write": [int(cycle % steps == 0 and cycle > 0)] * lanes}
        operands = [(_words(rng, form, dot), _words(rng, form, dot)) for _ in range(lanes)]
        for side, place in (("a", 0), ("b", 1)):
            packed = [sum(w << i * bits for i, w in enumerate(lane[place])) for lane in operands]
            prepare = getattr(unit, f"prepare_{side}")
            if prepare is not None:
                packed = _prepare(prepare(), packed, synthesis, library, lanes)
            inputs[side] = packed
        if unit.sums:
            inputs["sum_control"] = [int(cycle % steps == 0)] * lanes
        if pending:
            scales, factors, nans = pending
            for side in range(2):
                name = "ab"[side]
                for field in fields:
                    width = Shape.cast(unit.operand[field].shape).width
                    source = {"scale": scales, "factor": factors, "nan": nans}[field]
                    inputs[f"{field}_{name}"] = [lane[side] % (1 << width) for lane in source]
        result = netlist.step(inputs, "value")["value"]
        if cycle % steps == 0 and cycle > 0:
            for lane, model in enumerate(models):
                scale, factor, is_nan = sum(scales[lane]), factors[lane][0] * factors[lane][1], any(nans[lane])
                expected = model.add(*held[lane], scale, factor, is_nan)
                got = result[lane] % 2**32 if form.accumulator == "aligned" else result[lane]
                if expected is not None and got != expected:
                    raise Mismatch(f"{form.name}: unit {unit.module_name} gives {got:#x} instead of {expected:#x}")
                compared += 1
            held = [([], []) for _ in range(lanes)]
        for lane in range(lanes):
            held[lane][0].extend(operands[lane][0])
            held[lane][1].extend(operands[lane][1])
        if cycle % steps == 0:
            base = rng.choice((-3, 0, 40, -75))
        pending = (
            [(base + rng.randint(-6, 6), base + rng.randint(-6, 6)) for _ in range(lanes)],
            [(rng.randint(8, 15), rng.randint(8, 15)) if "factor" in fields else (1, 1) for _ in range(lanes)],
            [(int(rng.random() < 0.01), 0) if "nan" in fields else (0, 0) for _ in range(lanes)],
        )
    return compared


def _prepare(part, packed, synthesis, library, lanes):
    """What a row's or column's preparing part makes of its operands."""
    netlist = Netlist(synthesis, library, lanes, part.module_name)
    netlist.evaluate({"i": packed})
    return netlist.output("o")
