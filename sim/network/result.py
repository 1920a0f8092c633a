"""What an estimate says: rows of products, totals, and their plain-data form for files."""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import prod
from typing import Any

from hw.config import CoreConfig
from sim.model import Rates
from sim.network.bounds import on_chip_bits, port_width
from sim.network.cycles import Cycles
from sim.network.memory import Memory
from sim.network.parallel import Cluster
from sim.network.synthesis import Physical
from sim.workloads import WidthSchedule, Workload

__all__ = ["BOUNDS", "Estimate", "ProductRow", "TrainingRun"]

BOUNDS = ("compute", "load", "store", "memory", "link")
"""What can limit a product: the array, the core's ports, off-chip memory, or the link between cores."""


@dataclass(frozen=True)
class ProductRow:
    """``count`` products that cost the same; all quantities are of all of them together.

    Attributes
    ----------
    layer
        the first one's layer.
    kind, stage, m, k, n, repeats
        of each product, before it is split over cores.
    part
        m, k, n and repeats of the largest part a core gets of each.
    width
        bits of both mantissas.
    passes
        over the multipliers for each product of elements.
    macs
        multiply-accumulates.
    core
        one core's counters.
    cycles
        with memory and links.
    memory_cycles, link_cycles
        what memory and link alone would take.
    bytes
        to and from all memories.
    link_bytes
        that all cores send each other.
    bound
        the stage that limits, of ``BOUNDS``.
    peak
        multiply-accumulates per cycle of all cores, in one pass.
    compute_bound, port_bound
        cycles that array and streams need at least, see ``sim.network.bounds``.
    """

    layer: str
    count: int
    kind: str
    stage: str
    m: int
    k: int
    n: int
    repeats: int
    part: tuple[int, int, int, int]
    width: int
    passes: int
    macs: int
    core: Cycles
    memory_cycles: float
    link_cycles: float
    cycles: float
    bytes: float
    link_bytes: float
    bound: str
    peak: int
    compute_bound: float
    port_bound: float

    @property
    def utilization(self) -> float:
        """Share of the multipliers' cycles that make a pass of a product: 1 is the peak at this width."""
        return self.macs * self.passes / (self.peak * self.cycles)

    @property
    def times_bound(self) -> float:
        """Cycles over the larger of the row's own two bounds."""
        return self.cycles / max(self.compute_bound, self.port_bound)

    @property
    def intensity(self) -> float:
        """Multiply-accumulates per byte of memory traffic."""
        return self.macs / self.bytes

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        values = {name: value for name, value in asdict(self).items() if name not in ("part", "core")}
        counters = {f"core_{name}": value for name, value in asdict(self.core).items()}
        ratios = {"macs_per_byte": self.intensity, "times_bound": self.times_bound}
        return values | counters | {"utilization": self.utilization} | ratios


@dataclass(frozen=True)
class TrainingRun:
    """A training run. Members: epochs, samples of each, steps of each, cycles of all."""

    epochs: int
    samples: int
    steps_per_epoch: int
    cycles: float


@dataclass(frozen=True, eq=False)
class Estimate:
    """A network on a machine; see ``sim.estimate``."""

    workload: Workload
    config: CoreConfig
    schedule: WidthSchedule
    training: bool
    memory: Memory
    rates: Rates | None
    cluster: Cluster
    physical: Physical
    rows: tuple[ProductRow, ...]
    run: TrainingRun | None = None

    @cached_property
    def cycles(self) -> float:
        """Cycles of one step."""
        return sum(row.cycles for row in self.rows)

    @cached_property
    def least_cycles(self) -> float:
        """The larger of the two bounds of a step, see ``sim.network.bounds``."""
        return max(sum(row.compute_bound for row in self.rows), sum(row.port_bound for row in self.rows))

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one step."""
        return sum(row.macs for row in self.rows)

    @cached_property
    def bytes(self) -> float:
        """Memory traffic of one step."""
        return sum(row.bytes for row in self.rows)

    def port_bytes(self, row: ProductRow) -> float:
        """Bytes that must cross the streams of all cores at least once; 0 where ports do not count."""
        return 0.0 if self.rates is None else row.port_bound * port_width(self.config, self.rates) * self.cluster.cores / 8

    def operations_per_byte(self, *rows: ProductRow) -> float | None:
        """Operations, two of each multiply-accumulate, for each of these bytes; None where ports do not count."""
        least = sum(self.port_bytes(row) for row in rows)
        return 2 * sum(row.macs for row in rows) / least if least else None

    @cached_property
    def utilization(self) -> float:
        """Share of the multipliers' cycles that make a pass of a product."""
        passes = sum(row.macs * row.passes for row in self.rows)
        return passes / (self.rows[0].peak * self.cycles)

    def share(self, bound: str) -> float:
        """Share of the cycles in products that ``bound`` limits."""
        return sum(row.cycles for row in self.rows if row.bound == bound) / self.cycles

    def weight_bytes(self) -> float:
        """Bytes of the layers' weights, each packed at the width the schedule gives it; FP32 takes 4 bytes each."""
        exponent = self.config.exponent_width / self.config.block_size
        layers = self.workload.layers
        return sum(layer.parameters * (self.schedule.mantissa_width(layer) + exponent) for layer in layers) / 8

    def summary(self) -> dict[str, Any]:
        """Totals of a step (and of the run), JSON-ready; what is unknown is left out."""
        cores = self.cluster.cores
        known = {
            "seconds": self.physical.seconds(self.cycles),
            "area_um2": None if self.physical.area_um2 is None else self.physical.area_um2 * cores,
        } | self._energy()
        if self.run is not None:
            known |= {f"run_{name}": value for name, value in asdict(self.run).items()}
            known |= {"run_seconds": self.physical.seconds(self.run.cycles)}
        return {
            "workload": self.workload.name,
            "mode": "training step" if self.training else "inference",
            "schedule": self.schedule.name,
            "batch": self.workload.batch,
            "parameters": self.workload.parameters,
            "macs": self.macs,
            "cycles": self.cycles,
            "macs_per_cycle": self.macs / self.cycles,
            "utilization": self.utilization,
            "compute_bound": sum(row.compute_bound for row in self.rows),
            "port_bound": sum(row.port_bound for row in self.rows),
            "times_bound": self.cycles / self.least_cycles,
            "operations_per_byte": self.operations_per_byte(*self.rows),
            "on_chip_bits": on_chip_bits(self.config),
            "bytes": self.bytes,
            "link_bytes": sum(row.link_bytes for row in self.rows),
            "weight_bytes": self.weight_bytes(),
            "bound": {bound: self.share(bound) for bound in BOUNDS if self.share(bound)},
        } | {name: value for name, value in known.items() if value is not None}

    def joules(self, row: ProductRow) -> dict[str, float]:
        """Joules of a row by part, see ``sim.network.energy``; empty where they are not known. Links are not in them."""
        if self.physical.energy is None:
            return {}
        return self.physical.energy.joules(
            self.config, passes=row.macs * row.passes, slots=row.peak * row.cycles, traffic=row.bytes,
            steps=row.core.busy * self.cluster.cores, results=row.m * row.n * row.repeats * row.count,
        )  # fmt: skip

    def _energy(self) -> dict[str, float | None]:
        """Joules of a step, in all and by part, and what they buy."""
        parts = [self.joules(row) for row in self.rows]
        total = sum(sum(part.values()) for part in parts)
        if not total:
            return {}
        seconds = self.physical.seconds(self.cycles)
        return {
            "joules": total,
            **{f"joules_{name}": sum(part[name] for part in parts) for name in parts[0]},
            "macs_per_joule": self.macs / total,
            "watts": total / seconds if seconds else None,
        }

    def records(self) -> list[dict[str, Any]]:
        """The rows, JSON-ready, with what must cross the ports, and their energies where these are known."""
        return [
            row.to_dict()
            | {"port_bytes": self.port_bytes(row), "operations_per_byte": self.operations_per_byte(row)}
            | {f"joules_{name}": value for name, value in self.joules(row).items()}
            for row in self.rows
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready: totals, machine and rows."""
        return {
            "summary": self.summary(),
            "machine": self.config.to_dict() | {"macs_per_cycle": self.config.macs_per_cycle},
            "memory": asdict(self.memory),
            "rates": {} if self.rates is None else {name: str(rate) for name, rate in vars(self.rates).items() if rate},
            "cluster": asdict(self.cluster),
            "not_modelled": self.workload.not_modelled,
            "missing": list(self.workload.missing),
            "layers": self.records(),
        }

    def mapping_efficiency(self, row: ProductRow) -> float:
        """Share of the units and of the blocks' elements that a row's products have work for, edges counted."""
        m, k, n, _ = row.part
        axes = ((m, self.config.rows), (n, self.config.columns), (k, self.config.group_size))
        return prod(size / (-(-size // step) * step) for size, step in axes)
