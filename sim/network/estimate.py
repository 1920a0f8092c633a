"""A whole network on a machine: every product's cycles, traffic and bound, and their totals."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from hw.config import CoreConfig
from sim.model import Rates
from sim.network.bounds import compute_bound, port_bound, port_width
from sim.network.cycles import OUTPUT_FORMATS, Cycles, check_width, product_cycles
from sim.network.memory import Memory, Traffic, element_bits, row_bits
from sim.network.parallel import Cluster, exchange_cycles, split
from sim.network.plan import panels
from sim.network.result import Estimate, ProductRow, TrainingRun
from sim.network.synthesis import Physical
from sim.network.walks import walk_traffic, walkable
from sim.workloads import Layer, LayerProduct, WidthSchedule, Workload, load
from sim.workloads import schedule as find_schedule

__all__ = ["estimate", "product_traffic"]


@dataclass(frozen=True)
class _Machine:
    """Everything a product's row depends on beside the product."""

    config: CoreConfig
    memory: Memory
    cluster: Cluster
    rates: tuple[Rates | None, ...]
    cycles: Callable[..., Cycles]

    def product(self, part: LayerProduct, width: int) -> tuple[Cycles, Traffic]:
        """Counters after all repeats of a product on one core, and what these move."""
        forms = {"operands": self.memory.operands, "results": self.memory.results, "repeats": part.repeats}
        counted = [
            self.cycles(self.config, part.m, part.k, part.n, width, width, rates=rates, **forms) for rates in self.rates
        ]
        best = min(counted, key=lambda cycles: cycles.total)
        if part.window is not None and self._walks(part):
            walked = [
                self.cycles(self.config, part.m, part.k, part.n, width, width, rates=rates, window=part.window, **forms)
                for rates in self.rates
            ]
            least = min(walked, key=lambda cycles: cycles.total)
            if least.total < best.total:
                output = OUTPUT_FORMATS[self.memory.results]
                moved = walk_traffic(self.config, part.window, part.n, width, self.memory, output)
                return least, moved.scaled(part.repeats)
        return best, product_traffic(self.config, part, width, self.memory)

    def _walks(self, part: LayerProduct) -> bool:
        """Whether the core can take the map of a convolution, all of which it gets, instead of its patches."""
        window, output = part.window, OUTPUT_FORMATS[self.memory.results]
        if window is None or self.memory.patches != "gathered" or self.rates[0] is None:
            return False
        return part.m == window.rows and walkable(self.config, window, part.n, output)


_Key = tuple[LayerProduct, int, str, str | None]
"""What products of the same cost have in common: product, width, kind and, unless merged, the layer's name."""


@lru_cache(maxsize=256)
def _groups(
    workload: Workload, training: bool, plan: WidthSchedule, wide_epoch: bool, merge: bool
) -> tuple[tuple[Layer, LayerProduct, int, int], ...]:
    """(first layer, product, width, count) of the products that cost the same, in the order of their first."""
    counts: Counter[_Key] = Counter()
    first: dict[_Key, tuple[Layer, LayerProduct, int]] = {}
    for layer, product in workload.products(training):
        width = plan.mantissa_width(layer, wide_epoch)
        key = (product, width, layer.kind, None if merge else layer.name)
        first.setdefault(key, (layer, product, width))
        counts[key] += 1
    return tuple((*first[key], count) for key, count in counts.items())


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


def _bound(cycles: Cycles, memory_cycles: float, link_cycles: float) -> str:
    """What a faster machine would need first."""
    if link_cycles > max(cycles.total, memory_cycles):
        return "link"
    if memory_cycles > cycles.total:
        return "memory"
    stages = {"compute": cycles.busy, "load": cycles.stalled_load, "store": cycles.stalled_store}
    return max(stages, key=lambda stage: stages[stage])


def _row(machine: _Machine, layer: Layer, product: LayerProduct, width: int, count: int) -> ProductRow:
    config, memory, cluster = machine.config, machine.memory, machine.cluster
    part, exchange = split(layer, product, cluster)
    core, moved = machine.product(part, width)
    memory_cycles = 0.0
    if memory.bytes_per_cycle is not None:
        memory_cycles = moved.bytes * cluster.cores_per_chip / memory.bytes_per_cycle
    link_cycles = link_bytes = 0.0
    if exchange is not None and cluster.link is not None:
        bits = 32 if exchange.kind == "reduce" else element_bits(memory.results, width, config.block_size)
        link_cycles = exchange_cycles(exchange, cluster.link, bits / 8)
        link_bytes = exchange.sent(bits / 8) * cluster.cores
    inside = max(core.total, memory_cycles)
    passes = config.slices(width) ** 2
    share = count / cluster.cores
    return ProductRow(
        layer=layer.name,
        count=count,
        kind=layer.kind,
        stage=product.stage,
        m=product.m,
        k=product.k,
        n=product.n,
        repeats=product.repeats,
        part=(part.m, part.k, part.n, part.repeats),
        width=width,
        passes=passes,
        macs=product.macs * count,
        core=core.scaled(count),
        memory_cycles=memory_cycles * count,
        link_cycles=link_cycles * count,
        cycles=count * (max(inside, link_cycles) if cluster.overlap else inside + link_cycles),
        bytes=moved.bytes * cluster.cores * count,
        link_bytes=link_bytes * count,
        bound=_bound(core, memory_cycles, link_cycles),
        peak=config.macs_per_cycle * cluster.cores,
        compute_bound=compute_bound(config, product, width) * share,
        port_bound=port_bound(config, product, width, memory, machine.rates[0]) * share,
    )


def estimate(
    workload: Workload | str,
    config: CoreConfig,
    *,
    schedule: WidthSchedule | str = "all-4",
    training: bool = False,
    memory: Memory | None = None,
    cluster: Cluster | None = None,
    physical: Physical | None = None,
    rates: Rates | None = Rates(),  # noqa: B008
    shares: tuple[Rates, ...] = (),
    wide_epoch: bool = False,
    epochs: int | None = None,
    samples: int | None = None,
    merge: bool = True,
    cycles: Callable[..., Cycles] = product_cycles,
) -> Estimate:
    """Cycles, traffic and bounds of one step (inference, or forward and gradients) of a network on a machine.

    Products run one after another, because each needs the results of those before: the core starts on a layer when
    it has sent the last of C. Repeats of a product (heads, groups) do not, and follow without a gap. Within a product,
    loading, computing, storing and memory overlap. Element-wise operations, the update of the weights and, where patches
    are streamed, their unfolding are not modelled. With patches "gathered" in the memory's description, a core with the
    feature "patches" takes the map of a convolution where that is faster.

    Parameters
    ----------
    workload
        from ``sim.workloads.load``, or a name or path for it.
    config
        of each core.
    memory, cluster, physical
        by default a memory that never bounds, one core, nothing known.
    schedule
        of the mantissa widths, by name or as a ``WidthSchedule``.
    wide_epoch
        whether the step is of a wide epoch.
    rates
        of the core's streams, by default a beat per cycle; None counts the array alone.
    shares
        other ways to deal the bits of a cycle among the streams, as many in all: each product takes the one, of these
        and ``rates``, with which it is done first.
    epochs, samples
        a whole training run: its epochs and the samples of each (default: of the published data set).
    merge
        one row for all products that cost the same; otherwise one row per product.
    cycles
        the model of a product on a core.

    Raises
    ------
    TypeError, ValueError
        for parameters that contradict each other or the machine.
    """
    workload = load(workload) if isinstance(workload, str) else workload
    plan = find_schedule(schedule) if isinstance(schedule, str) else schedule
    if any(rates is None or port_width(config, share) != port_width(config, rates) for share in shares):
        raise ValueError("shares must pass as many bits in a cycle as rates, which must be given")
    machine = _Machine(config, (memory or Memory()).behind(config), cluster or Cluster(), (rates, *shares), cycles)
    if machine.cluster.data > workload.batch:
        raise ValueError(f"data must be at most the batch of {workload.batch}, not {machine.cluster.data}")
    if epochs is not None and not training:
        raise ValueError("epochs are of a training run, so training must be asked for")
    for width in plan.widths(training):
        check_width(config, width)
    rows = tuple(_row(machine, *group) for group in _groups(workload, training, plan, wide_epoch, merge))
    run = _run(machine, workload, plan, epochs, samples) if epochs is not None else None
    circumstances = (machine.memory, rates, machine.cluster, physical or Physical())
    return Estimate(workload, config, plan, training, *circumstances, rows, run)


def _run(machine: _Machine, workload: Workload, plan: WidthSchedule, epochs: int, samples: int | None) -> TrainingRun:
    """A training run scaled from one step of a narrow and one of a wide epoch."""
    samples = workload.samples if samples is None else samples
    if samples is None:
        raise ValueError(f"samples of an epoch must be stated, as {workload.name} is not tied to a data set")
    for name, value in (("epochs", epochs), ("samples", samples)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    steps = ceil(samples / workload.batch)
    total = 0.0
    for count, wide in plan.phases(epochs):
        groups = _groups(workload, True, plan, wide, True)
        total += count * steps * sum(_row(machine, *group).cycles for group in groups)
    return TrainingRun(epochs, samples, steps, total)
