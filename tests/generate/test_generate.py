"""The generator's command line: what it writes, and what it says about a mistake."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hw.generate import main
from hw.units import UNITS

ROOT = Path(__file__).parents[2]
SMALL = ["--mantissa=4", "--block=4", "--tile=1x2", "--operand-depth=4", "--queue-depth=1"]
VARIANTS = {
    "small": SMALL,
    "mixed": ["--mantissa=mixed", "--block=8", "--dot=4", "--lanes=2", "--tile=2x1", "--mesh=1x2", "--operand-depth=4"],
    "deep": [*SMALL, "--interleave=4", "--accumulator=aligned", "--accumulator-cycles=3", "--tree-cycles=1"],
}


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run the command line in an empty folder: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def verilog_ports(text: str, module: str) -> list[dict]:
    """Ports of a module as its Verilog declares them."""
    header, body = re.search(rf"^module {module}\((.*?)\);\n(.*?)^endmodule", text, re.MULTILINE | re.DOTALL).groups()
    declared = {}
    declaration = r"^  (input|output) (?:reg )?(?:signed )?(?:\[(\d+):0\] )?(\w+) ?;"
    for direction, width, name in re.findall(declaration, body, re.MULTILINE):
        declared[name] = {"direction": direction[:-3], "width": int(width or 0) + 1}
    return [{"name": name} | declared[name] for name in re.split(r"\s*,\s*", header.strip())]


def test_writes_verilog_and_description_and_names_them(run, tmp_path):
    status, out, err = run(*SMALL)
    assert (status, err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"build"}
    name = "hbfp4_n4_d4_t1x2_m1x1_l1_fp32_7feed590"
    assert {path.name for path in (tmp_path / "build").iterdir()} == {f"{name}.v", f"{name}.json"}
    size = (tmp_path / "build" / f"{name}.v").stat().st_size
    assert out == (
        f"core_{name}: 1 x 2 units of 4 products, peak 8 MACs per cycle\n"
        f"wrote build/{name}.v ({size / 1024:.0f} KiB) and build/{name}.json\n"
    )


def test_different_machines_have_different_files(run, tmp_path):
    """Without ``-o``, whatever parameter differs, and a unit beside its core."""
    lines = [SMALL, [*SMALL, "--exponent-width=6"], [*SMALL, "--queue-depth=2"], [*SMALL, "--datapath=behavioral"]]
    for line in lines:
        assert run(*line)[0] == 0
    assert run(*SMALL, "--unit=sequencer")[0] == 0
    names = [path.name for path in (tmp_path / "build").iterdir()]
    assert len(names) == 2 * (len(lines) + 1)


def test_makes_missing_folders(run, tmp_path):
    assert run(*SMALL, "--unit", "counters", "-o", "a/b/counters.v")[0] == 0
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"counters.v", "counters.json"}


def test_prefix_is_before_every_name(run, tmp_path):
    """Before modules, instances of modules, and the top that the description names; nothing else changes."""
    assert run(*SMALL, "-o", "plain.v")[0] == 0
    assert run(*SMALL, "--prefix", "acme_", "-o", "acme.v")[0] == 0
    plain, acme = ((tmp_path / f"{name}.v").read_text() for name in ("plain", "acme"))
    modules = re.findall(r"^module (\w+)", plain, re.MULTILINE)
    assert len(modules) > 20
    assert re.sub(r"\bacme_", "", acme) == plain
    assert re.findall(r"^module (\w+)", acme, re.MULTILINE) == [f"acme_{name}" for name in modules]
    names = "|".join(map(re.escape, modules))
    assert not re.search(rf"^(?:module|  )(?:{names}) ", acme, re.MULTILINE)
    assert json.loads((tmp_path / "acme.json").read_text())["module"] == (
        "acme_" + json.loads((tmp_path / "plain.json").read_text())["module"]
    )


def test_names_every_unit(run):
    assert run("--list") == (0, "\n".join(UNITS) + "\n", "")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("unit", UNITS)
def test_description_agrees_with_verilog(run, tmp_path, unit, variant):
    status, _, err = run(*VARIANTS[variant], "--unit", unit, "-o", "unit.v")
    assert (status, err) == (0, "")
    text, description = (tmp_path / "unit.v").read_text(), json.loads((tmp_path / "unit.json").read_text())
    described = [{key: port[key] for key in ("name", "direction", "width")} for port in description["ports"]]
    key = lambda port: port["name"]  # noqa: E731
    assert sorted(described, key=key) == sorted(verilog_ports(text, description["module"]), key=key)
    for port in description["ports"]:
        if "fields" in port:
            assert sum(field["width"] for field in port["fields"]) == port["width"]
    assert description["unit"] == unit


def test_description_of_a_core(run, tmp_path):
    run(*VARIANTS["mixed"], "-o", "core.v")
    description = json.loads((tmp_path / "core.json").read_text())
    assert description["peak_macs_per_cycle"] == 2 * 1 * 1 * 2 * 4
    assert description["parameters"]["mantissa_widths"] == [4, 6]
    assert description["derived"]["storage_width"] == 7
    stages = {"decode_cycles", "quantizer_cycles", "read_cycles", "result_cycles", "drain_cycles"}
    assert stages <= set(description["latencies"])
    command = next(port for port in description["ports"] if port["name"] == "i_command__payload")
    assert command["fields"][:2] == [
        {"name": "rows", "offset": 0, "width": 16}, {"name": "inner", "offset": 16, "width": 16},
    ]  # fmt: skip


def test_same_bytes_on_every_run(tmp_path):
    """Another folder, another hash seed and another process give the same files."""
    contents = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "hw.generate", *VARIANTS["mixed"]]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        contents.append({path.name: path.read_bytes() for path in (folder / "build").iterdir()})
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]


def test_identical_components_are_emitted_once(run, tmp_path):
    """4096 multiplications per cycle take no more than a megabyte of Verilog."""
    assert run("--mantissa", 4, "--tile", "4x4", "--mesh", "2x2", "-o", "core.v")[0] == 0
    text = (tmp_path / "core.v").read_text()
    modules = re.findall(r"^module (\S+)\(", text, re.MULTILINE)
    assert len(modules) == len(set(modules))
    assert len(text) <= 1_000_000
    assert json.loads((tmp_path / "core.json").read_text())["peak_macs_per_cycle"] == 4096


MISTAKES = {
    "--mantissa 1": "mantissa_width must be between 2 and 8, not 1",
    "--mantissa x": "mantissa_width must be a number, a list such as 4,6 or 'mixed', not x",
    "--mantissa 4,12": "mantissa_width must be between 2 and 10, not 12",
    "--mantissa 6,4": "mantissa_widths must ascend without repetition, not (6, 4)",
    "--block 0": "block_size must be between 1 and 1024, not 0",
    "--block x": "block_size must be an integer, not x",
    "--dot 5": "dot must divide block_size 64, not be 5",
    "--dot 4.0": "dot must be an integer, not 4.0",
    "--lanes 3": "lanes must divide block_size 64, not be 3",
    "--tile 4": "tile must be ROWSxCOLUMNS, such as 4x4, not 4",
    "--mesh 2x0": "mesh_columns must be between 1 and 64, not 0",
    "--mesh 2x2x2": "mesh must be ROWSxCOLUMNS, such as 4x4, not 2x2x2",
    "--accumulator fp64": "accumulator must be one of fp32, bf16, aligned, fp32x2, fp32x4, not fp64",
    "--accumulator-cycles 4": "interleave must be at least 3 for accumulator_cycles 4, not 1",
    "--datapath fast": "datapath must be one of structural, carry_chain, dsp, behavioral, not fast",
    "--rounding up": "rounding_modes must be distinct names out of nearest, stochastic, truncate, not up",
    "--panel-columns 6": "panel_columns must be a multiple of the array's 4 columns, not 6",
    "--unit adder": f"unit must be one of {', '.join(UNITS)}, not adder",
    "--prefix 2": "prefix must be letters, digits and underscores, no digit in front, not 2",
    "--prefix a-b": "prefix must be letters, digits and underscores, no digit in front, not a-b",
    "-o folder": "output must be a file in a writable folder, not folder",
    "-o file/core.v": "output must be a file in a writable folder, not file/core.v",
    "-o pipe": "output must be a file in a writable folder, not pipe",
    "-o .": "output must be a file in a writable folder, not .",
    "-o described.v": "output must be a file in a writable folder, not described.json",
    "-o core.json": "output must not end in .json, which is the description's ending, not core.json",
    f"-o {'x' * 300}.v": f"output must be a writable path, not {'x' * 300}.v: File name too long",
    "--speed 3": "unrecognized arguments: --speed 3",
    "--block": "argument --block: expected one argument",
}  # fmt: skip


@pytest.mark.parametrize("line", MISTAKES, ids=lambda line: line[:30])
def test_mistakes_give_one_line_and_no_file(run, tmp_path, line):
    (tmp_path / "folder").mkdir()
    (tmp_path / "described.json").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    tiny = [] if any(option in line for option in ("--dot", "--lanes", "--panel")) else ["--block=4", "--tile=1x1"]
    assert run(*tiny, *line.split()) == (2, "", f"hw.generate: {MISTAKES[line]}\n")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_may_not_be_written_is_refused(run, tmp_path, monkeypatch):
    """For everybody but root the system says so; here the answer is made."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    status, out, err = run(*SMALL, "-o", "core.v")
    assert (status, out) == (2, "")
    assert err == "hw.generate: output must be a file in a writable folder, not core.v\n"
    assert not list(tmp_path.iterdir())


def test_a_mistake_ends_the_process_with_status_2(tmp_path):
    command = [sys.executable, "-m", "hw.generate", "--mantissa", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hw.generate: mantissa_width must be between 2 and 8, not 1\n"


def test_help_needs_no_hardware_description():
    """``--help`` is there at once: Amaranth is not imported for it."""
    code = "import sys, hw.generate as g\ntry: g.main(['--help'])\nfinally: assert 'amaranth' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for default in ("(default: 64)", "(default: 4)", "(default: fp32)", "(default: structural)"):
        assert default in done.stdout
