"""Command lines from a parser's own actions: what is meant to be there, and everything else."""

import argparse
import re
from collections.abc import Iterator

from hypothesis import strategies as st

__all__ = ["command_lines", "commands", "names"]

DIGITS = "9" * 400
HOSTILE = (
    "", " ", "0", "-1", "1", "2", "3", "4", "6", "16", "64", "257", "1000000", "4294967296", DIGITS, f"-{DIGITS}", "1e400",
    "-1e400", "inf", "-inf", "nan", "1e-300", "0.5", "1/4", "1/0", "0x10", "1_0", "٤", "½", " 4 ", "4,6", "4,,6", ",", "mixed",
    f"{DIGITS},4", "1x1", "2x2", "0x0", "-1x-1", "1x", "x", "x1", f"{DIGITS}x1", "1x1x1", "²x²", "yes", "true", "None", "=", "a=b",
    "batch=1,2", "mesh=1x1,2x2", "x:0=1", "all-4", "all-99", f"all-{DIGITS}", "booster", "[red]x[/blue]", "[/]", "%s", "{0}",
    "a\nb", "\x1b[31m", "\udcff", "é", "a" * 5000, "../..", ".", "..", "/", "~", "-", "--", "-h", "nobody", "hbfp4/99999999",
    "hbfp4/", "reference", "*", "; ls",
)  # fmt: skip
"""Words that no option expects, or that one does and the next does not."""
USUAL = ("1", "2", "4", "8", "16", "64", "3", "0.5", "1/4", "4,6")
PATHS = (
    "out", "out.json", "new/folder/out.v", "out.npz", ".", "..", "/", "", "taken", "taken/x", "file.txt", "file.txt/x", "/dev/null",
    "/dev/full", "/dev/null/x", "/proc/x", "/proc/self/mem", "/nonexistent/../proc/x", "missing.json", "a" * 300, "[red].json",
)  # fmt: skip
"""Places for files; ``taken`` is a folder and ``file.txt`` a file that are there."""
NOT_ALONE = {"dask"}
"""Options that a test of their own has, since they wait for the network."""


def commands(parser: argparse.ArgumentParser, *before: str) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """A parser, or those of its subcommands with their words."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield before, parser
    for action in inner:
        for word, below in action.choices.items():
            yield from commands(below, *before, word)


def names(parser: argparse.ArgumentParser) -> set[str]:
    """What a message may call the parameters of a parser."""
    found: set[str] = set()
    for _, below in commands(parser):
        for action in below._actions:
            words = [action.dest, *(option.lstrip("-") for option in action.option_strings), str(action.metavar or "")]
            found.update(form for word in words for form in (word, word.replace("-", "_"), word.replace("_", "-")) if form)
    return found


def _meant(action: argparse.Action) -> list[str]:
    """Words that the parser itself names for an action."""
    words = [str(word) for word in action.choices or ()]
    if isinstance(action.default, str | int | float):
        words.append(str(action.default))
    if isinstance(action.default, tuple | list) and action.default:
        words.append(("x" if action.metavar == "RxC" else ",").join(map(str, action.default)))
    text = (action.help or "").partition("(")[0]
    return words + re.findall(r"\b[a-z][a-z0-9-]+(?=,|$| or )", text)


def _word(action: argparse.Action, files: tuple[str, ...], hostile: bool) -> st.SearchStrategy[str]:
    path = "Path" in str(action.type) or re.search("FILE|DIR|FOLDER|PAGE|json", str(action.metavar))
    if hostile:
        return st.sampled_from(PATHS if path else HOSTILE) | st.sampled_from(HOSTILE) | st.integers(-(2**70), 2**70).map(str)
    meant = _meant(action)
    pair = st.sampled_from(("1x1", "2x2", "4x2"))
    if path:
        return st.sampled_from((*files, "out.json", "new/out.v"))
    return st.sampled_from(meant) if meant else pair if action.metavar == "RxC" else st.sampled_from(USUAL)


@st.composite
def _option(draw, action: argparse.Action, files: tuple[str, ...], hostile: bool) -> list[str]:
    few = {0: 0, None: 1, "?": draw(st.integers(0, 1)), "+": draw(st.integers(1, 3)), "*": draw(st.integers(0, 2))}
    words = draw(st.lists(_word(action, files, hostile), min_size=(n := few.get(action.nargs, action.nargs)), max_size=n))
    if not action.option_strings:
        return words
    name = draw(st.sampled_from(action.option_strings))
    if len(words) == 1 and name.startswith("--"):
        return [f"{name}={words[0]}"]
    return [name, *words]


@st.composite
def command_lines(
    draw, parser: argparse.ArgumentParser, files: tuple[str, ...] = (), always: tuple[str, ...] = ()
) -> list[str]:  # fmt: skip
    """Arguments for a parser: a few options with what they are meant to have but for one, rarely a word that is none.

    ``always`` comes before them nearly always.
    """
    before, below = draw(st.sampled_from(list(commands(parser))))
    actions = [a for a in below._actions if a.dest not in NOT_ALONE | {"help"}]
    chosen = draw(st.lists(st.sampled_from(actions), max_size=5)) if actions else []
    bad = draw(st.integers(-1, len(chosen) - 1)) if chosen else -1
    words = [word for place, action in enumerate(chosen) for word in draw(_option(action, files, place == bad))]
    if draw(st.integers(0, 15)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from(HOSTILE)))
    return [*before, *(always if draw(st.integers(0, 7)) else ()), *words]
