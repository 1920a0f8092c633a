"""What the pages tell a reader to type.

Blocks marked ``sh`` run line by line, blocks marked ``python`` in one go. What is marked ``bash`` takes hours, or a board: each of
its lines is read by its program's parser, as every other command is. ``text`` is for people.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from hbfp.cli import COMMANDS
from hbfp.reference import parser_of
from hw.host.program import CommandLineError

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/simulator.md")
PROGRAMS = (*PAGES, "docs/networks.md", "docs/numerics.md")
"""Pages whose Python runs."""
GIVEN = {
    "README.md": """
import sim.devices.serial_link as link
from sim.devices.compiled_axi import CompiledAxi
from tests.sim.devices.test_compiled_axi import BUS_WIDTH, FULL
link.SerialLink = lambda port: CompiledAxi(FULL, BUS_WIDTH, quick=True)
""",
    "docs/networks.md": """
from pathlib import Path
import numpy as np
import hbfp.run
from hw.config import CoreConfig
from sim.devices import CycleDevice as RtlDevice
from tests.sim.graphs.graphs import constant, model, node, save, tensor
x, config = np.ones((4, 8), np.float32), CoreConfig(mantissa_widths=(4, 6))
product = node("MatMul", ["image", "w"], "y")
save(model([product], [tensor("image", 4, 8)], [tensor("y", 4, 3)], [constant("w", 8, 3)]), Path(), "model.onnx")
""",
    "docs/numerics.md": """
import numpy as np
a, b = np.ones((3, 100), np.float32), np.ones((100, 2), np.float32)
""",
}
"""What the Python of a page takes as given: a board, a network, matrices."""
MARKS = {"sh", "python", "bash", "text"}
ALL = ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))


def blocks(page: str, language: str) -> list[str]:
    """Texts of the page's code blocks of this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def lines(page: str) -> list[str]:
    """Commands, without the one that enters the environment in which tests run anyway."""
    text = "".join(blocks(page, "sh")).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith((". ", "#"))]


@pytest.mark.parametrize("page", PAGES)
def test_commands_run_line_by_line(page, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    outputs = {}
    assert lines(page)
    for line in lines(page):
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        outputs[line] = done.stdout
    for line, output in outputs.items():
        if "examples.digits" in line:
            assert "RTL and golden agree in every bit." in output
        if "examples.my_network" in line:
            assert "linear bits equal: True\nnode_conv2d: 6 bits, " in output
        if "--list" in line:
            assert "processing_element" in output.splitlines()


def run_python(code: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PROGRAMS)
def test_python_runs_from_top_to_bottom(page, tmp_path):
    run_python(GIVEN.get(page, "") + "\n".join(blocks(page, "python")), tmp_path)


@pytest.mark.parametrize("page", ALL)
def test_every_block_says_what_it_is_and_runs_if_it_says_so(page):
    marks = set(re.findall(r"^ *```(.*)\n(?:.*\n)*?^ *```$", (ROOT / page).read_text(), re.MULTILINE))
    marks = {mark for mark in marks if not mark.startswith("{")}
    assert marks <= MARKS
    assert "sh" not in marks or page in PAGES
    assert "python" not in marks or page in (*PROGRAMS, "docs/torch.md")


@pytest.mark.parametrize("page", ALL)
def test_every_line_of_a_shell_is_a_target_or_a_program_of_ours(page):
    lines = "".join((*blocks(page, "bash"), *blocks(page, "sh"))).replace("\\\n", " ").splitlines()
    for line in filter(None, (line.partition("#")[0].strip() for line in lines)):
        words = shlex.split(line)
        ours = words[0] == "make" or words[:1] == ["hbfp"] or (words[:2] == ["python", "-m"] and find_spec(words[2]))
        assert ours or line == ". .venv/bin/activate", line


def test_the_page_on_pytorch_repeats_the_tour_and_the_rest_of_it_runs(tmp_path):
    repeated, *others = blocks("docs/torch.md", "python")
    assert repeated in blocks("README.md", "python")
    run_python("\n".join(others), tmp_path)


def commands(page: str) -> list[list[str]]:
    """Words of every command of ours with arguments, in blocks and in running text; one with an ellipsis is no whole one."""
    start = r"(?:python -m [\w.]+|hbfp [a-z-]+)"
    found = re.findall(rf"^ *({start} [^`\n]*)$|`({start}\s[^`]*)`", page.replace("\\\n", " "), re.MULTILINE)
    split = [shlex.split(line or code, comments=True) for line, code in found if "…" not in line + code]
    return [words for words in split if len(words) > (2 if words[0] == "hbfp" else 3) and words[2] != "pytest"]


def program(words: list[str]) -> tuple[str, list[str]]:
    """The module with a command's parser, and the command's arguments."""
    if words[:3] == ["python", "-m", "hbfp"] or words[0] == "hbfp":
        name, *arguments = words[words.index("hbfp") + 1 :]
        return COMMANDS[name][0], arguments
    places = (words[2] + ending for ending in (".cli", ".__main__", ""))
    return next(place for place in places if (ROOT / f"{place.replace('.', '/')}.py").exists()), words[3:]


@pytest.mark.parametrize("page", ALL)
def test_every_command_is_one_that_its_program_reads(page):
    for words in commands((ROOT / page).read_text()):
        module, arguments = program(words)
        try:
            parser_of(module).parse_args(arguments)
        except (CommandLineError, SystemExit) as error:
            pytest.fail(f"{shlex.join(words)}: {error}")


def test_a_command_that_is_not_read_is_found():
    (words,) = commands("Type `python -m hw.generate\n--mantisa 4`, `hbfp sim …` or `hbfp run`.")
    assert words == ["python", "-m", "hw.generate", "--mantisa", "4"]
    module, arguments = program(words)
    with pytest.raises(CommandLineError, match=r"^unrecognized arguments: --mantisa 4$"):
        parser_of(module).parse_args(arguments)


def test_every_make_target_named_exists():
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {
        target for page in pages
        for target in re.findall(r"(?:^|`)(?:[A-Z]+=\S+ )*make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }  # fmt: skip
    assert named
    assert named <= known
