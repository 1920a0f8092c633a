"""Results of proofs as JSON, and as the table of docs/proofs.md."""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.prove.property import Result

__all__ = ["PAGE", "RESULTS", "ROOT", "markdown", "read", "replace_between", "write"]

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "docs/proofs.json", ROOT / "docs/proofs.md"
BEGIN, END = "<!-- proofs -->", "<!-- /proofs -->"


def markdown(results: Sequence[Result]) -> str:
    """The table; seconds are of processor time."""
    lines = ["| what | property | holds for | result | seconds |", "| --- | --- | --- | --- | ---: |"]
    lines += [f"| {r.name} | {r.words} | {r.bound} | {r.result} | {r.seconds:.1f} |" for r in results]
    return "\n".join(lines)


def read() -> list[Result]:
    """The results kept in docs/proofs.json."""
    return [Result(**values) for values in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def write(results: Sequence[Result]) -> None:
    """Keep the results and put their table into the page."""
    RESULTS.write_text(json.dumps([result.to_dict() for result in results], indent=1, ensure_ascii=False) + "\n")
    replace_between(BEGIN, END, markdown(results))


def replace_between(begin: str, end: str, text: str) -> None:
    """Put a text between two marks of the page."""
    before, rest = PAGE.read_text().split(begin)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")
