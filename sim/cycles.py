"""Cycles of one product on a core: the single place the rest of ``sim`` asks."""

from dataclasses import dataclass
from math import ceil

from hw.config import CoreConfig

__all__ = ["Cycles", "Panels", "check_width", "panels", "product_cycles"]


@dataclass(frozen=True)
class Cycles:
    """What the core's counters would show after a product.

    Members
    -------
    total : from the first beat of an operand to the last beat of C.
    busy : cycles in which the array was issued a step.
    stalled_load, stalled_store : cycles without a step for want of operands, or of room for results.
    """

    total: int
    busy: int
    stalled_load: int = 0
    stalled_store: int = 0

    def scaled(self, count: int) -> "Cycles":
        """The counters after ``count`` such products, one after another."""
        return Cycles(self.total * count, self.busy * count, self.stalled_load * count, self.stalled_store * count)


@dataclass(frozen=True)
class Panels:
    """How a product larger than the operand buffers is cut into commands.

    Members
    -------
    rows, columns, inner : sizes of a full command.
    row_panels, column_panels, inner_panels : commands along m, n and k; their product is the number of commands.
    """

    rows: int
    columns: int
    inner: int
    row_panels: int
    column_panels: int
    inner_panels: int


def check_width(config: CoreConfig, mantissa_width: int) -> None:
    """Raise ``ValueError`` if the machine has no commands for this width."""
    if mantissa_width not in config.mantissa_widths:
        known = ", ".join(map(str, config.mantissa_widths))
        raise ValueError(f"mantissa width must be one of the configuration's {known}, not {mantissa_width}")


def panels(config: CoreConfig, m: int, k: int, n: int) -> Panels:
    """Commands that one half of each operand buffer can hold: all of k if it fits, then as many rows and columns."""
    blocks = ceil(k / config.block_size)
    depth = min(blocks, config.operand_depth)
    groups = config.operand_depth // depth
    rows, columns = min(m, config.rows * groups), min(n, config.columns * groups)
    return Panels(
        rows=rows,
        columns=columns,
        inner=min(k, depth * config.block_size),
        row_panels=ceil(m / rows),
        column_panels=ceil(n / columns),
        inner_panels=ceil(blocks / depth),
    )


def product_cycles(
    config: CoreConfig, m: int, k: int, n: int, width_a: int, width_b: int, *, ports: bool = True
) -> Cycles:
    """Counters of a core after C (m x n) = A (m x k) B (k x n), FP32 in and out.

    Provisional: a closed form of the machine's peak rates, good to the latency of its stages. The array takes
    ceil(m/rows) ceil(n/columns) ceil(k/block_size) blocks per unit, each of ``steps`` cycles and slices(a) slices(b)
    passes. With ``ports``, A, B and C also pass through streams of ``lanes`` elements per cycle, each row of A, column
    of B or row of C on fresh beats; the operand that is read again for each panel of the other is chosen to be the
    smaller one. Loading, computing and storing overlap, except for the first panel's load and the last panel's store.
    Without ``ports`` the array alone is counted, as if the buffers always had what it needs.

    Raises
    ------
    ValueError : if the configuration lacks a width.
    """
    check_width(config, width_a)
    check_width(config, width_b)
    blocks = ceil(k / config.block_size)
    passes = config.slices(width_a) * config.slices(width_b)
    busy = ceil(m / config.rows) * ceil(n / config.columns) * blocks * config.steps * passes
    fill = config.mesh_rows + config.mesh_columns - 2 + config.tree_cycles + config.accumulator_cycles
    if not ports:
        return Cycles(busy + fill, busy)
    cut = panels(config, m, k, n)
    beats = ceil(k / config.lanes)
    load_a, load_b = min(
        ((m * beats, n * beats * cut.row_panels), (m * beats * cut.column_panels, n * beats)),
        key=lambda loads: (max(loads), sum(loads)),
    )
    load, store = max(load_a, load_b), m * ceil(n / config.lanes)
    commands = cut.row_panels * cut.column_panels * cut.inner_panels
    edges = ceil(load / commands) + ceil(store / (cut.row_panels * cut.column_panels)) + fill
    slowest = max(busy, load, store)
    stalled_store = slowest - busy if store > load else 0
    return Cycles(slowest + edges, busy, slowest + edges - busy - stalled_store, stalled_store)
