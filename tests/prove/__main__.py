"""``python -m tests.prove``: prove every property, or those asked for, and show or keep the results."""

import argparse
import sys
from pathlib import Path

from synth.mapping.flow import BUILD
from synth.mapping.liberty import LibraryError
from tests.prove import quoted, table
from tests.prove.properties import PROPERTIES
from tests.prove.property import Result
from tests.prove.solvers import Refuted

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 where a property does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description="Prove properties of the emitted Verilog.")
    parser.add_argument("only", nargs="*", help="properties whose names contain one of these (default: all)")
    parser.add_argument("--list", action="store_true", help="name them and stop")
    parser.add_argument("--quick", action="store_true", help="those among the tests of every run")
    parser.add_argument("--keep", action="store_true", help="put the results into docs/proofs.json and docs/proofs.md")
    parser.add_argument("--library", metavar="LIBRARY", help="prove the netlists that docs/density.md quotes from this library "
                        "instead, part by part; ONLY are formats then")  # fmt: skip
    parser.add_argument("--build", type=Path, default=BUILD, metavar="FOLDER", help=f"of netlists mapped before (default: {BUILD})")
    options = parser.parse_args(arguments)
    if options.library:
        return netlists(parser, options)
    chosen = [
        prop for prop in PROPERTIES
        if (not options.quick or prop.quick) and (not options.only or any(word in prop.name for word in options.only))
    ]  # fmt: skip
    if not chosen:
        parser.error(f"only must be part of a property's name, not {' '.join(options.only)}")
    refuted = 0
    for prop in chosen:
        if options.list:
            print(prop.name)
            continue
        try:
            result = prop.run()
            print(f"{result.seconds:7.1f} s  {prop.name}: {result.result}", flush=True)
        except Refuted as error:
            refuted, result = refuted + 1, None
            print(f"{'':9}  {prop.name}: DOES NOT HOLD, {error}", flush=True)
        if options.keep:
            keep(prop.name, result)
    return 1 if refuted else 0


def netlists(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Returns 1 where a netlist is not what the Verilog says."""
    results = []
    try:
        for result in quoted.check(options.library, options.only, build=options.build):
            results.append(result)
            print(f"{result.seconds:7.1f} s  {result.format}: {result.part}: {result.how}", flush=True)
            if options.keep:
                quoted.keep(results)
    except LibraryError as error:
        parser.error(str(error))
    except Refuted as error:
        print(f"{'':9}  DOES NOT HOLD, {error}", flush=True)
        return 1
    if not results:
        parser.error(f"library must be one that areas are quoted from, and only formats quoted, not {options.library}")
    return 0


def keep(name: str, result: Result | None) -> None:
    """Put a result beside those that are kept, in the order of the properties, and say which of these have none."""
    results = {kept.name: kept for kept in table.read()} | {name: result}
    table.write([results.get(prop.name) or Result(prop.name, prop.words, prop.bound, "not run", 0.0) for prop in PROPERTIES])


if __name__ == "__main__":
    sys.exit(main())
