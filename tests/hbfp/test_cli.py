"""The command ``hbfp``."""

import subprocess
import sys

import pytest

from hbfp.cli import COMMANDS, main


def test_says_what_there_is(capsys):
    for arguments in ([], ["--help"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert all(f"  {name} " in text for name in COMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hbfp ")


def test_rejects_another_command(capsys):
    assert main(["fly"]) == 2
    assert capsys.readouterr().err == f"hbfp: command must be one of {', '.join(COMMANDS)}, not fly\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    done = subprocess.run([sys.executable, "-m", "hbfp", name, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_help_is_quick():
    """Nothing that computes is imported to say what there is."""
    code = "import sys, hbfp.cli; hbfp.cli.main([]); print([m for m in ('numpy', 'amaranth', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
