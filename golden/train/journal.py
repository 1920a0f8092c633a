"""Finished runs, kept in a file as they end: an interrupted experiment goes on where it was."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from golden.train.experiment import Point

__all__ = ["Journal"]

ASIDE = {"__main__.py", "experiment.py", "journal.py", "report.py"}  # of golden/train; they change no number


@cache
def _version() -> str:
    """Digest of NumPy's version and all of golden that a result may depend on."""
    digest = hashlib.sha256(np.__version__.encode())
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        if path.parent.name != "train" or path.name not in ASIDE:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


class Journal:
    """One line of JSON per run, under a key of the run, the code and the task's recipe.

    Parameters
    ----------
    path
        of the file; made when first written. A line cut short by an interruption is ignored.
    """

    def __init__(self, path: Path):
        self.path = path
        self._records: dict[str, dict[str, Any]] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self._separator = "\n" if text and not text.endswith("\n") else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                self._records[entry["key"]] = entry["record"]
            except (json.JSONDecodeError, KeyError, TypeError):
                continue

    def known(self, points: Sequence[Point]) -> dict[Point, dict[str, Any]]:
        """Records of those points that were run before."""
        return {point: self._records[_key(point)] for point in points if _key(point) in self._records}

    def add(self, record: dict[str, Any], point: Point) -> None:
        """Note a finished run."""
        self._records[_key(point)] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            entry = json.dumps({"key": _key(point), "record": record}, ensure_ascii=False)
            file.write(f"{self._separator}{entry}\n")
        self._separator = ""


def _key(point: Point) -> str:
    return json.dumps([_version(), asdict(point), asdict(point.recipe)], ensure_ascii=False, sort_keys=True)
