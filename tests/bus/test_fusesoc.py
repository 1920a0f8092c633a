"""The generator as FuseSoC calls it: a file with a request, results in the present folder."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hw.bus.documents import c_header, verilog_header
from hw.bus.fusesoc import generate

ROOT = Path(__file__).parents[2]
MACHINE = [
    "--block", 16, "--dot", 4, "--tile", "1x1", "--operand-depth", 32, "--datapath", "behavioral", "--bus-width", 64,
]  # fmt: skip


def test_a_request_gives_a_core_and_its_files(tmp_path):
    generate({"vlnv": "acme:ip:hbfp:1.0", "parameters": {"arguments": MACHINE}}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "hbfp_axi.core", "hbfp_axi.v", "hbfp_registers.h", "hbfp_registers.vh",
    }  # fmt: skip
    core = (tmp_path / "hbfp_axi.core").read_text()
    assert core.startswith("CAPI=2:\nname: acme:ip:hbfp:1.0\n")
    assert re.findall(r"^      - (\S+): ", core, re.MULTILINE) == ["hbfp_axi.v", "hbfp_registers.vh", "hbfp_registers.h"]
    verilog = (tmp_path / "hbfp_axi.v").read_text()
    assert len(re.findall(r"^module hbfp_axi\(", verilog, re.MULTILINE)) == 1
    assert "input [63:0] s_axis_a_tdata;" in verilog
    assert (tmp_path / "hbfp_registers.h").read_text() == c_header()
    assert (tmp_path / "hbfp_registers.vh").read_text() == verilog_header()


def test_a_mistake_in_a_request_is_told_and_leaves_no_core(tmp_path, capsys):
    request = {"vlnv": "acme:ip:hbfp:1.0", "parameters": {"arguments": [*MACHINE[:-1], 48]}}
    with pytest.raises(SystemExit) as stopped:
        generate(request, tmp_path)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "hw.bus: bus_width must be one of 32, 64, 128, 256, 512, not 48\n"
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_a_program(tmp_path):
    """A request as JSON, which is YAML."""
    (tmp_path / "request.yml").write_text(json.dumps({"vlnv": "a:b:c:2.1", "parameters": {"arguments": MACHINE}}))
    (tmp_path / "out").mkdir()
    program = [sys.executable, ROOT / "hw" / "bus" / "fusesoc.py", tmp_path / "request.yml"]
    subprocess.run(program, cwd=tmp_path / "out", check=True, capture_output=True)
    assert "name: a:b:c:2.1\n" in (tmp_path / "out" / "hbfp_axi.core").read_text()
