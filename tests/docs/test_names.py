"""What the pages call by a name is there: files and folders, modules, classes, functions, members."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from hbfp.run.widths import METADATA

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
MADE = ("build/", "data/")
"""Folders that commands make or users have."""


def missing_files(page: str, folder: Path = ROOT) -> list[str]:
    """Files and folders that a page names in code, or links to, and that are not there.

    A name in code goes from the root, or from another folder that the same line names; a link from the page's own folder.
    """
    found = [link for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page) if not (folder / link).exists()]
    for line in page.splitlines():
        named = [path for path in re.findall(r"`([a-z.][\w.-]*/[\w./-]*)`", line) if not path.startswith(MADE)]
        bases = [ROOT, *(ROOT / path for path in named if path.endswith("/"))]
        found += [path for path in named if not any((base / path).exists() for base in bases)]
    return found


def names(page: str) -> set[str]:
    """Dotted names below the packages in code; and modules that commands run."""
    code = " ".join(re.findall(r"`([^`\n]+)`", page))
    dotted = re.findall(r"(?<![\w/.-])((?:golden|hw|sim|synth|hbfp)(?:\.[A-Za-z_]\w*)+)(?![\w/])", code)
    return {*dotted, *re.findall(r"python -m ([\w.]+)", page)}


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def missing(name: str) -> str | None:
    """What of a dotted name is not there; a file of the root and the key of a graph's metadata have such names too."""
    if name == METADATA or (ROOT / name).is_file():
        return None
    parts = name.split(".")
    count = next((n for n in range(len(parts), 0, -1) if _is_module(".".join(parts[:n]))), 0)
    value = import_module(".".join(parts[:count])) if 0 < count < len(parts) else None
    for part in parts[count:]:
        if part not in getattr(value, "__annotations__", {}) and not hasattr(value, part):
            return f"{name}: there is no {part}"
        value = getattr(value, part, None)
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    text = page.read_text()
    assert missing_files(text, page.parent) == []
    assert [wrong for name in sorted(names(text)) if (wrong := missing(name))] == []


def test_files_of_the_architecture_are_in_the_folder_that_their_section_names():
    """Or in the one whose name stands in front of them in the line."""
    found = 0
    for section in re.split(r"^## ", (ROOT / "docs/architecture.md").read_text(), flags=re.MULTILINE)[1:]:
        folder = re.search(r"\(`([\w/]+)`\)", section.splitlines()[0])
        for file in re.findall(r"`(\w+\.py)`", section):
            assert folder, file
            assert (ROOT / folder[1] / file).exists(), file
            found += 1
    assert found > 10


def test_what_is_not_there_is_found():
    text = "`hw/core/loader.py`, `hw/` with `core/`, `hw/nowhere.py` and `core/`; `build/x.v`\n`core/` [a](README.md) [b](NO.md#x)"
    assert missing_files(text) == ["NO.md", "hw/nowhere.py", "core/"]
    text = "`hw.config.CoreConfig` of `sim.nowhere`, not hw.text\npython -m hw.generate --list\npython -m nowhere.at"
    assert names(text) == {"hw.config.CoreConfig", "sim.nowhere", "hw.generate", "nowhere.at"}
    assert missing("hw.generate") is missing("hw.config.CoreConfig.macs_per_cycle") is None
    assert missing("hw.config.Nothing.more") == "hw.config.Nothing.more: there is no Nothing"
    assert missing("nowhere.at") == "nowhere.at: there is no nowhere"
