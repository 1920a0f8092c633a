"""A whole network on a machine: every product's cycles, traffic and bound, and their totals."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import ceil

from hw.config import CoreConfig
from sim.model import Rates
from sim.network.bounds import compute_bound, port_bound, port_width
from sim.network.cycles import Cycles, check_width, product_cycles
from sim.network.memory import Memory, element_bits
from sim.network.parallel import Cluster, exchange_cycles, split
from sim.network.result import Estimate, ProductRow, TrainingRun
from sim.network.step.ways import Ways
from sim.network.synthesis import Physical
from sim.workloads import Layer, LayerProduct, WidthSchedule, Workload, load
from sim.workloads import schedule as find_schedule

__all__ = ["estimate"]

_Key = tuple[LayerProduct, int, str, str | None]
"""What products of the same cost have in common: product, width, kind and, unless merged, the layer's name."""


@lru_cache(maxsize=256)
def _groups(
    workload: Workload, training: bool, plan: WidthSchedule, wide_epoch: bool, merge: bool
) -> tuple[tuple[Layer, LayerProduct, int, tuple[int, ...]], ...]:
    """(first layer, product, width, all their numbers) of the products that cost the same, in the order of their first."""
    numbers: dict[_Key, list[int]] = defaultdict(list)
    products = workload.products(training)
    for number, (layer, product) in enumerate(products):
        width = plan.mantissa_width(layer, wide_epoch)
        numbers[product, width, layer.kind, None if merge else layer.name].append(number)
    return tuple((*products[same[0]], key[1], tuple(same)) for key, same in numbers.items())


def _rows(
    machine: Ways, workload: Workload, training: bool, plan: WidthSchedule, wide_epoch: bool, merge: bool
) -> Iterator[ProductRow]:
    """The rows of a step: of products alone, or of their shares of it."""
    groups, shares = _groups(workload, training, plan, wide_epoch, merge), None
    if machine.prefetch:
        products = workload.products(training)
        shares = machine.step(products, [plan.mantissa_width(layer, wide_epoch) for layer, _ in products])
    for layer, product, width, numbers in groups:
        in_step = None if shares is None else Cycles.of_all(shares[number] for number in numbers)
        yield _row(machine, layer, product, width, len(numbers), in_step)


def _bound(cycles: Cycles, memory_cycles: float, link_cycles: float) -> str:
    """What a faster machine would need first."""
    if link_cycles > max(cycles.total, memory_cycles):
        return "link"
    if memory_cycles > cycles.total:
        return "memory"
    stages = {"compute": cycles.busy, "load": cycles.stalled_load, "store": cycles.stalled_store}
    return max(stages, key=lambda stage: stages[stage])


def _row(machine: Ways, layer: Layer, product: LayerProduct, width: int, count: int, in_step: Cycles | None) -> ProductRow:
    """That of ``count`` products: with what they take ``in_step``, or as long as they take alone."""
    config, memory, cluster = machine.config, machine.memory, machine.cluster
    part, exchange = split(layer, product, cluster)
    best = machine.best(part, width)
    core = best.cycles.scaled(count) if in_step is None else in_step
    moved = machine.moved(part, width, best.window)
    memory_cycles = 0.0
    if memory.bytes_per_cycle is not None:
        memory_cycles = count * moved.bytes * cluster.cores_per_chip / memory.bytes_per_cycle
    link_cycles = link_bytes = 0.0
    if exchange is not None and cluster.link is not None:
        bits = 32 if exchange.kind == "reduce" else element_bits(memory.results, width, config.block_size)
        link_cycles = count * exchange_cycles(exchange, cluster.link, bits / 8)
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
        core=core,
        memory_cycles=memory_cycles,
        link_cycles=link_cycles,
        cycles=max(inside, link_cycles) if cluster.overlap else inside + link_cycles,
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
    prefetch: bool = False,
    latency: int = 0,
) -> Estimate:
    """Cycles, traffic and bounds of one step (inference, or forward and gradients) of a network on a machine.

    Products run one after another, because each needs the results of those before: without ``prefetch`` the core starts on
    a layer when it has sent the last of C. Repeats of a product (heads, groups) do not, and follow without a gap. Within a
    product, loading, computing, storing and memory overlap. Element-wise operations, the update of the weights and, where patches
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
    prefetch
        whether commands and operands that need no results of the products before, weights above all, are sent ahead, so
        that products overlap, see ``sim.network.step.prefetch``. The time of a product is then its share of the step, from the last
        beat of the C before to its own; what is sent ahead of it is in that of others.
    latency
        cycles that results then take to come back as operands.

    Raises
    ------
    TypeError, ValueError
        for parameters that contradict each other or the machine.
    """
    workload = load(workload) if isinstance(workload, str) else workload
    plan = find_schedule(schedule) if isinstance(schedule, str) else schedule
    if any(rates is None or port_width(config, share) != port_width(config, rates) for share in shares):
        raise ValueError("shares must pass as many bits in a cycle as rates, which must be given")
    if prefetch and rates is None:
        raise ValueError("prefetch needs ports, which ideal ones are not")
    if latency and not prefetch:
        raise ValueError("latency needs prefetch")
    if latency < 0:
        raise ValueError(f"latency must be at least 0, not {latency}")
    circumstances = ((memory or Memory()).behind(config), cluster or Cluster())
    machine = Ways(config, *circumstances, (rates, *shares), cycles, prefetch, latency)
    if machine.cluster.data > workload.batch:
        raise ValueError(f"data must be at most the batch of {workload.batch}, not {machine.cluster.data}")
    if epochs is not None and not training:
        raise ValueError("epochs are of a training run, so training must be asked for")
    for width in plan.widths(training):
        check_width(config, width)
    rows = tuple(_rows(machine, workload, training, plan, wide_epoch, merge))
    run = _run(machine, workload, plan, epochs, samples) if epochs is not None else None
    known = (machine.memory, rates, machine.cluster, physical or Physical())
    return Estimate(workload, config, plan, training, *known, rows, run)


def _run(machine: Ways, workload: Workload, plan: WidthSchedule, epochs: int, samples: int | None) -> TrainingRun:
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
        total += count * steps * sum(row.cycles for row in _rows(machine, workload, True, plan, wide, True))
    return TrainingRun(epochs, samples, steps, total)
