"""The page of the commands says what the parsers say."""

from pathlib import Path

import pytest

from hbfp.cli import COMMANDS, main
from hbfp.reference import commands_page, parser_of

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_is_that_of_the_parsers():
    assert PAGE.read_text(encoding="utf-8") == commands_page()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_means(name):
    silent = [
        action.dest for action in parser_of(COMMANDS[name][0])._actions
        if not action.help and "SubParsers" not in type(action).__name__
    ]  # fmt: skip
    assert silent == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert "mantissa" in text


def test_completion_rejects_another_shell(capsys):
    assert main(["completion", "fish"]) == 2
    assert capsys.readouterr().err.startswith("hbfp completion: argument shell: invalid choice: 'fish'")
