"""What is around the array of a core of 16x16 units, feature by feature: ``python -m bench.core_area [MACHINE ...]``.

Area per multiply-accumulate, HBFP4, of everything but the array itself and memories, which are counted in bits. Each part is mapped
by one recipe, not by the best of six as in ``python -m synth density --accounting array``.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from hw.baseline.formats import format_named
from hw.config import CoreConfig
from hw.core.core import Core
from hw.core.patch_buffer import bank_config
from hw.emit import emit_verilog
from synth.density.designs import config_for
from synth.mapping.flow import BUILD, MEMORY, modules_of, synthesise
from synth.mapping.liberty import Library, find_library
from synth.mapping.recipes import EFFORTS

__all__ = ["MACHINES", "PARTS", "around", "table"]

_PLAIN = replace(
    config_for(format_named("hbfp4")), panel_columns=64, mesh_rows=4, mesh_columns=4, rounding_modes=("nearest", "stochastic"),
    features=("bias",),
)  # fmt: skip
_WIDE = replace(_PLAIN, tile_columns=16, mesh_columns=1, lanes=64, rounding_modes=("nearest",), features=("packed",))
_SIDES = replace(_WIDE, load_lines=4)
_BLOCKS = replace(_SIDES, features=("packed", "requantize"))
MACHINES: dict[str, CoreConfig] = {
    "4x4 tiles: bias": _PLAIN,
    "4x4 tiles: bias, packed": replace(_PLAIN, features=("packed", "bias")),
    "4x4 tiles: bias, packed, patches": replace(_PLAIN, features=("packed", "bias", "patches")),
    "4x4 tiles: bias, packed, requantize": replace(_PLAIN, features=("packed", "bias", "requantize")),
    "4x16 tiles: packed, 64 lanes": _WIDE,
    "4x16 tiles: and 4 lines side by side": _SIDES,
    "4x16 tiles: and requantize": _BLOCKS,
    "4x16 tiles: and two streams of C": replace(_BLOCKS, result_streams=2),
    "4x16 tiles: and patches": replace(_BLOCKS, result_streams=2, features=("packed", "requantize", "patches")),
}
"""Machines by their tiles and what they have; the last five are one after another the machine of one port."""
PARTS = {
    "loaders": ("loader_", "block_quantizer", "block_unpacker"),
    "patch origins": ("patch_origins",),
    "operand buffers": ("operand_buffer", "patch_buffer"),
    "results": ("result_buffer", "output_stage", "requantizer", "block_packer"),
    "control": ("sequencer", "command_decoder", "counters", "core"),
}
"""Modules by what they are counted as. Any other is counted with the one that it is in."""
RECIPE = "amap2"
"""Of ``synth.mapping.recipes``."""


def around(config: CoreConfig, library: Library, build: Path = BUILD, seconds: float = 3600) -> tuple[Counter[str], int]:
    """Area per multiply-accumulate of each of ``PARTS`` around the array, in the library's unit, and bits of memories in all."""
    core = Core(config)
    verilog = emit_verilog(core)
    (mesh,) = {name for name in modules_of(verilog) if name.startswith("mesh_")}
    # The array is left out, as memories are. Machines that have a module in common have one of the same name, mapped once.
    verilog = re.sub(rf"\b{mesh}\b", f"{MEMORY}mesh", verilog)
    verilog = verilog.replace(config.name, "core").replace(bank_config(config).name, "bank")
    prefixes = tuple(prefix for starts in PARTS.values() for prefix in starts)
    names = [name for name in modules_of(verilog) if name.startswith(prefixes)]
    effort = f"only {RECIPE}"
    gates = any(cell.clock_gate and cell.area > 0 for cell in library.cells.values())
    with patch.dict(EFFORTS, {effort: {RECIPE: EFFORTS["area"][RECIPE]}}):
        synthesis = synthesise(
            verilog, core.module_name.replace(config.name, "core"), names, library, effort=effort, clock_gates=gates,
            seconds=seconds, build=build,
        )  # fmt: skip
    found: Counter[str] = Counter()
    for name, times in synthesis.instances().items():
        part = next(part for part, starts in PARTS.items() if name.startswith(starts))
        found[part] += synthesis.parts[name].area * times / config.macs_per_cycle  # type: ignore[assignment]
    return found, round(synthesis.total("memory_bits"))


def table(library: Library, names: tuple[str, ...] = tuple(MACHINES), build: Path = BUILD) -> Iterator[str]:
    """Lines of Markdown: area around the array per multiply-accumulate, by part and in all, and bits of memories."""
    titles = ("core of 16×16 units", *PARTS, "all, µm² per MAC", "memories, bits per MAC")
    yield f"| {' | '.join(titles)} |"
    yield "|---|" + "--:|" * (len(titles) - 1)
    for name in names:
        found, bits = around(MACHINES[name], library, build)
        cells = [*(f"{found[part]:.2f}" for part in PARTS), f"{sum(found.values()):.2f}"]
        yield f"| {name} | {' | '.join(cells)} | {bits / MACHINES[name].macs_per_cycle:.0f} |"


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.core_area", description=__doc__)
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help=f"of {'; '.join(MACHINES)} (default: all)")
    parser.add_argument("--library", default="nangate45", metavar="NAME", help="name or file (default nangate45)")
    parser.add_argument("--build", type=Path, default=BUILD, metavar="FOLDER", help="what was mapped before")
    options = parser.parse_args(arguments)
    for name in options.machines:
        if name not in MACHINES:
            parser.error(f"machine must be one of {'; '.join(MACHINES)}, not {name}")
    for line in table(find_library(options.library, options.build), tuple(options.machines or MACHINES), options.build):
        print(line, flush=True)


if __name__ == "__main__":
    main()
