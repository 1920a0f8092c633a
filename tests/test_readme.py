"""What the pages tell a reader to type: blocks marked ``sh`` run line by line, blocks marked ``python`` in one go."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/simulator.md")


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
        if "--list" in line:
            assert "processing_element" in output.splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_python_runs_from_top_to_bottom(page, tmp_path):
    code = "\n".join(blocks(page, "python"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_make_target_named_exists():
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {
        target for page in pages
        for target in re.findall(r"(?:^|`)(?:[A-Z]+=\S+ )*make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }  # fmt: skip
    assert named
    assert named <= known
