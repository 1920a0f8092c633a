"""Cycles of every network in every mode of docs/simulator.md: ``python -m bench.networks [--json|--bounds|--prefetch]``."""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from hw.config import CoreConfig
from sim import Memory, estimate, load
from sim.model import Rates
from sim.network.result import Estimate
from sim.study.report import quantity
from sim.workloads import NETWORKS

__all__ = ["MACHINE", "RATES", "SCHEDULES", "STREAMS", "WALKED", "ahead", "bounded", "bounds", "cycles", "table"]

MACHINE = CoreConfig(
    mantissa_widths=(4, 6), tile_rows=8, tile_columns=64, mesh_rows=2, lanes=64, result_panels=4, load_lines=4,
    result_streams=2, features=("packed", "requantize", "patches"),
)  # fmt: skip
"""1024 units, 16 rows of 64: an output tile is a block of a row of C wide, and leaves two rows per cycle."""
RATES = Rates(operands=Fraction(8, 32), c=Fraction(4, 64))
"""Of streams of 64 words: 64 bytes per cycle for A and B together, 32 for the two of C."""
SHARES = tuple(Rates(operands=Fraction(part, 32), c=Fraction(12 - part, 64)) for part in (4, 6, 10))
"""Other ways to deal the same 96 bytes."""
FORMER = (
    replace(MACHINE, load_lines=1, result_streams=1, features=("packed", "requantize")),
    Rates(a=Fraction(1, 8), b=Fraction(1, 8), c=Fraction(1, 8)),
)  # fmt: skip
"""The same machine with a line at a time, three streams of 32 bytes, and patches that are unfolded outside."""
WALKED = Memory(operands="packed", results="packed", patches="gathered")
"""In which the machine takes the maps of convolutions."""
STREAMS = {"FP32": Memory(operands="fp32", results="fp32"), "blocks": Memory(operands="packed", results="packed")}
SCHEDULES = ("all-4", "all-6", "booster")


def cycles(network: str, training: bool) -> dict[str, dict[str, float]]:
    """Cycles of a step at batch 1 through three fixed streams, by what they carry and by schedule."""
    workload, (machine, rates) = load(network), FORMER
    return {
        name: {
            schedule: estimate(
                workload, machine, schedule=schedule, training=training, memory=memory, rates=rates
            ).cycles
            for schedule in SCHEDULES
        }
        for name, memory in STREAMS.items()
    }  # fmt: skip


def bounded(network: str, training: bool, batch: int, prefetch: bool = False) -> Estimate:
    """A network in blocks of 4 bits on one port, dealt by product; maps of convolutions where that is faster."""
    workload, port = load(network, batch=batch), {"memory": WALKED, "rates": RATES, "shares": SHARES}
    return estimate(workload, MACHINE, training=training, prefetch=prefetch, **port)


def _lines(networks: Iterable[str], titles: str, cells: Callable[[str, bool, int], Iterable[str]]) -> Iterator[str]:
    """A table in Markdown of every network in either mode, at batch 1 and 16."""
    yield f"| network | | batch | {titles} |"
    yield "|---|---|--:|" + "--:|" * (titles.count("|") + 1)
    for network in networks:
        for training in (False, True):
            for batch in (1, 16):
                mode = "training step" if training else "inference"
                yield f"| {network} | {mode} | {batch} | {' | '.join(cells(network, training, batch))} |"


def bounds(networks: Iterable[str] = NETWORKS) -> Iterator[str]:
    """Cycles with three fixed streams and with the port dealt by product, both bounds and the ratio in Markdown; blocks, 4 bits."""

    def cells(network: str, training: bool, batch: int) -> Iterator[str]:
        before = {"rates": FORMER[1], "memory": STREAMS["blocks"], "training": training}
        yield quantity(estimate(load(network, batch=batch), FORMER[0], **before).cycles).strip()
        result = bounded(network, training, batch).summary()
        yield from (quantity(result[name]).strip() for name in ("cycles", "compute_bound", "port_bound"))
        yield f"{result['times_bound']:.2f}"

    return _lines(networks, "three streams | one port | compute bound | port bound | cycles / bound", cells)


def ahead(networks: Iterable[str] = NETWORKS) -> Iterator[str]:
    """Cycles of products one after another and with operands sent ahead, the larger bound and both ratios in Markdown."""

    def cells(network: str, training: bool, batch: int) -> Iterator[str]:
        alone, sent = (bounded(network, training, batch, prefetch) for prefetch in (False, True))
        yield from (quantity(value).strip() for value in (alone.cycles, sent.cycles, sent.least_cycles))
        yield from (f"{result.cycles / result.least_cycles:.2f}" for result in (alone, sent))

    return _lines(networks, "one after another | sent ahead | larger bound | cycles / bound | sent ahead", cells)


def table(results: dict[tuple[str, bool], dict]) -> str:
    """The results in Markdown."""
    titles = [f"{name}, {schedule}" for name in STREAMS for schedule in SCHEDULES]
    lines = ["| network | | " + " | ".join(titles) + " |", "|---|---|" + "---:|" * len(titles)]
    for (network, training), values in results.items():
        mode = "training step" if training else "inference"
        numbers = [quantity(values[name][schedule]).strip() for name in STREAMS for schedule in SCHEDULES]
        lines.append(f"| {network} | {mode} | " + " | ".join(numbers) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print the table, or the cycles as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.networks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--bounds", action="store_true", help="print cycles in blocks beside their bounds, batch 1 and 16")
    parser.add_argument("--prefetch", action="store_true", help="print what sending operands ahead changes, batch 1 and 16")
    networks = "of --bounds and --prefetch (default: all)"
    parser.add_argument("--networks", default=",".join(NETWORKS), metavar="NAMES", help=networks)
    options = parser.parse_args(arguments)
    if options.bounds or options.prefetch:
        for line in (bounds if options.bounds else ahead)(options.networks.split(",")):
            print(line, flush=True)
        return
    results = {(network, training): cycles(network, training) for network in NETWORKS for training in (False, True)}
    if options.json:
        named = [{"network": name, "training": training} | values for (name, training), values in results.items()]
        print(json.dumps({"machine": FORMER[0].to_dict(), "cycles": named}, indent=2))
    else:
        print(table(results))


if __name__ == "__main__":
    main()
