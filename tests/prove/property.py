"""A property, how it is proved, and what came of it."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.prove.bench import Bench, Stage
from tests.prove.solvers import Change, Unfinished, ask, circuit, formula, invariant, search, unchanged

__all__ = ["Proof", "Property", "Result", "every_input", "every_time", "some_cycles"]

Proof = Callable[[Path, float, Change], None]
"""In a folder, within so many seconds, of the design as a change of its Verilog leaves it; raises ``Refuted`` or ``Unfinished``."""


@dataclass(frozen=True)
class Result:
    """What came of a property: "proved", or why not.

    Attributes
    ----------
    seconds
        of processor time, the emission of the design included.
    """

    name: str
    words: str
    bound: str
    result: str
    seconds: float

    def to_dict(self) -> dict:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Property:
    """Something that is to hold of the emitted Verilog.

    Parameters
    ----------
    name
        kind and design, as "stream/gearbox".
    words
        what holds.
    bound
        of which inputs and how long: "every input", "all time", "the first 20 cycles".
    proof
        tries to prove it.
    seconds
        after which a solver's call is stopped.
    quick
        it is among the tests of every run.
    """

    name: str
    words: str
    bound: str
    proof: Proof
    seconds: float = 120
    quick: bool = False

    def check(self, change: Change = unchanged) -> None:
        """Prove it; raises ``Refuted`` or ``Unfinished``."""
        with tempfile.TemporaryDirectory() as folder:
            self.proof(Path(folder), self.seconds, change)

    def run(self) -> Result:
        """Try to prove it. A property that does not hold is no result: it raises."""
        start, result = _processor_time(), "proved"
        try:
            self.check()
        except Unfinished as reason:
            result = str(reason)
        return Result(self.name, self.words, self.bound, result, round(_processor_time() - start, 1))


def _processor_time() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime + time.process_time()


def every_input(bench: Callable[[], Bench], cases: Iterable[dict[str, int]] = ({},)) -> Proof:
    """By a formula that Bitwuzla finds unsatisfiable, once for each of ``cases``: numbers in the place of inputs."""

    def prove(folder: Path, seconds: float, change: Change) -> None:
        text = formula(bench(), folder, change)
        for constants in cases:
            ask(text, folder, seconds, constants)

    return prove


def every_time(stage: Callable[[], Stage]) -> Proof:
    """By an inductive invariant that ABC finds."""

    def prove(folder: Path, seconds: float, change: Change) -> None:
        circuit(stage(), folder, change)
        invariant(folder, seconds)

    return prove


def some_cycles(stage: Callable[[], Stage], cycles: int) -> Proof:
    """By ABC's search through every run of so many cycles after reset."""

    def prove(folder: Path, seconds: float, change: Change) -> None:
        circuit(stage(), folder, change)
        search(folder, cycles, seconds)

    return prove
