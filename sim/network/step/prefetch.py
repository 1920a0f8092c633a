"""The products of a network in one run of the core, whose operands are sent ahead where they need no results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hw.config import CoreConfig
from sim.model import CoreModel, Rates
from sim.network.cycles import Cycles
from sim.network.plan import Command, Loop
from sim.workloads import FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, Layer, LayerProduct

__all__ = ["Work", "after", "in_one_run"]


@dataclass(frozen=True)
class Work:
    """A product on a core: its commands, and the rates of the ports from the last beat of the C before to its own."""

    commands: tuple[Command | Loop, ...]
    rates: Rates


def after(products: Sequence[tuple[Layer, LayerProduct]]) -> Iterator[tuple[int, int]]:
    """For each of a network's products in order, the one whose results its A waits for, and its B; -1 for none.

    Each layer is taken to need the one before. A forward product's A then waits, and its B only where that is an activation,
    too. Of a gradient it is the operand dC that waits, for the layer's before; the other is of the forward pass. The two
    gradients of a layer do not wait for each other, and only in attention does another layer's wait for both.
    """
    ready = before = -1
    for number, (layer, product) in enumerate(products):
        if product.stage != WEIGHT_GRADIENT or not layer.input_gradient:
            before = ready
        if product.stage == FORWARD:
            yield before, -1 if layer.weights else before
        else:
            yield (before, -1) if product.stage == INPUT_GRADIENT else (-1, before)
        if product.stage in (FORWARD, INPUT_GRADIENT) or not layer.weights:
            ready = number


def in_one_run(
    config: CoreConfig, works: Sequence[Work], waits: Sequence[tuple[int, int]], latency: int = 0
) -> list[Cycles]:
    """Counters of products one after another, exact in all; each one's time is from the last beat of the C before to its own.

    Commands are sent as soon as the core takes them, and operands as soon as the loaders do, but for those that wait for
    results: they come ``latency`` cycles after these might have come back. Before the first product the core is reset; the
    last one's time ends when the core is idle.

    Parameters
    ----------
    works, waits
        the products, and for each as of ``after`` those whose results its A and its B wait for.
    """
    model = CoreModel(config, works[0].rates, latency=latency)
    left, seen = [-1], [(0, 0, 0)]

    def commands() -> Iterator[Command | Loop]:
        for work, (a, b) in zip(works, waits, strict=True):
            model.deal(work.rates)
            model.hold(left[a + 1], left[b + 1])
            yield from work.commands
            left.append(model.left)
            counters = model.counters
            seen.append((counters["busy"], counters["stalled_load"], counters["stalled_store"]))

    model.run(commands())
    ends = [0, *(time + 1 for time in left[1:-1]), model.cycles]
    return [
        Cycles(ends[i + 1] - ends[i], *(new - old for new, old in zip(seen[i + 1], seen[i], strict=True)))
        for i in range(len(works))
    ]
