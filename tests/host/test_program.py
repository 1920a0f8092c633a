"""How a program ends: its status, one line on standard error, and nothing hidden."""

import errno
import sys
from io import StringIO

import pytest

from hw.host import program
from hw.host.program import STATUSES, CommandLineError, Failure, guarded, one_line, put, run


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "status", "text"),
    [
        (lambda: None, 0, ""), (lambda: 0, 0, ""), (lambda: 1, 1, ""), (raising(BrokenPipeError()), 1, ""),
        (raising(CommandLineError("a must be b, not c")), 2, "it: a must be b, not c\n"), (raising(Failure("no")), 1, "it: no\n"),
        (raising(MemoryError()), 1, "it: there is not enough memory for this\n"),
        (raising(OSError(errno.ENOSPC, "No space left on device")), 1, "it: [Errno 28] No space left on device\n"),
    ],
)  # fmt: skip
def test_every_end_has_its_status(work, status, text, capsys):
    assert guarded("it", work) == status in STATUSES
    assert capsys.readouterr() == ("", text)


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError("a bug"), AssertionError()])
def test_a_mistake_of_ours_is_not_told_as_a_user_s(error):
    with pytest.raises(type(error)):
        guarded("it", raising(error))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain – ü", "plain – ü"), ("two\nlines\n", "two lines"), ("a\tb\rc", "a\\tb\\rc"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202egnp", "\\u202egnp"), ("\ud800", "\\ud800"), ("", ""),
    ],
)  # fmt: skip
def test_one_line_that_a_terminal_can_show(text, line):
    assert one_line(text) == line


def test_without_end_is_cut_in_the_middle():
    shown = one_line("a" * 900 + "b" * 900)
    assert len(shown) <= program.LONGEST
    assert shown.startswith("aaa")
    assert shown.endswith("bbb")
    assert " … " in shown
    assert one_line("c" * program.LONGEST) == "c" * program.LONGEST


class Full(StringIO):
    """A disk without room."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error or OSError(errno.ENOSPC, "No space left on device")

    def flush(self):
        raise self.error

    def fileno(self):
        raise OSError(errno.EBADF, "no file")


def test_output_that_is_lost_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Full())
    assert guarded("it", lambda: None) == 1
    assert capsys.readouterr().err == "it: standard output could not be written: No space left on device\n"
    monkeypatch.setattr(sys, "stdout", Full(BrokenPipeError()))
    assert guarded("it", lambda: None) == 1
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stdout", Full())
    assert guarded("it", raising(CommandLineError("first"))) == 2
    assert capsys.readouterr().err == "it: first\n", "the first mistake is the one to tell"


def test_put_tells_a_full_disk_and_not_a_closed_pipe(monkeypatch, capsys):
    put("text")
    assert capsys.readouterr().out == "text"
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(Failure, match=r"^standard output could not be written: No space left on device$"):
        put("text")
    monkeypatch.setattr(sys, "stdout", Full(BrokenPipeError()))
    with pytest.raises(BrokenPipeError):
        put("text")


def options(parser):
    parser.add_argument("--many", type=int, default=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--many", "x"], "argument --many: invalid int value: 'x'"), (["--man", "3"], "unrecognized arguments: --man 3"),
        (["more"], "unrecognized arguments: more"), (["--many"], "argument --many: expected one argument"),
    ],
)  # fmt: skip
def test_what_is_typed_wrongly_is_one_line(arguments, text, capsys):
    assert run("it", "Does it.", options, lambda _: pytest.fail("ran"), arguments) == 2
    assert capsys.readouterr() == ("", f"it: {text}\n")


def test_what_is_typed_rightly_runs(capsys):
    assert run("it", "Does it.", options, lambda parsed: parsed.many, ["--many", "1"]) == 1
    assert run("it", "Does it.", options, lambda parsed: None, []) == 0
    assert run("it", "Does it.", options, lambda _: pytest.fail("ran"), ["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: it [-h] [--many MANY]\n\nDoes it.")
