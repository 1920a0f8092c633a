"""Case after case until told to stop, with what came of it."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hw.config import CoreConfig
from tests.soak.case import LARGEST, LINKS, Case, random_case, random_config
from tests.soak.links import MACHINES, Outcome
from tests.soak.reduce import reduced, write_test

__all__ = ["Summary", "outcome_of", "soak"]

PER_MACHINE = {"core": 400, "axi": 100, "serial": 30}
"""Cases on a machine before the next one is compiled."""
REDUCING = 300.0
"""Seconds for making a failure small."""


@dataclass
class Summary:
    """Counts of a run."""

    seed: int
    machines: Counter = field(default_factory=Counter)
    products: Counter = field(default_factory=Counter)
    faults: Counter = field(default_factory=Counter)
    told: int = 0
    stalled: int = 0
    bits: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, link: str, outcome: Outcome) -> None:
        """What a case gave."""
        self.products[link] += outcome.products
        self.faults.update({f"{link}: {name}": count for name, count in outcome.faults.items()})
        self.told += outcome.told
        self.stalled += outcome.stalled
        self.bits += outcome.bits

    def record(self) -> dict:
        """JSON-ready values."""
        counts = {name: dict(getattr(self, name)) for name in ("machines", "products", "faults")}
        return {
            "seed": self.seed, "seconds": round(self.seconds), **counts, "products_with_stalls": self.stalled,
            "errors_told": self.told, "different_bits": self.bits, "failures": self.failures,
        }  # fmt: skip


@contextmanager
def _machine(config: CoreConfig, link: str):
    machine = MACHINES[link](config)
    try:
        yield machine
    finally:
        machine.close()


def outcome_of(case: Case) -> Outcome:
    """A case on a machine of its own."""
    with _machine(case.config, case.link) as machine:
        return machine.run(case)


@contextmanager
def _own_cache() -> Iterator[Path]:
    """Compiled machines go to a folder that is removed; there are many, and none is needed twice."""
    before = os.environ.get("HBFP_CACHE")
    with TemporaryDirectory(prefix="soak-") as folder:
        os.environ["HBFP_CACHE"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("HBFP_CACHE")
            if before is not None:
                os.environ["HBFP_CACHE"] = before


def _cases(config: CoreConfig, link: str, rng, stop: Callable[[], bool]) -> Iterator[Case]:
    for _ in range(PER_MACHINE[link]):
        if stop():
            return
        yield random_case(config, link, rng)


def soak(
    seed: int, minutes: float, products: int | None = None, links: tuple[str, ...] = LINKS, into: Path = Path("build/soak"),
    say: Callable[[str], object] = print,
) -> Summary:  # fmt: skip
    """Random machines, links and products until the time, the number of products or Ctrl-C; the first failure ends it.

    A failure is made small and written as a test into the folder ``into``.
    """
    rng, summary, start = np.random.default_rng(seed), Summary(seed), time.monotonic()

    def stop() -> bool:
        late = time.monotonic() - start > 60 * minutes
        return late or bool(summary.failures) or (products is not None and sum(summary.products.values()) >= products)

    with _own_cache() as cache, suppress(KeyboardInterrupt):
        while not stop():
            link = links[sum(summary.machines.values()) % len(links)]
            config = random_config(rng, LARGEST[link])
            with _machine(config, link) as machine:
                summary.machines[link] += 1
                for case in _cases(config, link, rng, stop):
                    outcome = machine.run(case)
                    summary.add(link, outcome)
                    if outcome.failure:
                        say(f"{link} on {config.name}: {outcome.text}; making it smaller")
                        summary.failures.append(_kept(case, outcome, seed, into))
                        break
            say(f"{link:6} {config.name}: {sum(summary.products.values())} products, {summary.bits} different bits")
            for folder in cache.glob("*/*.so"):
                shutil.rmtree(folder.parent)
    summary.seconds = time.monotonic() - start
    return summary


def _kept(case: Case, outcome: Outcome, seed: int, into: Path) -> str:
    """Path of the test that a failure becomes."""

    def fails(candidate: Case) -> bool:
        return outcome_of(candidate).failure == outcome.failure

    smallest = case
    if fails(case):  # else it needs what the machine did before, or the clock of this machine
        smallest, _ = reduced(case, fails, REDUCING)
    return str(write_test(smallest, outcome.text, seed, into))
