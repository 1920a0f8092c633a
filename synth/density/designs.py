"""What is synthesised for each format: the tile, its parts, and a simulation of its unit against the reference."""

from fractions import Fraction
from math import nan
from random import Random
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib.wiring import Component

from golden import scalar
from hw.accumulate.float_accumulator import FORMATS as FLOATS
from hw.array.tile import Tile
from hw.baseline.elements import element_for
from hw.baseline.formats import NumberFormat
from hw.choices import ACCUMULATORS, blocks_per_addition
from hw.config import CoreConfig
from synth.mapping.flow import Synthesis
from synth.mapping.liberty import Library
from synth.mapping.netlist import Change, Mismatch, Netlist
from synth.mapping.oracle import dot_words, element_value, float_word, weight_value

__all__ = ["PARTS", "Mismatch", "config_for", "simulate_unit", "tile_for"]

PARTS = ("dot_product", "scaled_dot_product", "float_multiply", "float_add", "block_accumulator", "integer_accumulator",
         "word_accumulator", "block_joiner", "processing_element", "element_", "small_float_decoder", "paired_dot_product",
         "weighted_sum", "pair_")  # fmt: skip


def config_for(
    form: NumberFormat, dot: int | None = None, rows: int = 4, columns: int = 4, cycles: int = 1, tree_cycles: int = 0,
    clock_gating: bool = False,
) -> CoreConfig:  # fmt: skip
    """Configuration of a tile of this format: a block (or several, joined) per cycle and unit, 64 elements without.

    Raises
    ------
    ValueError
        for clock gating of another format than HBFP, whose units do not have it.
    """
    if clock_gating and form.kind != "hbfp":
        raise ValueError(f"clock_gating must be of an HBFP format, not of {form.name}")
    block = form.block_size or dot or 64
    widths = (4, 6) if form.name.startswith("mixed46") else (form.significand_width,) if form.kind == "hbfp" else (4,)
    accumulator = form.accumulator if form.accumulator in ACCUMULATORS else "fp32"
    group = blocks_per_addition(accumulator)
    return CoreConfig(
        widths, block_size=block, dot=block * group if group > 1 else min(dot or block, block),
        tile_rows=rows, tile_columns=columns,
        accumulator=accumulator, accumulator_cycles=cycles, interleave=max(1, cycles - 1), tree_cycles=tree_cycles,
        clock_gating=clock_gating,
    )  # fmt: skip


def tile_for(form: NumberFormat, config: CoreConfig) -> Tile:
    """The tile."""
    return Tile(config, element_for(form))


def _words(rng: Random, form: NumberFormat, count: int, side: str = "a") -> list[int]:
    """Random elements, with the extremes more often than chance would have them."""
    bits, kind = form.bits_of(side), rng.randrange(4)
    if kind == 0:
        largest = (1 << bits - 1) - 1 if form.kind not in ("paired", "weighted") else 0  # -128, or -127
        if form.kind == "float":
            largest -= 1 << form.significand_width - 1
        return [largest | rng.getrandbits(1) << bits - 1 for _ in range(count)]
    words = [rng.getrandbits(bits) for _ in range(count)]
    if form.kind == "float" and kind != 1:  # exponents close together, where additions cancel and round
        middle = 1 << form.exponent_width - 1
        spread = max(1, min(4, middle // 2))
        words = [
            (rng.getrandbits(1) << form.exponent_width | rng.randint(middle - spread, middle + spread))
            << form.significand_width - 1
            | rng.getrandbits(form.significand_width - 1)
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
        self.integer, self.total = 0, 0.0
        self.state = scalar.AlignedState()
        self.width = 8 if form.accumulator_kind == "bf16" else 24

    def add(self, a: list[int], b: list[int], scales: list[int], factor: int, is_nan: bool) -> int | None:
        """The output's word after one more block, or group; None where it is NaN by a flag beside it."""
        form = self.form
        if form.kind == "float":
            self.total = scalar.add(self.total, dot_words(form, a, b, self.width), self.width)
            return float_word(self.total, self.width)
        size = len(a) // len(scales)
        sums = [self._sum(a[i : i + size], b[i : i + size]) * factor for i in range(0, len(a), size)]
        total, scale = sums[0], scales[0]
        if len(scales) > 1:
            joined = scalar.join(list(zip(sums, scales, strict=True)), len(scales))
            total, scale = joined if joined else (0, 0)
        if form.accumulator == "int32":
            self.integer = (self.integer + int(total)) % 2**32
            return self.integer
        if form.accumulator == "aligned":
            self.state = scalar.step_aligned(self.state, None if is_nan else (int(total), scale), 32, self.sum_width)
            return None if self.state.is_nan else self.state.total % 2**32
        term = nan if is_nan else scalar.round_to_float(total * Fraction(2) ** scale, self.width)
        self.total = scalar.add(self.total, term, self.width)
        return float_word(self.total, self.width)

    def _sum(self, a: list[int], b: list[int]) -> Any:
        """Of a block's products, in units of the smallest."""
        form = self.form
        m = form.significand_width
        if form.kind == "scaled":
            e = form.exponent_width
            return sum(element_value(x, e, m) * element_value(y, e, m) for x, y in zip(a, b, strict=True))
        if form.kind == "weighted":
            return sum(_twos_complement(x, m) * weight_value(y, form.weight_width) for x, y in zip(a, b, strict=True))
        value = _twos_complement if form.kind == "paired" else _mantissa
        return sum(value(x, m) * value(y, m) for x, y in zip(a, b, strict=True))


def simulate_unit(form: NumberFormat, config: CoreConfig, synthesis: Synthesis, library: Library, *, lanes: int = 24,
                  blocks: int = 6, seed: int = 1, change: Change | None = None) -> int:  # fmt: skip
    """Run the mapped unit against the reference; returns the number of results compared.

    Blocks go to one output, as fast as the accumulator's loop allows.

    Raises
    ------
    Mismatch
        naming the first result that differs.
    """
    unit = element_for(form)(config)
    netlist = Netlist(synthesis, library, lanes, unit.module_name, change)
    prepared = {
        side: Netlist(synthesis, library, lanes, getattr(unit, f"prepare_{side}")().module_name)
        for side in "ab" if getattr(unit, f"prepare_{side}") is not None
    }  # fmt: skip
    rng, steps = Random(seed), config.steps
    models = [_Model(form, config, config.block_sum_width) for _ in range(lanes)]
    accumulator, latency = unit.accumulator, unit.sum_cycles
    floating = FLOATS.get(form.accumulator_kind)
    at_the_edge = floating.canonical_word if floating else lambda word: word % 2**32
    distance = max(steps, accumulator.loop_cycles)
    drive: dict[int, dict[str, list[int]]] = {}
    expected: dict[int, list[int | None]] = {}

    def at(cycle: int, **values: list[int]) -> None:
        drive.setdefault(cycle, {}).update(values)

    for block in range(blocks):
        held: list[tuple[list[int], list[int]]] = [([], []) for _ in range(lanes)]
        for step in range(steps):
            cycle = block * distance + step
            operands = [tuple(_words(rng, form, config.dot, side) for side in "ab") for _ in range(lanes)]
            for place, side in enumerate("ab"):
                words = [sum(w << i * form.bits_of(side) for i, w in enumerate(lane[place])) for lane in operands]
                at(cycle, **{side: _prepare(prepared[side], words) if side in prepared else words})
            for lane in range(lanes):
                held[lane][0].extend(operands[lane][0])
                held[lane][1].extend(operands[lane][1])
            if unit.sums:
                at(cycle + latency, sum_control=[int(step == 0)] * lanes)
        arrival = block * distance + steps + latency
        fields, scales, factors, nans = _fields(rng, unit, lanes)
        at(arrival, **fields)
        at(arrival + unit.join_cycles + accumulator.read_cycle, read=[int(block == 0) << _slot_bits(config)] * lanes)
        written = arrival + unit.join_cycles + accumulator.write_cycle
        at(written, write=[1 << _slot_bits(config)] * lanes)
        expected[written] = [
            model.add(*held[lane], scales[lane], factors[lane], nans[lane]) for lane, model in enumerate(models)
        ]
    quiet = {
        name: [0] * lanes for name, (way, _) in netlist.ports.items() if way == "input" and name not in ("clk", "rst")
    }
    if config.clock_gating:
        quiet["enable"] = [(1 << unit.ranks) - 1] * lanes
    for cycle in range(max(expected) + 1):
        result = netlist.step(quiet | drive.get(cycle, {}), "value")["value"]
        for wanted, got in zip(expected.get(cycle, []), result, strict=False):
            if wanted is not None and at_the_edge(got) != wanted:
                raise Mismatch(f"{form.name}: unit {unit.module_name} gives {got:#x} instead of {wanted:#x}")
    return blocks * lanes


def _slot_bits(config: CoreConfig) -> int:
    return int(Shape.cast(range(config.interleave)).width)


def _fields(
    rng: Random, unit: Component, lanes: int
) -> tuple[dict[str, list[int]], list[list[int]], list[int], list[bool]]:
    """Ports with what belongs to the two blocks (or groups) of each lane, and that as sums and products."""
    names = [name for name in unit.operand.members if name != "mantissas"]
    base, count = rng.choice((-3, 0, 40, -75)), unit.config.group
    top = Shape.cast(unit.operand["factor"].shape).width if "factor" in names else 1
    ports: dict[str, list[int]] = {}
    scales, factors, nans = [[0] * count for _ in range(lanes)], [1] * lanes, [False] * lanes
    for side in "ab":
        drawn: dict[str, Any] = {
            "scale": [[base + rng.randint(-6, 6) for _ in range(count)] for _ in range(lanes)],
            "factor": [rng.randrange(1 << top - 1, 1 << top) for _ in range(lanes)],
            "nan": [int(side == "a" and rng.random() < 0.01) for _ in range(lanes)],
        }
        width = Shape.cast(unit.operand["scale"].shape).width // count if "scale" in names else 0
        words = [sum(scale % (1 << width) << k * width for k, scale in enumerate(lane)) for lane in drawn["scale"]]
        ports |= {f"{name}_{side}": words if name == "scale" else drawn[name] for name in names}
        scales = [[x + y for x, y in zip(*pair, strict=True)] for pair in zip(scales, drawn["scale"], strict=True)]
        if "factor" in names:
            factors = [x * y for x, y in zip(factors, drawn["factor"], strict=True)]
        if "nan" in names:
            nans = [x or bool(y) for x, y in zip(nans, drawn["nan"], strict=True)]
    return ports, scales, factors, nans


def _prepare(netlist: Netlist, words: list[int]) -> list[int]:
    """What a row's or column's preparing part makes of its operands."""
    netlist.evaluate({"i": words})
    return netlist.output("o")
