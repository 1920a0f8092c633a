"""Mutants against their nearest tests: ``python -m tests.mutants [MODULE ...]``."""

import argparse
import sys
import time
from functools import partial

from tests.mutants.nearest import MODULES, nearest, whole
from tests.mutants.results import Results
from tests.mutants.source import mutants
from tests.mutants.trial import change, prepare, trial

SECONDS = 60


def chosen(modules: list[str], most: int | None) -> list:
    """Mutants of modules, of each at most ``most``, the same ones every time."""
    return [m for module in modules for m in sorted(mutants(module), key=lambda m: m.key)[:most]]


def run(todo, stage: str, results: Results, deadline: float, say=print) -> list[dict]:
    """Try what is not known, until the deadline; everything that is known then."""
    records = []
    for mutant in todo:
        tests = nearest(mutant.module) if stage == "nearest" else whole(mutant.module)
        record = results.find(mutant, stage, tests)
        if record is None and time.monotonic() < deadline and mutant.compiles():
            outcome, seconds = trial(partial(change, mutant), tests, SECONDS, conftest="sim" in mutant.module)
            record = results.add(mutant, stage, tests, outcome, seconds)
            if outcome == "survived":
                say(f"{mutant.module}:{mutant.line} survived the {stage} tests\n  {record['before']}\n  {record['after']}")
        if record:
            records.append(record)
    return records


def main(arguments: list[str] | None = None) -> int:
    """Try mutants, print survivors and the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as golden/dot.py (default: all)")
    parser.add_argument("--each", type=int, metavar="N", help="at most N mutants of each module (default: all)")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after these (default: 60)")
    parser.add_argument("--whole", action="store_true", help="try survivors against all tests of their room, too")
    options = parser.parse_args(arguments)
    unknown = [module for module in options.modules if module not in MODULES]
    if unknown:
        parser.error(f"module must be one of {', '.join(MODULES)}, not {unknown[0]}")
    prepare()
    results, deadline = Results(), time.monotonic() + 60 * options.minutes
    todo = chosen(options.modules or MODULES, options.each)
    records = run(todo, "nearest", results, deadline)
    alive = [r for r in records if r["outcome"] == "survived"]
    if options.whole:
        by_key = {mutant.key: mutant for mutant in todo}
        run([by_key[record["key"]] for record in alive], "whole", results, deadline)
    print(len(todo), len(records), len(alive))
    return 0


if __name__ == "__main__":
    sys.exit(main())
