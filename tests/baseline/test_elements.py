"""Units of every format as emitted, block after block, against the formats as others define them."""

from dataclasses import dataclass, replace
from itertools import product
from random import Random

import cocotb
import pytest
from amaranth.hdl import Shape
from cocotb.triggers import ReadOnly, RisingEdge

from hw.baseline.elements import element_for
from hw.baseline.formats import FORMATS, format_named
from hw.config import FPGA_DATAPATHS
from synth.density.designs import config_for
from tests.baseline.units import PreparedUnit, Reference, draw_pair
from tests.bench import parameters, simulate
from tests.layouts import number
from tests.side_by_side import SideBySide
from tests.streams import start_clock

MODULE = "tests.baseline.test_elements"
PLAIN = {
    "hbfp4": 4, "hbfp5": 2, "hbfp6": 2, "hbfp8": 2, "hbfp4-bf16": 2, "hbfp5-bf16": 1, "hbfp6-bf16": 1, "hbfp8-bf16": 1,
    "mixed46": 4, "fp16": 2, "bf16": 4, "fp8-e4m3": 4, "fp8-e5m2": 2, "mxfp8-e4m3": 2, "mxfp8-e5m2": 2, "mxfp6-e3m2": 2,
    "mxfp4": 4, "msfp12": 4, "mxfp6-e2m3-fp32x2/2": 4, "ternary": 5,
}  # fmt: skip
"""Products per cycle."""
PIPELINED = {
    "hbfp4": (2, 5, 2), "hbfp6/4": (4, 4, 1), "hbfp4-aligned": (2, 3, 1), "mixed46": (2, 3, 1), "mxfp4": (4, 6, 3),
    "mxfp6-e2m3/4": (2, 2, 1), "mxint8/2": (2, 3, 2), "nvfp4": (2, 3, 1), "int8": (2, 2, 1), "int4": (2, 1, 3),
    "fp32": (2, 4, 1), "bf16": (2, 2, 3), "bf16-bf16": (4, 3, 2), "hbfp4-fp32x2/2": (4, 5, 1), "hbfp4-fp32x4/1": (4, 2, 2),
    "mxfp4-fp32x2/2": (4, 3, 2), "int4-group/2": (2, 3, 2), "int8-ternary": (4, 2, 2), "int8-binary": (4, 1, 1),
}  # fmt: skip
"""Products per cycle, register stages of the accumulator, register stages between operands and sum."""
ON_FPGAS = {
    "hbfp4": (2, 5, 2), "mixed46": (2, 3, 1), "hbfp6/4": (4, 1, 0), "mxfp4": (4, 2, 1), "mxfp6-e2m3/4": (4, 1, 0),
    "nvfp4": (2, 1, 1), "bf16": (2, 2, 3), "fp8-e5m2": (2, 1, 0), "int4": (3, 1, 1),
}  # fmt: skip
"""The same."""


def identifier(name: str) -> str:
    return name.replace("-", "_").replace("/", "_")


def units(kind: str) -> dict[str, PreparedUnit]:
    """Units of tiles of several rows and columns, in which wide mantissas are multiplied by pairs."""
    plain = {name: (dot, 1, 0) for name, dot in PLAIN.items()}
    datapath = kind if kind in FPGA_DATAPATHS else "structural"
    result = {}
    for name, (dot, cycles, tree_cycles) in {"plain": plain, "pipelined": PIPELINED}.get(kind, ON_FPGAS).items():
        form = format_named(name)
        config = replace(config_for(form, dot, 2, 2, cycles, tree_cycles), datapath=datapath)
        result[identifier(name)] = PreparedUnit(form, config)
    return result


@dataclass
class Schedule:
    """Inputs by cycle and port, and by cycle the value that must be there."""

    inputs: dict[int, dict[str, int]]
    expected: dict[int, object]
    read: object


def steps_of(unit: PreparedUnit, rng: Random):
    """A pair of blocks, and for each cycle it takes the codes of both sides and the sum's control."""
    config = unit.config
    if not config.mixed:
        a, b = draw_pair(rng, unit.form, config)
        passes = [(a.codes, b.codes, 0)]
    else:
        widths = [rng.choice(config.mantissa_widths) for _ in "ab"]
        a, b = draw_pair(rng, unit.form, config, widths)
        order = sorted(product(*(range(config.slices(w)) for w in widths)), key=lambda pair: (-sum(pair), pair))
        passes = [
            (_slices(a.mantissas, i, config), _slices(b.mantissas, j, config), n > 0 and i + j < sum(order[n - 1]))
            for n, (i, j) in enumerate(order)
        ]
    steps = []
    for n, (codes_a, codes_b, shift) in enumerate(passes):
        for step in range(config.steps):
            part = slice(step * config.dot, (step + 1) * config.dot)
            steps.append((codes_a[part], codes_b[part], int(n == step == 0) | int(step == 0 and shift) << 1))
    return a, b, steps


def _slices(mantissas, index: int, config) -> list[int]:
    """Slice ``index`` of each mantissa, lowest first, with the mantissa's sign."""
    width = config.slice_width
    return [abs(q) >> index * width & (1 << width) - 1 | (q < 0) << width for q in mantissas]


def schedule(unit: PreparedUnit, rng: Random, blocks: int) -> Schedule:
    """Blocks as fast as the unit takes them, some later, each to one of its outputs, now and then a new one."""
    inner, config = unit.unit, unit.config
    accumulator, latency = inner.accumulator, inner.sum_cycles
    slot_bits = Shape.cast(range(config.interleave)).width
    form = unit.form
    bits = {side: config.multiplier_width if form.kind == "hbfp" else form.bits_of(side) for side in "ab"}
    references, last = [None] * config.interleave, [-100] * config.interleave
    inputs, expected, cycle, read = {}, {}, 0, None

    def at(cycle, **values):
        inputs.setdefault(cycle, {}).update(values)

    for _ in range(blocks):
        slot = rng.randrange(config.interleave)
        a, b, steps = steps_of(unit, rng)
        cycle = max(cycle + rng.choice((0, 0, 0, 2)), last[slot] + accumulator.loop_cycles - len(steps) + 1)
        for codes_a, codes_b, control in steps:
            at(cycle, **{side: sum(code << i * bits[side] for i, code in enumerate(codes))
                         for side, codes in (("a", codes_a), ("b", codes_b))})  # fmt: skip
            if inner.sums:
                at(cycle + latency, sum_control=control)
            cycle += 1
        last[slot] = cycle - 1
        arrival = cycle + latency
        for side, operand in (("a", a), ("b", b)):
            at(arrival, **{f"{name}_{side}": value % (1 << Shape.cast(inner.operand[name].shape).width)
                           for name, value in operand.fields.items()})  # fmt: skip
        first = references[slot] is None or rng.random() < 0.2
        if first:
            references[slot] = Reference(unit.form, config)
        at(arrival + inner.join_cycles + accumulator.read_cycle, read=slot | first << slot_bits)
        written = arrival + inner.join_cycles + accumulator.write_cycle
        at(written, write=slot | 1 << slot_bits)
        expected[written], read = references[slot].add(a, b), references[slot].read
    return Schedule(inputs, expected, read)


@cocotb.test()
async def every_block_is_added_as_others_would(dut):
    """Each input comes in the cycle in which the unit samples it, and noise in all others."""
    noise = Random(0)
    plans = {
        name: schedule(unit, Random(name), parameters()["blocks"]) for name, unit in units(parameters()["kind"]).items()
    }
    ports = {
        name: {port: getattr(dut, f"{name}__{port}") for port in set().union(*plan.inputs.values())}
        for name, plan in plans.items()
    }
    widths = {name: {port: len(handle) for port, handle in mine.items()} for name, mine in ports.items()}
    values = {name: getattr(dut, f"{name}__value") for name in plans}
    start_clock(dut)
    for cycle in range(max(max(plan.expected) for plan in plans.values()) + 1):
        await RisingEdge(dut.clk)
        running = {name: plan for name, plan in plans.items() if cycle <= max(plan.expected)}
        for name, plan in running.items():
            given = plan.inputs.get(cycle, {})
            for port, handle in ports[name].items():
                quiet = 0 if port == "write" else noise.getrandbits(widths[name][port])
                handle.value = given.get(port, quiet)
        await ReadOnly()
        for name, plan in running.items():
            if cycle in plan.expected:
                got, wanted = plan.read(number(values[name].value)), plan.expected[cycle]
                assert got == wanted, f"{name}, cycle {cycle}: {got} instead of {wanted}"


@pytest.mark.parametrize("kind", ["plain", "pipelined", *FPGA_DATAPATHS])
def test_every_block_is_added_as_others_would(kind):
    assert simulate(SideBySide(f"{kind}_units", units(kind)), MODULE, {"kind": kind, "blocks": 24}) == 1


def test_no_format_is_left_out():
    assert {name.partition("/")[0] for name in (*PLAIN, *PIPELINED)} == set(FORMATS)


@pytest.mark.parametrize(
    ("name", "dot", "tree_cycles", "message"),
    [
        ("mxint8", 16, 0, "dot must be the block size 32, not 16"),
        ("bf16", 6, 1, "dot must be a power of two for tree_cycles 1, not 6"),
    ],
)
def test_rejects_dot_products_it_cannot_make(name, dot, tree_cycles, message):
    form = format_named(name)
    with pytest.raises(ValueError, match=f"^{message}$"):
        element_for(form)(config_for(form, dot, tree_cycles=tree_cycles))
