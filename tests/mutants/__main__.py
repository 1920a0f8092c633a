"""Mutants against the tests nearest to them: ``python -m tests.mutants [MODULE ...]``. Goes on where it was stopped."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.mutants import recorded
from tests.mutants.components import COMPONENTS
from tests.mutants.nearest import MODULES, nearest, whole
from tests.mutants.netlist import netlist_mutants
from tests.mutants.results import Results
from tests.mutants.score import equivalent, score, table
from tests.mutants.source import Mutant, mutants
from tests.mutants.trial import change, prepare, trial

SECONDS = 60.0
"""A mutant that takes longer than this is killed by the clock."""
SAMPLED = [module for module in MODULES if module.startswith("golden/") and "convolution" not in module]
"""Modules whose nearest tests take a second or two."""


def sample(count: int) -> list[Mutant]:
    """Mutants that tests can kill, always the same ones as long as their lines are."""
    found = []
    for mutant in sorted((m for module in SAMPLED for m in mutants(module)), key=lambda m: m.key):
        if mutant.compiles() and not equivalent(mutant.module, mutant.change()[1]):
            found.append(mutant)
        if len(found) == count:
            break
    return found


def run_sample(count: int) -> int:
    """Try a sample; the status is 1 if a mutant survives."""
    alive = 0
    for mutant in sample(count):
        if trial(partial(change, mutant), nearest(mutant.module), SECONDS)[0] == "survived":
            alive += 1
            before, after = mutant.change()
            tests = " ".join(nearest(mutant.module))
            print(f"{mutant.module}:{mutant.line} survived {tests}\n  {before}\n  {after}", flush=True)
    print(f"{count - alive} of {count} mutants killed")
    return int(alive > 0)


def _make(mutant: Mutant) -> None:
    """In a child: the mutant, and for the model what compiled Verilog counted."""
    change(mutant)
    if mutant.module.startswith("sim/"):
        recorded.replay()


def run(module: str, todo: list, results: Results, deadline: float, stage: str) -> list[dict]:
    """Try the mutants of a module that are not known, until the deadline; everything that is known then."""
    records = []
    for mutant in todo:
        tests = whole(module) if stage == "whole" else nearest(module)
        record = results.find(mutant, stage, tests)
        if record is None and time.monotonic() < deadline and mutant.compiles():
            outcome, seconds = trial(partial(_make, mutant), tests, SECONDS)
            record = results.add(mutant, stage, tests, outcome, seconds)
        if record:
            records.append(record)
    return records


def run_source(modules: list[str], most: int | None, deadline: float, again: bool) -> list[dict]:
    """Rows of the score of Python modules, of each at most so many mutants."""
    results, records, totals = Results(), [], {}
    for module in modules:
        if module.startswith("sim/"):  # after those of golden
            recorded.record()
            prepare(*recorded.UNCHANGED)
        every = mutants(module)
        totals[module] = sum(mutant.compiles() for mutant in every)
        todo = sorted(every, key=lambda m: m.key)[:most]
        found = run(module, todo, results, deadline, "nearest")
        if again:
            alive = {record["key"] for record in found if record["outcome"] == "survived"}
            run(module, [mutant for mutant in todo if mutant.key in alive], results, deadline, "whole")
        records += found
        print(table(score(found, {module: totals[module]})).splitlines()[2], flush=True)
    return score(records, totals)


def main(arguments: list[str] | None = None) -> int:
    """Try mutants and print a table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as golden/dot.py or hw/core/loader.py (default: all)")
    parser.add_argument("--sample", type=int, metavar="N", help="N mutants of golden alone, all of which must be killed")
    parser.add_argument("--each", type=int, metavar="N", help="at most N mutants of each module of Python (default: all)")
    parser.add_argument("--netlist", type=int, default=16, metavar="N", help="mutants of each netlist (default: 16)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these (default: none)")
    parser.add_argument("--whole", action="store_true", help="try survivors against all tests of their room, too")
    parser.add_argument("--json", type=Path, help="file for the rows of the table and all survivors")
    options = parser.parse_args(arguments)
    known = [*MODULES, *COMPONENTS]
    unknown = [module for module in options.modules if module not in known]
    if unknown:
        parser.error(f"module must be one of {', '.join(known)}, not {unknown[0]}")
    prepare()
    if options.sample:
        return run_sample(options.sample)
    chosen, deadline = options.modules or known, time.monotonic() + 60 * options.minutes
    parts: list[Callable[[], list[dict]]] = [
        lambda: run_source([m for m in chosen if m in MODULES], options.each, deadline, options.whole),
        lambda: netlist_mutants([m for m in chosen if m in COMPONENTS], options.netlist, deadline),
    ]
    rows = [row for part in parts for row in part()]
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
