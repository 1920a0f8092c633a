"""All speed figures: ``python -m bench [--json] [NAME ...]``."""

import argparse
import json
from importlib import import_module

from rich.console import Console

BENCHES = ("golden", "simulator", "driver", "torch")


def main(arguments: list[str] | None = None) -> None:
    """Measure one bench after another and print their tables, or one JSON object of all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f"name must be one of {', '.join(BENCHES)}, not {unknown[0]}")
    results = {}
    for name in options.names or BENCHES:
        bench = import_module(f"bench.{name}")
        with Console(stderr=True).status(f"measuring {name}"):
            results[name] = bench.measure()
        if not options.json:
            bench.show(results[name], Console())
    if options.json:
        print(json.dumps({name: [f._asdict() for f in figures] for name, figures in results.items()}, indent=2))


if __name__ == "__main__":
    main()
