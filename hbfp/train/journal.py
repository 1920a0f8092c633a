"""Finished runs, kept in a file as they end: an experiment that was killed goes on where it was."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hbfp.train.run import Point

__all__ = ["Journal"]

ROOT = Path(__file__).parents[2]
ASIDE = {"__main__.py", "cost.py", "journal.py", "machine.py", "plots.py", "report.py", "storage.py"}
"""Of hbfp/train: they change no number."""


@cache
def _version() -> str:
    """Digest of the libraries' versions and of all code that a result may depend on."""
    digest = hashlib.sha256(f"{np.__version__} {torch.__version__}".encode())
    rooms = ("golden", "hbfp/torch", "hbfp/train")
    for path in sorted(path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".cpp")):
        if path.parent.name != "train" or path.name not in ASIDE:
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
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
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                if isinstance(entry["record"], dict):
                    self._records[entry["key"]] = entry["record"]
            except (ValueError, KeyError, TypeError, RecursionError):
                continue

    def known(self, points: Sequence[Point]) -> dict[Point, dict[str, Any]]:
        """Records of those points that were run before."""
        return {point: self._records[_key(point)] for point in points if _key(point) in self._records}

    def add(self, record: dict[str, Any], point: Point) -> None:
        """Note a finished run; it is on the disk when this returns."""
        self._records[_key(point)] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        entry = json.dumps({"key": _key(point), "record": record}, ensure_ascii=False)
        with open(self.path, "a+b") as file:
            cut = b""
            if file.tell():
                file.seek(-1, os.SEEK_END)
                cut = b"" if file.read(1) == b"\n" else b"\n"  # a line cut short before
            file.write(cut + entry.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _key(point: Point) -> str:
    return json.dumps([_version(), asdict(point), asdict(point.recipe)], ensure_ascii=False, sort_keys=True)
