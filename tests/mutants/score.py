"""What the outcomes say of each module: how many mutants were tried, killed, and not."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["NETLISTS", "equivalent", "score", "table"]

_READ = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text())
EQUIVALENT, NETLISTS = _READ["equivalent"], _READ["netlist"]
"""Changed lines, and mutants of netlists, that mean the same, each with its reason."""


def equivalent(module: str, line: str) -> str:
    """Why a changed line of a module means what it meant before; empty if it does not."""
    for entry in EQUIVALENT:
        if re.fullmatch(entry["module"], module) and re.search(entry["line"], line):
            return entry["reason"]
    return ""


def _reason(record: dict) -> str:
    """Of a survivor, if it has one. That of a netlist's holds for this very netlist."""
    named = record["before"].split(" ")[0], record["after"]
    judged = (entry["reason"] for entry in NETLISTS if (entry["netlist"], entry["mutant"]) == named)
    return record.get("reason") or next(judged, "") or equivalent(record["module"], record["after"])


def score(records: Iterable[dict], totals: dict[str, int]) -> list[dict]:
    """A row for each module of ``totals`` (its mutants): counts, and the survivors, each with its reason or none."""
    rows = {module: {"module": module, "mutants": count, "tried": 0, "killed": 0, "equivalent": 0, "survivors": []}
            for module, count in totals.items()}  # fmt: skip
    for record in records:
        row = rows[record["module"]]
        row["tried"] += 1
        if record["outcome"] != "survived":
            row["killed"] += 1
            continue
        reason = _reason(record)
        row["equivalent"] += bool(reason)
        row["survivors"].append({"before": record["before"], "after": record["after"], "reason": reason or "none yet"})
    return list(rows.values())


def table(rows: list[dict]) -> str:
    """Rows of a table in Markdown, with their sum."""
    names = ("mutants", "tried", "killed", "equivalent")
    whole = {"module": "all"} | {name: sum(row[name] for row in rows) for name in names}
    lines = ["| module | mutants | tried | killed | equivalent | open | killed of those that can be |",
             "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for row in (*rows, whole):
        counts = [row[name] for name in names]
        can = row["tried"] - row["equivalent"]
        share = f"{100 * row['killed'] / can:.1f} %" if can else "–"
        lines.append(f"| {' | '.join(map(str, (row['module'], *counts, can - row['killed'], share)))} |")
    return "\n".join(lines)
