"""Cycles of one product on a core: the single place the rest of ``sim`` asks."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from hw.config import CoreConfig
from hw.timing import Timing
from sim.model import CoreModel
from sim.plan import plan

__all__ = ["Cycles", "check_width", "product_cycles"]


@dataclass(frozen=True)
class Cycles:
    """What the core's counters would show after a product.

    Members
    -------
    total : from the first command to the last beat of C.
    busy : cycles in which the array was issued a step.
    stalled_load, stalled_store : cycles without a step for want of operands, or of room for results. What remains of
        the total is the decoding of commands, the way of the last results, and slots that run empty.
    """

    total: int
    busy: int
    stalled_load: int = 0
    stalled_store: int = 0

    def scaled(self, count: int) -> "Cycles":
        """The counters after ``count`` such products, one after another."""
        return Cycles(self.total * count, self.busy * count, self.stalled_load * count, self.stalled_store * count)


def check_width(config: CoreConfig, mantissa_width: int) -> None:
    """Raise ``ValueError`` if the machine has no commands for this width."""
    if mantissa_width not in config.mantissa_widths:
        known = ", ".join(map(str, config.mantissa_widths))
        raise ValueError(f"mantissa width must be one of the configuration's {known}, not {mantissa_width}")


@lru_cache(maxsize=4096)
def product_cycles(
    config: CoreConfig, m: int, k: int, n: int, width_a: int, width_b: int, *, ports: bool = True
) -> Cycles:
    """Counters of a core after C (m x n) = A (m x k) B (k x n), FP32 in and out.

    With ``ports`` they are exact: those of ``sim.model`` for the commands of ``sim.plan``, from reset until the core is
    idle again, with streams that are never empty or full. Without, the array alone is counted, as if the buffers always
    had what it needs: ceil(m/rows) ceil(n/columns) ceil(k/block_size) blocks per unit, each of ``steps`` cycles and
    slices(a) slices(b) passes, and the way of the last one through the mesh.

    Raises
    ------
    ValueError : if the configuration lacks a width.
    """
    check_width(config, width_a)
    check_width(config, width_b)
    if ports:
        model = CoreModel(config)
        model.run(plan(config, m, k, n, width_a, width_b))
        counters = model.counters
        return Cycles(*(counters[name] for name in ("cycles", "busy", "stalled_load", "stalled_store")))
    blocks = ceil(k / config.block_size)
    passes = config.slices(width_a) * config.slices(width_b)
    busy = ceil(m / config.rows) * ceil(n / config.columns) * blocks * config.steps * passes
    return Cycles(busy + config.mesh_rows + config.mesh_columns - 2 + Timing(config).unit_cycles - 1, busy)
