# Ref: S. B. Harma et al., "Accuracy Booster: Enabling 4-bit Fixed-point Arithmetic for DNN Training", arXiv 2211.10737,
#      version 2, table 1 (dot unit); version 3, hardware model (formula)
"""What is counted for a format: four accountings, which are never mixed.

- "tile": units on broadcast operands, with operand registers, drain chains and control; really built.
- "array": that, and all a core has around it but memories; really built for this project's formats.
- "dot unit": the publication's unit for one dot product, from parts that are really built.
- "formula": the publication's formula of one processing element, with areas of small components.
"""

from dataclasses import replace
from math import ceil, log2
from pathlib import Path
from typing import Any

from amaranth.lib.wiring import Component

from hw.accumulate.float_accumulator import FORMATS as FLOATS
from hw.accumulate.float_format import BF16
from hw.baseline.elements import element_for
from hw.baseline.formats import FORMATS, NumberFormat, format_named
from hw.config import CoreConfig, signed_width
from hw.core.core import Core
from hw.emit import emit_verilog
from hw.host.tools import yosys_version
from hw.quantize.block_quantizer import BlockQuantizer
from synth.density.cache import cached_check, cached_period
from synth.density.components import Checked, adder, check, float_adder, float_multiplier, multiplier, relu
from synth.density.designs import PARTS, config_for, tile_for
from synth.density.row import Design, Row
from synth.mapping.flow import Synthesis, modules_of, synthesise
from synth.mapping.liberty import Library

__all__ = ["MEASURES", "category_of"]

FORMULA_TILE = 16  # b of the published formula

CATEGORIES = (
    ("core", ("dot_product", "scaled_dot_product", "paired_dot_product", "weighted_sum", "float_multiply", "float_add")),
    ("accumulator", ("block_accumulator", "integer_accumulator", "word_accumulator", "block_joiner")),
    ("unit", ("processing_element", "element_")),
    ("edge", ("tile_", "mesh_", "pair_", "small_float_decoder")),
    ("converters", ("loader_", "block_quantizer")),
    ("finisher", ("output_stage",)),
    ("control", ("",)),
)
TILE = ("core", "accumulator", "unit", "edge")
AROUND = ("loader_", "block_quantizer", "output_stage", "operand_buffer", "sequencer", "command_decoder", "counters",
          "result_buffer", "mesh_", "tile_")  # fmt: skip


def category_of(name: str) -> str:
    """Which part of the machine a module belongs to."""
    return next(category for category, prefixes in CATEGORIES if name.startswith(prefixes))


def _parts(synthesis: Synthesis, macs: float, what: str = "area") -> dict[str, float]:
    """Area (or that of "flip_flops") per MAC of each category that occurs."""
    areas: dict[str, float] = {}
    for name, times in synthesis.instances().items():
        category = category_of(name)
        areas[category] = areas.get(category, 0.0) + getattr(synthesis.parts[name], what) * times / macs
    return areas


def _gates(design: Design, library: Library) -> bool:
    return design.clock_gates and any(cell.clock_gate and cell.area > 0 for cell in library.cells.values())


def _built(
    component: Component, design: Design, library: Library, prefixes: tuple[str, ...], seconds: float, build: Path
) -> Synthesis:
    verilog = emit_verilog(component)
    parts = [name for name in modules_of(verilog) if name.startswith(prefixes)]
    return synthesise(verilog, component.module_name, parts, library, effort=design.effort, target=design.target,
                      clock_gates=_gates(design, library), seconds=seconds, build=build)  # fmt: skip


def _row(design: Design, parts: dict[str, float], **values: Any) -> Row:
    bits = format_named(design.format).bits_per_element
    return Row(design, sum(parts.values()), parts, bits_per_element=bits, tools={"yosys": yosys_version()}, **values)


def measure_tile(design: Design, library: Library, *, build: Path, seconds: float, timing: bool) -> Row:
    """A tile, simulated and timed."""
    form = format_named(design.format)
    config = config_for(
        form, design.dot, design.rows, design.columns, design.cycles, design.tree_cycles, design.clock_gating
    )
    synthesis = _built(tile_for(form, config), design, library, PARTS, seconds, build)
    verified = cached_check(form, config, synthesis, library, build)
    macs = config.macs_per_cycle
    unit = element_for(form)(config).module_name
    period, timer = cached_period(synthesis, library, unit, build) if timing else (None, "not timed")
    return _row(
        design, _parts(synthesis, macs), flip_flops=synthesis.total("flip_flops") / macs, period=period, timing=timer,
        verified=verified, macs=macs, scripts={name: part.variant for name, part in synthesis.parts.items()},
        includes=f"{design.rows}x{design.columns} units, their accumulators, operand registers, drain, control",
    )  # fmt: skip


def measure_array(design: Design, library: Library, *, build: Path, seconds: float, timing: bool) -> Row:
    """A core without its memories; a format that is not this project's gets the tile of its own in our core.

    Its converters then are those of HBFP with its significand's width, which its own would hardly be smaller than;
    integers without a scale and floats get none.
    """
    form = format_named(design.format)
    tile = measure_tile(replace(design, accounting="tile"), library, build=build, seconds=seconds, timing=timing)
    width = form.significand_width + (form.kind == "scaled") if form.block_size else 4
    host = form if form.kind == "hbfp" else replace(FORMATS["hbfp4"], significand_width=width,
                                                    block_size=form.block_size or design.dot or 64)  # fmt: skip
    config = replace(
        config_for(host, design.dot, design.rows, design.columns, design.cycles), panel_columns=None,  # type: ignore[arg-type]
        features=("bias",), mesh_rows=design.mesh, mesh_columns=design.mesh, rounding_modes=("nearest", "stochastic"),
    )  # fmt: skip
    synthesis = _built(Core(config), design, library, (*PARTS, *AROUND), seconds, build)
    macs = config.macs_per_cycle
    without = {*TILE, *(() if form.block_size else ("converters",))}
    around, registers = (
        {name: area for name, area in _parts(synthesis, macs, what).items() if name not in without}
        for what in ("area", "flip_flops")
    )
    what = "no converters" if not form.block_size else "its quantizers" if form.kind == "hbfp" else "HBFP's quantizers"
    return _row(
        design, tile.parts | around, flip_flops=tile.flip_flops + sum(registers.values()), period=tile.period,
        timing=tile.timing, verified=tile.verified, macs=macs,
        memory_bits=synthesis.total("memory_bits") / macs if form.kind == "hbfp" else 0.0,
        includes=f"{design.mesh}x{design.mesh} such tiles, {what} for both operands, sequencer, decoder, counters, logic of "
        "the buffers, bias and ReLU; no memories",
    )  # fmt: skip


class _Bill:
    """Components and how often they occur, per ``macs``; each is synthesised and checked once."""

    def __init__(self, design: Design, library: Library, macs: float, seconds: float, build: Path):
        self.design, self.library, self.macs = design, library, macs
        self.seconds, self.build = seconds, build
        self.parts: dict[str, float] = {}
        self.flip_flops = self.memory_bits = 0.0
        self.verified = 0

    def add(self, name: str, part: Checked, times: float) -> None:
        """Count a combinational component."""
        synthesis = _built(part.component, self.design, self.library, (), self.seconds, self.build)
        self.verified += check(part, synthesis, self.library)
        self._count(name, synthesis, times)

    def add_built(self, name: str, component: Component, times: float) -> None:
        """Count a component that is checked elsewhere."""
        self._count(name, _built(component, self.design, self.library, PARTS, self.seconds, self.build), times)

    def add_unit(self, form: NumberFormat, config: CoreConfig) -> None:
        """Count the sum of products and the accumulator of a unit, which is simulated."""
        synthesis = _built(element_for(form)(config), self.design, self.library, PARTS, self.seconds, self.build)
        self.verified += cached_check(form, config, synthesis, self.library, self.build)
        areas, registers = _parts(synthesis, self.macs), _parts(synthesis, self.macs, "flip_flops")
        for name, title in (("core", "products and adders"), ("accumulator", "accumulator")):
            self.parts[title] = areas[name]
            self.flip_flops += registers[name]

    def _count(self, name: str, synthesis: Synthesis, times: float) -> None:
        self.parts[name] = self.parts.get(name, 0.0) + synthesis.area * times / self.macs
        self.flip_flops += synthesis.total("flip_flops") * times / self.macs
        self.memory_bits += synthesis.total("memory_bits") * times / self.macs

    def row(self, includes: str) -> Row:
        """The sum."""
        return _row(self.design, self.parts, flip_flops=self.flip_flops, memory_bits=self.memory_bits, period=None,
                    timing="not timed", verified=self.verified, macs=max(1, round(self.macs)), includes=includes)  # fmt: skip


def measure_formula(design: Design, library: Library, *, build: Path, seconds: float, timing: bool) -> Row:
    """mul(m) + add(2m + ceil(log2 b) + 1) + add_bf16/b + add(10)/b² with b = 16; of a float mul + add."""
    form, bill = format_named(design.format), _Bill(design, library, 1, seconds, build)
    b = FORMULA_TILE
    if form.kind == "float":
        total = FLOATS[form.accumulator]
        bill.add("multiplier", float_multiplier(form, total), 1)
        bill.add("adder", float_adder(total), 1)
        return bill.row("one multiplier, one adder")
    if form.kind == "hbfp":
        width = 2 * form.significand_width + ceil(log2(b)) + 1
    elif form.kind == "scaled":
        bound = ((2**form.significand_width - 1) << (2**form.exponent_width - 2)) ** 2
        width = signed_width(-b * bound, b * bound)
    else:
        raise ValueError(f"the formula knows block formats and floats, not {form.name}")
    bill.add("multiplier", multiplier(form), 1)
    bill.add("adder", adder(width), 1)
    bill.add("accumulator", float_adder(BF16), 1 / b)
    bill.add("exponents", adder(10), 1 / b**2)
    return bill.row(f"one multiplier, one adder of the sum's width, 1/{b} of a BF16 adder, 1/{b}² of a 10-bit adder")


def measure_unit(design: Design, library: Library, *, build: Path, seconds: float, timing: bool) -> Row:
    """N multipliers, N-1 adders, exponent adder, accumulator, ReLU and, for blocks, the converter to them."""
    form = format_named(design.format)
    count = form.block_size or design.dot or 64
    bill = _Bill(design, library, count, seconds, build)
    config = config_for(form, count, 1, 1)
    if form.kind == "float":
        total = FLOATS[form.accumulator]
        bill.add("multipliers", float_multiplier(form, total), count)
        bill.add("adders", float_adder(total), count - 1)
        bill.add_built("accumulator", element_for(form)(config).accumulator, 1)
        bill.add("ReLU", relu(), 1)
        return bill.row("N multipliers, N - 1 adders, accumulator, ReLU")
    if form.kind != "hbfp":
        raise ValueError(f"the unit is defined for HBFP and floats, not {form.name}")
    bill.add_unit(form, config)
    bill.add("exponents", adder(config.scale_width + 1), 1)
    bill.add("ReLU", relu(), 1)
    text = {"none": "no converter", "own": "a serial converter", "shared": "1/16 of a serial converter"}
    if design.converter != "none":
        serial = replace(config, lanes=1, rounding_modes=("stochastic",))
        bill.add_built("converter", BlockQuantizer(serial), 1 if design.converter == "own" else 1 / 16)
    return bill.row(
        "N products and their sum, exponent adder, conversion to float and accumulator, ReLU, "
        f"{text[design.converter]} (its block's memory not counted)"
    )


MEASURES = {"tile": measure_tile, "array": measure_array, "dot unit": measure_unit, "formula": measure_formula}
