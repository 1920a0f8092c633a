"""The accumulator against the scalar definition, addition by addition, at every depth of its pipeline."""

import random
import struct
from fractions import Fraction
from functools import partial
from math import isnan

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from golden import scalar
from hw.accumulate.block_accumulator import BlockAccumulator, ResultConverter
from hw.accumulate.float_accumulator import FORMATS
from hw.config import CoreConfig
from tests.bench import parameters, simulate
from tests.side_by_side import SideBySide, drive_together

MODULE = "tests.accumulate.test_block_accumulator"
SUM_WIDTH, SCALE_WIDTH = 13, 9
LARGEST = 64 * 49
CASES = {
    "fp32": [
        *((*shape, SUM_WIDTH, SCALE_WIDTH) for shape in ((1, 1), (1, 2), (2, 3), (4, 4), (4, 5), (7, 11), (8, 12))),
        (1, 1, 29, SCALE_WIDTH), (4, 5, 29, SCALE_WIDTH), (1, 1, 2, 9),
    ],
    "bf16": [*((*shape, SUM_WIDTH, SCALE_WIDTH) for shape in ((1, 1), (4, 6), (5, 8))), (1, 1, 5, 6)],
    "aligned": [(*shape, SCALE_WIDTH) for shape in ((1, 1, 13), (2, 2, 13), (2, 3, 13), (4, 4, 13), (4, 5, 29))],
}  # fmt: skip
"""Slots, register stages, widths of sums and scales by kind."""


def to_word(value: float, kind: str) -> int:
    """The accumulator's word for a float."""
    word = 0x7FC00000 if isnan(value) else struct.unpack("<I", struct.pack("<f", value))[0]
    return word if kind == "fp32" else word >> 16


class FloatModel:
    """Outputs by the scalar definition."""

    def __init__(self, kind, slots):
        self.kind, self.width, self.slots = kind, scalar.SIGNIFICAND_WIDTHS[kind], [0.0] * slots

    def step(self, slot, first, total, scale, is_nan):
        start = 0.0 if first else self.slots[slot]
        term = float("nan") if is_nan else scalar.round_to_float(total * Fraction(2) ** scale, self.width)
        self.slots[slot] = scalar.add(start, term, self.width)
        return to_word(self.slots[slot], self.kind)


class AlignedModel:
    """Outputs of an aligned accumulator, as what its converter makes of them."""

    def __init__(self, slots, sum_width):
        self.slots, self.sum_width = [scalar.AlignedState()] * slots, sum_width
        self.window = 32

    def step(self, slot, first, total, scale, is_nan):
        start = scalar.AlignedState() if first else self.slots[slot]
        self.slots[slot] = scalar.step_aligned(start, None if is_nan else (total, scale), self.window, self.sum_width)
        return self.slots[slot]


def scenario(rng, sum_width, scale):
    """Additions (first, sum, scale) that round at a tie or beside it, from either side's lost bits, or leave the range."""
    width = sum_width - 1
    top = 1 << width - 1
    if rng.random() < 0.2:  # two numbers below 2**128, whose sum is beyond
        sign, terms = rng.choice((-1, 1)), [top | rng.getrandbits(width - 1) for _ in range(2)]
        return [(first, sign * total, 128 - width) for first, total in zip((1, 0), terms, strict=True)]
    if rng.random() < 0.5:  # a small term whose top bit is half an ulp of the output, with or without a bit far below
        far = rng.randint(0, max(0, width - 1))
        half = scale + width - 1 - rng.choice((24, 8)) - far + rng.choice((-1, 0, 0, 1))
        term = (1 << far) + rng.choice((0, 1)) * (far > 0)
        return [(1, top | rng.getrandbits(width - 1) if width > 1 else 1, scale), (0, rng.choice((-term, term)), half)]
    terms = [top | rng.getrandbits(width - 1) if width > 1 else 1 for _ in range(3)]
    steps = [(1, terms[0], scale), (0, terms[1], scale - width + 1), (0, terms[2], scale + rng.randint(2, width + 8))]
    return [(first, rng.choice((-total, total)), at) for first, total, at in steps]


def stimulus(rng, count, slots, loop, sum_width, scale_width):
    """Additions (cycle, slot, first, sum, scale, nan): extremes, ties, cancellations, the range's ends."""
    low, high = -(2**scale_width), 2**scale_width - 65  # room for an aligned exponent to grow
    bound = 2 ** (sum_width - 1) - 1
    recent, last = [(1, 0)] * slots, [-loop] * slots
    forced = [[] for _ in range(slots)]
    cycle, result = loop, []
    for _ in range(count):
        slot = rng.randrange(slots)
        cycle = max(cycle + 1, last[slot] + loop) + rng.choice((0, 0, 0, 1, 3))
        total, scale = recent[slot]
        if not forced[slot] and rng.random() < 0.2:
            forced[slot] = scenario(rng, sum_width, max(low // 2, min(high // 2, rng.randint(-90, 60))))
        if forced[slot]:
            start, total, scale = forced[slot].pop(0)
            recent[slot], last[slot] = (total, scale), cycle
            result.append((cycle, slot, start, total, max(low, min(high, scale)), 0))
            continue
        match rng.randrange(12):
            case 0:
                total = -total
            case 1:
                scale = rng.randint(low, high)
                total = rng.choice((bound, -bound, 1, -1, 0))
            case 2:
                scale = rng.choice((low, -160, -149, -139, -138, -137, -126, 114, 115, 116, 117, 126, 127, 128, high))
                total = rng.randint(-bound, bound)
            case 3:
                total, scale = rng.choice((-1, 1)), scale - rng.choice((0, 1, 7, 8, 9, 23, 24, 25, 26, 27, 31, 32, 40))
            case 4:
                total, scale = rng.choice((bound, -bound, 3, -3, 5)), scale - rng.randint(0, 30)
            case 5:
                total = 0
            case _:
                total, scale = rng.randint(-bound, bound) >> rng.randint(0, sum_width - 1), scale + rng.randint(-14, 3)
        total, scale = max(-bound, min(bound, total)), max(low, min(high, scale))
        recent[slot] = (total, scale)
        first = last[slot] < 0 or rng.random() < 0.03
        last[slot] = cycle
        result.append((cycle, slot, int(first), total, scale, int(rng.random() < 0.004)))
    return result


async def run(dut, accumulator, sum_width, scale_width, steps, expected):
    """Drive additions at their cycles; ``expected(step)`` gives the value each must write."""
    kind = accumulator.kind
    canonical = FORMATS[kind].canonical_word if kind in FORMATS else int
    slot_width = (accumulator.interleave - 1).bit_length()
    by_cycle = {step[0]: step for step in steps}
    dut.write.value = 0
    rng = random.Random(1)
    for cycle in range(steps[-1][0] + accumulator.write_cycle + 1):
        await RisingEdge(dut.clk)
        if cycle in by_cycle:
            _, _, _, total, scale, is_nan = by_cycle[cycle]
            word = (total % 2**sum_width) | (scale % 2 ** (scale_width + 1)) << sum_width
            dut.i.value = word | is_nan << (sum_width + scale_width + 1)
        else:
            dut.i.value = rng.getrandbits(len(dut.i))
        _, slot, first, *_ = by_cycle.get(cycle - accumulator.read_cycle, (0, 0, rng.getrandbits(1)))
        dut.read.value = slot | first << slot_width
        written = by_cycle.get(cycle - accumulator.write_cycle)
        dut.write.value = written[1] | 1 << slot_width if written else 0
        await ReadOnly()
        if written:
            wanted = expected(*written[1:])
            got = canonical(int(dut.value.value))
            named = f"{accumulator.module_name}, cycle {cycle}, {written}"
            assert got == wanted, f"{named}: {got:#x} instead of {wanted:#x}"


async def follow_the_definition(dut, accumulator, sum_width, scale_width):
    """One accumulator among others."""
    seed, slots = 8 if accumulator.kind == "aligned" else 7, accumulator.interleave
    steps = stimulus(random.Random(seed), 3000, slots, accumulator.loop_cycles, sum_width, scale_width)
    drive = partial(run, dut, accumulator, sum_width, scale_width, steps)
    if accumulator.kind != "aligned":
        return await drive(FloatModel(accumulator.kind, slots).step)
    model = AlignedModel(slots, sum_width)

    def expected(*step):
        state = model.step(*step)
        word = int(dut.value.value)
        if state.is_nan:
            return word | 1 << 32 + scale_width + 1
        return state.total % 2**32 | (state.exponent % 2 ** (scale_width + 1)) << 32

    await drive(expected)


@cocotb.test()
async def words_follow_the_definition(dut):
    benches = {
        part.module_name: partial(follow_the_definition, accumulator=part, sum_width=sum_width, scale_width=scale_width)
        for part, sum_width, scale_width in accumulators(parameters()["kind"])
    }
    await drive_together(dut, benches)


@cocotb.test()
async def aligned_results_round_once(dut):
    values, rng = parameters(), random.Random(9)
    guard = 31 - values["sum_width"]
    scales = 2 ** values["scale_width"]
    for number in range(2000):
        total = rng.randint(-(2**31) + 1, 2**31 - 1) >> rng.randint(0, 31)
        if number % 4 == 0:  # ties and near-ties
            total = (rng.getrandbits(24) | 1 << 23) * 2 ** rng.randint(0, 7) + rng.choice((-1, 0, 1))
            total = rng.choice((-1, 1)) * ((total << 1 | rng.getrandbits(1)) % 2**31)
        exponent = rng.choice((rng.randint(-scales, scales - 1), rng.randint(-150, -100), rng.randint(90, 140)))
        is_nan = int(rng.random() < 0.01)
        exponent = max(-scales, min(scales - 1, exponent))
        dut.i.value = total % 2**32 | exponent % (2 * scales) << 32 | is_nan << 32 + values["scale_width"] + 1
        await Timer(1, "ns")
        value = float("nan") if is_nan else scalar.round_to_float(total * Fraction(2) ** (exponent - guard))
        assert int(dut.o.value) == to_word(value, "fp32"), (total, exponent)


@cocotb.test()
async def float_results_are_words_of_ieee_754(dut):
    """The fractions of zeros and infinities are cleared, NaN is canonical, everything else passes."""
    form, rng = FORMATS[parameters()["kind"]], random.Random(10)
    for _ in range(2000):
        exponent = rng.choice((0, 0, 255, 255, 1, 254, rng.getrandbits(8)))
        sign, fraction = rng.getrandbits(1), rng.choice((0, -1, rng.getrandbits(23))) % (1 << form.fraction_width)
        wanted = sign << 31 | exponent << 23 | fraction << 23 - form.fraction_width
        if exponent == 0:
            wanted = sign << 31
        elif exponent == 255:
            wanted = sign << 31 | 0x7F800000 | (wanted & 1 << 22)
        dut.i.value = (sign << 8 | exponent) << form.fraction_width | fraction
        await Timer(1, "ns")
        assert int(dut.o.value) == wanted, (sign, exponent, fraction)


def accumulators(kind: str) -> list[tuple[BlockAccumulator, int, int]]:
    """One of each case of a kind, with the widths of its sums and scales."""
    return [(BlockAccumulator(kind, *case[2:], *case[:2]), *case[2:]) for case in CASES[kind]]


@pytest.mark.parametrize("kind", CASES)
def test_words_follow_the_definition(kind):
    parts = {part.module_name: part for part, *_ in accumulators(kind)}
    assert len(parts) == len(CASES[kind])
    component = SideBySide(f"{kind}_accumulators", parts)
    assert simulate(component, MODULE, {"kind": kind}, testcase="words_follow_the_definition") == 1


def bench(kind, testcase, sum_width):
    values = {"kind": kind, "sum_width": sum_width, "scale_width": SCALE_WIDTH}
    simulate(ResultConverter(kind, sum_width, SCALE_WIDTH), MODULE, values, testcase=testcase)


@pytest.mark.parametrize("sum_width", [13, 29])
def test_aligned_results_round_once(sum_width):
    bench("aligned", "aligned_results_round_once", sum_width)


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_float_results_are_words_of_ieee_754(kind):
    bench(kind, "float_results_are_words_of_ieee_754", SUM_WIDTH)


def test_rejects_unknown_kind():
    with pytest.raises(ValueError, match=r"^accumulator must be one of fp32, bf16, aligned, not fp16$"):
        BlockAccumulator("fp16", 13, 9)


@pytest.mark.parametrize(("kind", "deepest"), [("fp32", 12), ("bf16", 12), ("aligned", 5)])
def test_a_configuration_knows_the_loop(kind, deepest):
    for cycles in range(1, deepest + 1):
        config = CoreConfig(accumulator=kind, accumulator_cycles=cycles, interleave=16)
        assert config.loop_cycles == BlockAccumulator(kind, 13, 9, 16, cycles).loop_cycles


def test_rejects_too_many_stages():
    with pytest.raises(ValueError, match=r"^accumulator_cycles must be between 1 and 12, not 13$"):
        BlockAccumulator("fp32", 13, 9, 16, 13)
