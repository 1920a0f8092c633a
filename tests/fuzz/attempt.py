"""One run of a program on bad input, and what must hold after it."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

from hw.host.program import STATUSES

__all__ = ["Outcome", "attempt", "folder_with", "judge"]

SECONDS = 30, 300
"""What a program may take for anything it is given here: of the processor, and by the clock on the wall."""
LONGEST = 1100
"""Characters of what it says of a mistake."""


class Hang(BaseException):
    """A program that did not end."""


class Outcome:
    """What a run left: its status, what it printed, and the files in its folder before and after."""

    def __init__(self, status: int, out: str, err: str, before: dict, after: dict):
        self.status, self.out, self.err, self.before, self.after = status, out, err, before, after


@contextmanager
def folder_with(files: dict[str, bytes]):
    """A fresh folder with the files, a folder ``taken`` and a file ``file.txt``; it is the current one inside."""
    here = Path.cwd()
    with TemporaryDirectory(prefix="fuzz") as name:
        folder = Path(name)
        (folder / "taken").mkdir()
        (folder / "file.txt").write_text("some text\n")
        for path, content in files.items():
            (folder / path).write_bytes(content)
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(here)


def _files(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def _hang(*_):
    raise Hang


def attempt(main: Callable[[list[str]], int | None], arguments: Sequence[str], files: dict[str, bytes]) -> Outcome:
    """Run ``main`` in this process, in a folder with ``files``; a traceback is an error of the test."""
    out, err = (TextIOWrapper(BytesIO(), "utf-8", errors="backslashreplace") for _ in range(2))
    with folder_with(files) as folder:
        before = _files(folder)
        kept = [signal.signal(number, _hang) for number in (signal.SIGPROF, signal.SIGALRM)]
        signal.setitimer(signal.ITIMER_PROF, SECONDS[0])
        signal.alarm(SECONDS[1])
        try:
            with redirect_stdout(out), redirect_stderr(err):
                status = main(list(arguments)) or 0
        except SystemExit as done:
            status = done.code if isinstance(done.code, int) else int(done.code is not None)
        except Hang:
            raise AssertionError(f"{arguments} took more than {SECONDS[0]} s:\n{traceback.format_exc()}") from None
        except BaseException as error:
            raise AssertionError(f"{arguments} ended with a traceback: {type(error).__name__}: {error}") from error
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
            for number, handler in zip((signal.SIGPROF, signal.SIGALRM), kept, strict=True):
                signal.signal(number, handler)
        for stream in (out, err):
            stream.flush()
        return Outcome(status, *(s.buffer.getvalue().decode() for s in (out, err)), before, _files(folder))


def judge(outcome: Outcome, arguments: Sequence[str], known: set[str]) -> None:
    """Hold a run to the contract: ``known`` are words of which a message has one.

    Status 0, 1 or 2; after 1 or 2 something is said and no file is in parts; after 2 it is one line that names a parameter
    or a file, and the folder is as it was.
    """
    told = f"{list(arguments)} -> {outcome.status}: {outcome.err[-2000:]}"
    assert outcome.status in STATUSES, told
    assert "Traceback" not in outcome.err, told
    assert not [name for name in outcome.after if Path(name).name.startswith((".hbfp", "tmp"))], told
    if outcome.status == 2:
        assert outcome.err.endswith("\n"), told
        assert len(outcome.err.splitlines()) == 1, told
        assert len(outcome.err) < LONGEST, told
        text = outcome.err.partition(": ")[2]
        assert any(word in text for word in known), f"names no parameter: {told}"
        assert outcome.after == outcome.before, f"wrote {outcome.after.keys() ^ outcome.before.keys()}: {told}"
    if outcome.status == 1:
        assert outcome.err, told


if __name__ == "__main__":
    sys.exit("see tests/fuzz/test_commands.py")
