"""Where the cycles of networks go, by cause: ``python -m bench.causes [--networks NAMES] [--layers]``; blocks, 4 bits."""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bench.networks import MACHINE, RATES, SHARES, WALKED
from sim import load
from sim.model import CoreModel
from sim.network.bounds import compute_bound, port_bound
from sim.network.cycles import product_cycles
from sim.network.parallel import Cluster
from sim.network.step.ways import Ways
from sim.study.report import quantity
from sim.workloads import NETWORKS, LayerProduct

__all__ = ["CAUSES", "Causes", "causes", "product_causes"]

CAUSES = ("steps", "edges", "A", "B", "drain", "output", "rest")
"""Useful steps of the array and those for edges that no row or column of C needs; then as in ``CoreModel.causes``."""


class Causes(NamedTuple):
    """Cycles by cause, and the two bounds."""

    cycles: Counter[str]
    compute_bound: float
    port_bound: float

    @property
    def cells(self) -> str:
        """Cells of a table: cycles, both bounds, and how many times the larger one each cause takes."""
        bound = max(self.compute_bound, self.port_bound)
        totals = (sum(self.cycles.values()), self.compute_bound, self.port_bound)
        shares = [sum(self.cycles.values()) / bound, *(self.cycles[name] / bound for name in CAUSES)]
        return " | ".join([*(quantity(total).strip() for total in totals), *(f"{share:.2f}" for share in shares)])


def product_causes(product: LayerProduct) -> Causes:
    """A product on the machine of ``bench.networks``, with the plan and the rates that suit it best."""
    memory = WALKED.behind(MACHINE)
    ways = Ways(MACHINE, memory, Cluster(), (RATES, *SHARES), product_cycles, prefetch=False, latency=0)
    best = ways.best(product, 4)
    model = CoreModel(MACHINE, best.rates or RATES)
    model.run(ways.commands(product, 4, best.window))
    bound = compute_bound(MACHINE, product, 4)
    found = Counter(model.causes)
    found["edges"], found["steps"] = found["steps"] - bound, bound  # type: ignore[assignment]
    return Causes(found, bound, port_bound(MACHINE, product, 4, memory, RATES))


def causes(network: str, training: bool, batch: int, layers: bool = False) -> Iterator[str]:
    """Rows of the table: of every distinct product, with how often there is one, or of the network."""
    counts = Counter(product for _, product in load(network, batch=batch).products(training))
    total, compute, port = Counter[str](), 0.0, 0.0
    mode = "training step" if training else "inference"
    for product, count in counts.items():
        one = product_causes(product)
        if layers:
            sizes = f"{product.m} x {product.k} x {product.n}" + f", {product.repeats} times" * (product.repeats > 1)
            yield f"| {network} | {product.stage} | {batch} | {count} of {sizes} | {one.cells} |"
        for name, cycles in one.cycles.items():
            total[name] += count * cycles
        compute, port = compute + count * one.compute_bound, port + count * one.port_bound
    if not layers:
        yield f"| {network} | {mode} | {batch} | {Causes(total, compute, port).cells} |"


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.causes", description=__doc__)
    parser.add_argument("--networks", default=",".join(NETWORKS), metavar="NAMES", help="which (default: all)")
    parser.add_argument("--layers", action="store_true", help="a row for each distinct product")
    options = parser.parse_args(arguments)
    titles = ["network", "", "batch", *(["products"] if options.layers else []), "cycles", "compute bound", "port bound"]
    titles += ["cycles / bound", *CAUSES]
    print("| " + " | ".join(titles) + " |\n|" + "---|" * (3 + options.layers) + "--:|" * (4 + len(CAUSES)))
    for network in options.networks.split(","):
        for training in (False, True):
            for batch in (1, 16):
                for row in causes(network, training, batch, options.layers):
                    print(row, flush=True)


if __name__ == "__main__":
    main()
