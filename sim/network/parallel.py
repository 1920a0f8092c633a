# Ref: P. Patarasuk, X. Yuan, "Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations", JPDC 69(2), 2009.
# Ref: M. Shoeybi et al., "Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism", 2019.
"""Several cores: how products are split over them, and what they must then send each other."""

from dataclasses import dataclass, replace
from math import ceil

from sim.workloads import FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, Layer, LayerProduct

__all__ = ["Cluster", "Exchange", "Link", "exchange_cycles", "split"]


@dataclass(frozen=True)
class Link:
    """A ring that joins the cores of a group.

    Parameters
    ----------
    bytes_per_cycle
        each core sends, and receives, at this rate.
    latency_cycles
        from the first byte sent to the first byte received.
    """

    bytes_per_cycle: float
    latency_cycles: float = 0

    def __post_init__(self) -> None:
        if not self.bytes_per_cycle > 0:
            raise ValueError(f"link bytes_per_cycle must be above 0, not {self.bytes_per_cycle}")
        if not self.latency_cycles >= 0:
            raise ValueError(f"link latency_cycles must be at least 0, not {self.latency_cycles}")


@dataclass(frozen=True)
class Cluster:
    """``data`` x ``tensor`` cores, ``cores_per_chip`` of which share a chip and its memory bandwidth.

    Parameters
    ----------
    data
        groups of cores that each take a part of the batch; they add up their weight gradients.
    tensor
        cores of a group, which each hold a part of every weight matrix's columns and some attention heads.
    cores_per_chip
        divides data x tensor.
    link
        between the cores; needed if there is more than one.
    overlap
        whether exchanges run while the next product computes; otherwise they come after it.

    Raises
    ------
    ValueError
        naming the parameter, the rule and the value.
    """

    data: int = 1
    tensor: int = 1
    cores_per_chip: int = 1
    link: Link | None = None
    overlap: bool = False

    def __post_init__(self) -> None:
        for name in ("data", "tensor", "cores_per_chip"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if self.cores % self.cores_per_chip:
            raise ValueError(f"cores_per_chip must divide the {self.cores} cores, not be {self.cores_per_chip}")
        if self.cores > 1 and self.link is None:
            raise ValueError(f"link must be stated for {self.cores} cores")

    @property
    def cores(self) -> int:
        """All cores."""
        return self.data * self.tensor


@dataclass(frozen=True)
class Exchange:
    """What a group of cores does after its parts of a product.

    Attributes
    ----------
    kind
        "gather" (each has a part and needs the whole) or "reduce" (each has a summand and needs the sum).
    elements
        of the whole, or of the sum.
    cores
        of the group.
    """

    kind: str
    elements: int
    cores: int

    def sent(self, bytes_per_element: float) -> float:
        """Bytes that each core sends on a ring: (p-1)/p of the data to gather, twice that to reduce."""
        once = self.elements * bytes_per_element * (self.cores - 1) / self.cores
        return once if self.kind == "gather" else 2 * once


def split(layer: Layer, product: LayerProduct, cluster: Cluster) -> tuple[LayerProduct, Exchange | None]:
    """The largest part of a product that one core gets, and the exchange that follows.

    Independent products (heads, groups) are dealt out whole. Otherwise samples go over ``data`` and the columns of the
    weights over ``tensor``: forward parts of C are gathered, input gradients are summed over ``tensor`` (they reduce
    over the weights' columns), weight gradients over ``data`` (they reduce over the samples).
    """
    data, tensor = cluster.data, cluster.tensor
    if cluster.cores == 1:
        return product, None
    if product.repeats > 1 and not layer.weights:
        return _part(product, repeats=ceil(product.repeats / cluster.cores)), None
    groups = ceil(product.repeats / tensor)
    if product.repeats > 1 and product.stage == WEIGHT_GRADIENT:
        part = _part(product, k=ceil(product.k / data), repeats=groups)
        return part, _sum_over(data, part.m * part.n * groups)
    if product.repeats > 1:
        part = _part(product, m=ceil(product.m / data), repeats=groups)
        return part, _gather_over(tensor, part.m * part.n * product.repeats)
    if product.stage == FORWARD:
        part = _part(product, m=ceil(product.m / data), n=ceil(product.n / tensor))
        return part, _gather_over(tensor, part.m * product.n)
    if product.stage == INPUT_GRADIENT:
        part = _part(product, m=ceil(product.m / data), k=ceil(product.k / tensor))
        return part, _sum_over(tensor, part.m * part.n)
    part = _part(product, k=ceil(product.k / data), n=ceil(product.n / tensor))
    return part, _sum_over(data, part.m * part.n)


def _sum_over(cores: int, elements: int) -> Exchange | None:
    return Exchange("reduce", elements, cores) if cores > 1 else None


def _gather_over(cores: int, elements: int) -> Exchange | None:
    return Exchange("gather", elements, cores) if cores > 1 else None


def _part(product: LayerProduct, *, m: int = 0, k: int = 0, n: int = 0, repeats: int = 0) -> LayerProduct:
    """The product with smaller sizes, where they are given, and its tensors in proportion."""
    part = replace(product, m=m or product.m, k=k or product.k, n=n or product.n, repeats=repeats or product.repeats)
    whole = ((product.m, product.k), (product.k, product.n), (product.m, product.n))
    parts = ((part.m, part.k), (part.k, part.n), (part.m, part.n))
    scale = part.repeats / product.repeats
    a, b, c = (
        ceil(elements * scale * (small[0] * small[1]) / (large[0] * large[1]))
        for elements, small, large in zip(product.tensors, parts, whole, strict=True)
    )
    return replace(part, tensors=(a, b, c))


def exchange_cycles(exchange: Exchange, link: Link, bytes_per_element: float) -> float:
    """Cycles on a ring of p cores: what each sends, and p-1 latencies to gather, twice as many to reduce."""
    hops = (exchange.cores - 1) * (1 if exchange.kind == "gather" else 2)
    return exchange.sent(bytes_per_element) / link.bytes_per_cycle + hops * link.latency_cycles
