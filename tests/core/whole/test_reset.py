"""What a core shows after reset, when nothing has a value before it: run by Icarus, which knows unknown bits."""

import re
import shutil
import subprocess

import pytest

from hw.config import FEATURES, CoreConfig
from hw.core.core import Core
from hw.emit import emit_verilog, ports_of

MACHINES = {
    "plain": CoreConfig(block_size=4, tile_rows=1, tile_columns=2, interleave=3, accumulator_cycles=4, operand_depth=4),
    "features": CoreConfig(
        (4, 6), block_size=4, tile_rows=1, tile_columns=2, operand_depth=4, panel_columns=4, features=FEATURES,
        rounding_modes=("nearest", "stochastic"), accumulator="aligned", datapath="behavioral",
    ),
}  # fmt: skip
KNOWN = re.compile(r".*__(valid|ready)|idle|error|counters|line_.*")
"""Outputs that others act on; a payload counts only while its ``valid`` is set."""


def without_initial_values(text: str) -> str:
    """Registers as a chip's are: unknown until they are reset or written."""
    text = re.sub(r"^(  reg (?!\\\$auto)[^;=\n]*?) += [^;\n]+;", r"\1 ;", text, flags=re.MULTILINE)
    return re.sub(r"^  initial begin\n(?:    .*\n)*  end\n", "", text, flags=re.MULTILINE)


def bench(core: Core, cycles: int, reset: int) -> str:
    """Hold reset, run without a command, and say which known outputs are not."""
    lines, connections, checks = [], [".clk(clk)", ".rst(rst)"], []
    for port, flow, value in ports_of(core):
        kind = "reg" if flow == "in" else "wire"
        lines.append(f"  {kind} [{len(value) - 1}:0] {port}{' = 0' if flow == 'in' else ''};")
        connections.append(f".{port}({port})")
        if flow == "out" and KNOWN.fullmatch(port):
            checks.append(f'    if (^{port} === 1\'bx) $display("unknown: {port}");')
    return "\n".join([
        "module bench;", "  reg clk = 0, rst = 1;", *lines, f"  {core.module_name} core ({', '.join(connections)});",
        "  always #5 clk = ~clk;", "  always @(negedge clk) if (!rst) begin", *checks, "  end",
        f"  initial begin repeat ({reset}) @(negedge clk); rst = 0; repeat ({cycles}) @(negedge clk);",
        '    $display("done"); $finish; end', "endmodule", "",
    ])  # fmt: skip


def run(core: Core, text: str, folder, reset: int = 2) -> list[str]:
    (folder / "core.v").write_text(text)
    (folder / "bench.v").write_text(bench(core, 40, reset))
    subprocess.run(["iverilog", "-g2005", "-o", "bench", "core.v", "bench.v"], cwd=folder, check=True)
    done = subprocess.run(["vvp", "-n", "bench"], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1]


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is not installed")
@pytest.mark.parametrize("name", MACHINES)
def test_what_others_act_on_is_known_after_reset(tmp_path, name):
    core = Core(MACHINES[name])
    text = without_initial_values(emit_verilog(core))
    assert run(core, text, tmp_path) == ["done"]
    assert "unknown: o_c__valid" in run(core, text, tmp_path, reset=0)
