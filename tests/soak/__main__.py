"""Random machines and products against golden until told to stop: ``python -m tests.soak``."""

import argparse
import json
import secrets
import signal
import sys
from pathlib import Path

from tests.soak.case import LINKS
from tests.soak.run import soak


def main(arguments: list[str] | None = None) -> int:
    """Soak, print the summary as JSON; the status is 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these (default: at Ctrl-C)")
    parser.add_argument("--products", type=int, help="stop after so many")
    parser.add_argument("--seed", type=int, help="of a run to repeat (default: another one each time)")
    parser.add_argument("--link", choices=LINKS, action="append", help="only this one; may be given again (default: all)")
    parser.add_argument("--into", type=Path, default=Path("build/soak"), help="folder for the test that a failure becomes")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    for name in (signal.SIGINT, signal.SIGTERM):  # a shell lets its background jobs ignore the first
        signal.signal(name, signal.default_int_handler)
    print(f"seed {seed}", flush=True)
    summary = soak(
        seed, options.minutes, options.products, tuple(options.link or LINKS), options.into,
        lambda text: print(text, flush=True),
    )  # fmt: skip
    print(json.dumps(summary.record(), indent=2))
    for path in summary.failures:
        print(f"failed; run: pytest {path}")
    return int(bool(summary.failures))


if __name__ == "__main__":
    sys.exit(main())
