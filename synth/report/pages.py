"""Pages of the documentation that hold tables made by a command."""

import re
from functools import partial
from pathlib import Path

from hw.host.files import check_outputs, keep, read_text

__all__ = ["check_page", "rewrite"]


def check_page(path: Path) -> None:
    """Refuse, before the work, a page that cannot be rewritten.

    Raises
    ------
    ValueError
        for a file that cannot be read or written, or without any markers.
    """
    check_outputs(path)
    if not re.search(r"<!-- (.+) -->\n.*<!-- /\1 -->", read_text(path), re.DOTALL):
        raise ValueError(f"{path} has no markers <!-- name --> … <!-- /name --> to write between")


def _between(text: str, match: re.Match[str]) -> str:
    return f"{match[1]}{text}{match[2]}"


def rewrite(path: Path, texts: dict[str, str]) -> bool:
    """Put each text between a page's markers ``<!-- name -->`` and ``<!-- /name -->``; whether that changed the page.

    Raises
    ------
    ValueError
        for a page without any of the markers.
    """
    old = new = read_text(path)
    found = 0
    for name, text in texts.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        new, count = pattern.subn(partial(_between, text), new)
        found += count
    if not found:
        name = next(iter(texts))
        raise ValueError(f"{path} has no markers <!-- {name} --> … <!-- /{name} --> to write between")
    if new != old:
        keep(path, new)
    return new != old
