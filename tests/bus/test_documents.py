import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hw.bus.cli import main
from hw.bus.documents import c_header, command_page, register_page, verilog_header
from hw.bus.registers import register_map
from hw.command import FIELDS, pack_command
from hw.core.counters import COUNTERS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "text"), [("registers.md", register_page()), ("command-word.md", command_page())])
def test_committed_pages_are_current(name, text):
    assert (ROOT / "docs" / name).read_text() == text, "run: python -m hw.bus --documents docs"


def test_header_has_every_register_field_and_counter():
    text = c_header()
    for register in register_map():
        assert f"#define HBFP_{register.name.upper()} 0x{register.offset:03X}u" in text
    for name in COUNTERS:
        assert f"HBFP_COUNT_{name.upper()} " in text
    for name, width in FIELDS.items():
        position = int(re.search(rf"#define HBFP_FIELD_{name.upper()} (\d+)\n", text)[1])
        assert pack_command(**{name: (1 << width) - 1}) == ((1 << width) - 1) << position


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
def test_header_compiles(tmp_path):
    path = tmp_path / "hbfp.h"
    assert main(["--header", str(path)]) == 0
    subprocess.run(["gcc", "-fsyntax-only", "-Wall", "-Werror", str(path)], check=True)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is not installed")
def test_verilog_example_runs(tmp_path):
    size = ["--block", "16", "--dot", "4", "--tile", "1x1", "--operand-depth", "32"]
    machine = [*size, "--datapath", "behavioral", "--bus-width", "64"]
    assert main([*machine, "--top", "hbfp_axi", "-o", str(tmp_path / "hbfp_axi.v")]) == 0
    assert main(["--header", str(tmp_path / "hbfp_registers.vh")]) == 0
    program = tmp_path / "example"
    sources = [ROOT / "examples" / "axi" / "testbench.v", tmp_path / "hbfp_axi.v"]
    subprocess.run(["iverilog", "-g2005", "-I", tmp_path, "-o", program, *sources], check=True)
    result = subprocess.run(["vvp", program], check=True, capture_output=True, text=True)
    assert "PASS" in result.stdout
    assert "FAIL" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bus-width", "48"], "bus_width must be one of 32, 64, 128, 256, 512, not 48"),
        (["--block", "0"], "block_size must be between 1 and 1024, not 0"),
        (
            ["--header", "/proc/absent/hbfp.h"],
            "output must be a writable path, not /proc/absent/hbfp.h: No such file or directory",
        ),
    ],
)
def test_mistakes_are_one_line_and_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"hw.bus: {message}\n"


def test_verilog_header_speaks_verilog():
    text = verilog_header()
    assert "`define HBFP_IDENTITY 10'h000" in text
    assert "#" not in text
