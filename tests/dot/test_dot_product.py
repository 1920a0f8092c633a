"""The bodies of the dot product are equal: every product, small trees by SAT, large ones by algebra."""

import json
import random

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import Component
from cocotb.triggers import RisingEdge, Timer

from hw.dot.compressor_tree import CompressorTree
from hw.dot.dot_product import DotProduct
from hw.dot.paired_dot_product import PairedDotProduct, PairedTree, PairSelects, PairSums
from hw.dot.product import product_columns
from hw.emit import emit_verilog, place
from hw.host.tools import ToolError, yosys
from tests.bench import parameters, simulate
from tests.dot.algebra import linear_form, netlist
from tests.side_by_side import SideBySide, drive_together

MODULE = "tests.dot.test_dot_product"
SHAPES = {
    "structural": [(4, 24, 2, 0)], "behavioral": [(4, 24, 2, 0)],
    "carry_chain": [(4, 24, 2, 0), (4, 33, 5, 17), (8, 5, 3, 0), (6, 3, 4, 9), (2, 5, 1, 0)],
    "dsp": [(4, 64, 3, 14), (6, 5, 1, 0), (2, 5, 1, 0), (8, 5, 1, 0)],
}
"""Mantissas' width, products, register stages and the addend's width of the bodies that are simulated."""


def prove_equal(first: str, second: str, name_1: str, name_2: str, folder):
    """SAT proof that two combinational modules of the same ports are equal."""
    (folder / "first.v").write_text(first)
    (folder / "second.v").write_text(second)
    yosys(
        "read_verilog -overwrite first.v\nread_verilog -overwrite second.v\nhierarchy -check\nproc\n"
        f"flatten {name_1} {name_2}\nmiter -equiv -flatten {name_1} {name_2} miter\nhierarchy -top miter\nopt -full\n"
        "sat -verify -prove trigger 0 -set-def-inputs miter\n",
        folder,
        600,
    )


@pytest.mark.parametrize("datapath", ["structural", "carry_chain", "dsp"])
@pytest.mark.parametrize(("mantissa_width", "dot", "addend"), [(4, 2, 0), (3, 3, 0), (2, 6, 0), (5, 1, 0), (3, 1, 6)])
def test_bodies_are_equal_by_sat(mantissa_width, dot, addend, datapath, tmp_path):
    bodies = [DotProduct(mantissa_width, dot, body, 0, addend) for body in (datapath, "behavioral")]
    prove_equal(*map(emit_verilog, bodies), *(body.module_name for body in bodies), tmp_path)


class Paired(Component):
    """The paired body with its preparation, as a dot product of sign-magnitude mantissas."""

    module_name = "paired"

    def __init__(self, width: int, dot: int):
        self.width, self.dot = width, dot
        super().__init__(dict(DotProduct(width, dot).signature.members))

    def elaborate(self, platform):
        m = Module()
        body = place(m, platform, "body", PairedDotProduct(self.width, self.dot, symmetric=True))
        for side, part in (("a", PairSums), ("b", PairSelects)):
            prepare = place(m, platform, f"prepare_{side}", part(self.width, self.dot, magnitudes=True))
            m.d.comb += [prepare.i.eq(getattr(self, side)), getattr(body, side).eq(prepare.o)]
        m.d.comb += self.sum.eq(body.sum)
        return m


@pytest.mark.parametrize(("mantissa_width", "dot"), [(3, 2), (2, 4)])
def test_paired_body_is_equal_by_sat(mantissa_width, dot, tmp_path):
    bodies = [Paired(mantissa_width, dot), DotProduct(mantissa_width, dot, "behavioral")]
    prove_equal(*map(emit_verilog, bodies), *(body.module_name for body in bodies), tmp_path)


@pytest.mark.parametrize(("width", "dot"), [(6, 64), (8, 32)])
def test_large_paired_trees_are_equal_by_algebra(width, dot, tmp_path):
    tree = PairedTree(width, dot, PairedDotProduct(width, dot, symmetric=True).sum_width)
    form, constant = linear_form(netlist(emit_verilog(tree), tree.module_name, tmp_path), tree.sum_width)
    expected, least = {}, 0
    for place_of in range(dot // 2 * width * (width + 1)):
        i, j = place_of % (width + 1), place_of // (width + 1) % width
        # Bits come inverted, but those of negative weight: the top bit of a row, and the last row's others.
        negative = (i == width) != (j == width - 1)
        expected["rows", place_of] = -(1 << i + j) % 2**tree.sum_width
        least += 0 if negative else 1 << i + j
    assert constant == least % 2**tree.sum_width
    assert form == {bit: weight for bit, weight in expected.items() if weight}


def test_sat_finds_swapped_columns(tmp_path):
    bodies = [DotProduct(4, 2, datapath) for datapath in ("structural", "behavioral")]
    text = emit_verilog(bodies[0]).replace(".a(bits[0])", ".a(bits[1])", 1).replace("bits[3]", "bits[2]", 1)
    with pytest.raises(ToolError, match="Yosys failed"):
        prove_equal(text, emit_verilog(bodies[1]), *(body.module_name for body in bodies), tmp_path)


def expected_form(mantissa_width: int, dot: int, width: int) -> dict[tuple[str, int], int]:
    columns, bound = product_columns(mantissa_width), (2 ** (mantissa_width - 1) - 1) ** 2
    form = {("bits", i): 2 ** columns[i % len(columns)] for i in range(dot * len(columns))}
    return form | {("signs", i): -bound % 2**width for i in range(dot)}


@pytest.mark.parametrize(
    ("mantissa_width", "dot", "addend"),
    [(4, 64, 0), (4, 16, 0), (6, 64, 0), (8, 32, 0), (4, 1, 0), (3, 576, 0), (4, 64, 17)],
)
def test_large_trees_are_equal_by_algebra(mantissa_width, dot, addend, tmp_path):
    tree = CompressorTree(mantissa_width, dot, 0, addend)
    form, constant = linear_form(netlist(emit_verilog(tree), tree.module_name, tmp_path), tree.width)
    assert constant == 0
    assert form == expected_form(mantissa_width, dot, tree.width) | {("addend", i): 1 << i for i in range(addend)}


def test_algebra_finds_a_swapped_lane(tmp_path):
    tree = CompressorTree(4, 16)
    text = emit_verilog(tree).replace("bits[0]", "bits[9]").replace("bits[10]", "bits[0]")
    form, constant = linear_form(netlist(text, tree.module_name, tmp_path), tree.width)
    assert (form, constant) != (expected_form(4, 16, tree.width), 0)


async def sum_exactly(dut, mantissa_width, dot, cycles, addend_width):
    """One body among others."""
    m, rng, largest = mantissa_width, random.Random(3), 2 ** (mantissa_width - 1) - 1
    expected = []
    for number in range(400):
        codes = [[rng.getrandbits(m) for _ in range(dot)] for _ in range(2)]
        if number < 4:  # all largest, in both signs
            codes = [[largest | (number >> side & 1) << m - 1] * dot for side in range(2)]
        mantissas = [[-(c & largest) if c >> m - 1 else c & largest for c in side] for side in codes]
        expected.append(sum(x * y for x, y in zip(*mantissas, strict=True)))
        dut.a.value, dut.b.value = (sum(c << i * m for i, c in enumerate(side)) for side in codes)
        await RisingEdge(dut.clk)
        await Timer(1, "ns")
        addend = 0
        if addend_width:  # of the sum's cycle
            addend = rng.getrandbits(addend_width) - (1 << addend_width - 1)
            dut.addend.value = addend % (1 << addend_width)
            await Timer(1, "ns")
        if number >= cycles - 1:
            total = expected[number - cycles + 1] + addend
            assert (dut.sum.value.to_signed() - total) % (1 << len(dut.sum)) == 0, f"{m} bits, {dot} products: {total}"


def bodies(datapath: str) -> list[DotProduct]:
    """One of each shape."""
    shapes = SHAPES[datapath]
    return [DotProduct(width, dot, datapath, cycles, addend_width) for width, dot, cycles, addend_width in shapes]


@cocotb.test()
async def sums_are_exact_after_the_latency(dut):
    datapath = parameters()["datapath"]
    benches = {body.module_name: lambda part, shape=shape: sum_exactly(part, *shape)
               for body, shape in zip(bodies(datapath), SHAPES[datapath], strict=True)}  # fmt: skip
    await drive_together(dut, benches)


@pytest.mark.parametrize("datapath", SHAPES)
def test_sums_are_exact_after_the_latency(datapath):
    parts = {body.module_name: body for body in bodies(datapath)}
    assert len(parts) == len(SHAPES[datapath])
    component = SideBySide(f"{datapath}_dot_products", parts)
    assert simulate(component, MODULE, {"datapath": datapath}, testcase="sums_are_exact_after_the_latency") == 1


@pytest.mark.parametrize(("datapath", "synthesis", "tables", "multipliers"), [
    ("carry_chain", "synth_xilinx -family xc7 -nodsp -flatten -noiopad -noclkbuf", 240, 0),
    ("carry_chain", "synth_ecp5 -nodsp -nowidelut", 560, 0),
    ("dsp", "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf", 150, 8),
    ("dsp", "synth_ecp5 -nowidelut", 220, 8),
])  # fmt: skip
def test_sixteen_products_take_few_tables(datapath, synthesis, tables, multipliers, tmp_path):
    """Whether Yosys still finds what the bodies for FPGAs are written for.

    That is 14 and 32 tables a product, and the sign; with a multiplier block to every two products 8 and 13.
    """
    body = DotProduct(4, 16, datapath)
    (tmp_path / "body.v").write_text(emit_verilog(body))
    yosys(f"read_verilog body.v\n{synthesis} -top {body.module_name}\ntee -q -o stat.json stat -json\n", tmp_path)
    text = (tmp_path / "stat.json").read_text()
    cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    assert sum(n for kind, n in cells.items() if kind.startswith("LUT")) + 2 * cells.get("CCU2C", 0) <= tables
    assert cells.get("DSP48E1", 0) + cells.get("MULT18X18D", 0) == multipliers


def test_rejects_unknown_datapath():
    with pytest.raises(ValueError, match=r"^datapath must be one of structural, carry_chain, dsp, behavioral, not magic$"):
        DotProduct(4, 4, "magic")


def test_rejects_registers_in_front_of_an_addend():
    """Only the structural body: its addend joins the tree."""
    with pytest.raises(ValueError, match=r"^cycles must be 0 with an addend, not 2$"):
        DotProduct(4, 8, cycles=2, addend_width=14)
    DotProduct(4, 8, "carry_chain", cycles=2, addend_width=14)
