"""A product on a core: the way in which it is done first, and what it moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hw.config import CoreConfig
from sim.model import Rates
from sim.network.cycles import OUTPUT_FORMATS, Cycles, product_commands
from sim.network.memory import Memory, Traffic, row_bits
from sim.network.parallel import Cluster, split
from sim.network.plan import Command, Loop, panels
from sim.network.step.prefetch import Work, after, in_one_run
from sim.network.walks import walk_traffic, walkable
from sim.workloads import Layer, LayerProduct
from sim.workloads.window import Window

__all__ = ["Way", "Ways", "product_traffic"]


class Way(NamedTuple):
    """How a product is done: the counters after all its repeats alone, the rates, and the window of a map that is walked."""

    cycles: Cycles
    rates: Rates | None
    window: Window | None


@dataclass(frozen=True)
class Ways:
    """Everything a product's row depends on beside the product; members as of ``sim.estimate``, ``rates`` all that it may take."""

    config: CoreConfig
    memory: Memory
    cluster: Cluster
    rates: tuple[Rates | None, ...]
    cycles: Callable[..., Cycles]
    prefetch: bool
    latency: int

    def _forms(self, part: LayerProduct) -> dict[str, Any]:
        return {"operands": self.memory.operands, "results": self.memory.results, "repeats": part.repeats}

    def best(self, part: LayerProduct, width: int) -> Way:
        """The way in which a product alone is done first on one core."""
        sizes, ways = (self.config, part.m, part.k, part.n, width, width), []
        for window in (None, part.window) if self._walks(part) else (None,):
            forms = self._forms(part) | ({} if window is None else {"window": window})
            ways += [Way(self.cycles(*sizes, rates=rates, **forms), rates, window) for rates in self.rates]
        return min(ways, key=lambda way: way.cycles.total)

    def moved(self, part: LayerProduct, width: int, window: Window | None) -> Traffic:
        """What all repeats of a product move, its map walked or not."""
        if window is None:
            return product_traffic(self.config, part, width, self.memory)
        output = OUTPUT_FORMATS[self.memory.results]
        return walk_traffic(self.config, window, part.n, width, self.memory, output).scaled(part.repeats)

    def commands(self, part: LayerProduct, width: int, window: Window | None) -> tuple[Command | Loop, ...]:
        """Those of all repeats of a product, its map walked or not."""
        return product_commands(self.config, part.m, part.k, part.n, width, width, window=window, **self._forms(part))

    def step(self, products: Sequence[tuple[Layer, LayerProduct]], widths: Sequence[int]) -> list[Cycles]:
        """Counters of each of a network's products in one run of a core, to which what need not wait is sent ahead."""
        works: list[Work] = []
        done: dict[tuple[LayerProduct, int], Work] = {}
        for (layer, product), width in zip(products, widths, strict=True):
            part, _ = split(layer, product, self.cluster)
            if (part, width) not in done:
                best = self.best(part, width)
                done[part, width] = Work(self.commands(part, width, best.window), best.rates or Rates())
            works.append(done[part, width])
        return in_one_run(self.config, works, list(after(products)), self.latency)

    def _walks(self, part: LayerProduct) -> bool:
        """Whether the core can take the map of a convolution, all of which it gets, instead of its patches."""
        window, output = part.window, OUTPUT_FORMATS[self.memory.results]
        if window is None or self.memory.patches != "gathered" or self.rates[0] is None:
            return False
        return part.m == window.rows and walkable(self.config, window, part.n, output)


def product_traffic(config: CoreConfig, product: LayerProduct, width: int, memory: Memory) -> Traffic:
    """Bits that all repeats of a product of matrices move to and from memory: what passes the ports.

    Partial sums stay in the units, so C is written once, and an operand that stays in its buffer is read once.
    """
    m, k, n = product.m, product.k, product.n
    block = (width, config.block_size, config.exponent_width)
    a: float = m * row_bits(k, memory.operand_storage, *block)
    b: float = n * row_bits(k, memory.operand_storage, *block)
    c: float = m * row_bits(n, memory.results, *block)
    if memory.patches == "gathered":
        sizes = (m * k, k * n, m * n)
        shares = (tensor / (size * product.repeats) for tensor, size in zip(product.tensors, sizes, strict=True))
        a, b, c = (bits * share for bits, share in zip((a, b, c), shares, strict=True))
    loads_a, loads_b = panels(config, m, k, n, OUTPUT_FORMATS[memory.results]).loads
    return Traffic(a * loads_a, b * loads_b, c).scaled(product.repeats)
