"""Outcomes of mutants in a file of JSON lines, so that a run goes on where one before it ended."""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.mutants.source import ROOT, Mutant, digest

__all__ = ["FILE", "Results"]

FILE = ROOT / "build" / "mutants" / "results.jsonl"


def _tests(tests: Iterable[str]) -> str:
    """A name of the text of tests."""
    return digest(*((ROOT / test).read_text() for test in tests))


class Results:
    """What is known. An outcome holds as long as its module does not change; that of a survivor, as long as its tests do
    not either. A file that is removed is made anew.

    Parameters
    ----------
    path
        of the file, made when needed.
    """

    def __init__(self, path: Path = FILE):
        self.path = path
        self._known = {}
        if path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                self._known[record["key"], record["stage"]] = record

    def find(self, mutant: Mutant, stage: str, tests: list[str]) -> dict | None:
        """The outcome of a mutant, if it is known."""
        record = self._known.get((mutant.key, stage))
        if record is None or record["text"] != digest(mutant.text()):
            return None
        return None if record["outcome"] == "survived" and record["tests"] != _tests(tests) else record

    def add(self, mutant: Mutant, stage: str, tests: list[str], outcome: str, seconds: float) -> dict:
        """Note an outcome at once."""
        before, after = mutant.change()
        record = {
            "key": mutant.key, "stage": stage, "module": mutant.module, "line": mutant.line, "outcome": outcome,
            "before": before, "after": after, "seconds": round(seconds, 2), "text": digest(mutant.text()),
            "tests": _tests(tests),
        }  # fmt: skip
        self._known[mutant.key, stage] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as file:
            file.write(json.dumps(record) + "\n")
        return record
