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
    keep_a : whether A stays in its buffer while B passes by panel by panel, or the other way round. If the reduction is
        cut, neither stays.
    """

    rows: int
    columns: int
    inner: int
    row_panels: int
    column_panels: int
    inner_panels: int
    keep_a: bool

    @property
    def loads(self) -> tuple[int, int]:
        """How often each element of A and of B is loaded."""
        keep = self.inner_panels == 1
        return (
            1 if keep and self.keep_a else self.column_panels,
            1 if keep and not self.keep_a else self.row_panels,
        )


def check_width(config: CoreConfig, mantissa_width: int) -> None:
    """Raise ``ValueError`` if the machine has no commands for this width."""
    if mantissa_width not in config.mantissa_widths:
        known = ", ".join(map(str, config.mantissa_widths))
        raise ValueError(f"mantissa width must be one of the configuration's {known}, not {mantissa_width}")


def panels(config: CoreConfig, m: int, k: int, n: int) -> Panels:
    """Commands that one half of each operand buffer can hold: all of k if it fits, then as many rows and columns.

    The operand that stays is the one that makes the busier of the two streams less busy, and then both. If k does not
    fit, commands accumulate in the array, so each covers one output tile and as much of k as its rows leave room for.
    """
    blocks = ceil(k / config.block_size)
    if blocks <= config.operand_depth:
        depth = blocks
        groups_a = groups_b = config.operand_depth // blocks
    else:
        groups_a, groups_b = min(config.interleave, config.operand_depth), 1
        depth = config.operand_depth // groups_a
    rows, columns = min(m, config.rows * groups_a), min(n, config.columns * groups_b)
    row_panels, column_panels = ceil(m / rows), ceil(n / columns)
    kept_a, kept_b = (m, n * row_panels), (m * column_panels, n)
    return Panels(
        rows=rows,
        columns=columns,
        inner=min(k, depth * config.block_size),
        row_panels=row_panels,
        column_panels=column_panels,
        inner_panels=ceil(blocks / depth),
        keep_a=(max(kept_a), sum(kept_a)) <= (max(kept_b), sum(kept_b)),
    )


def product_cycles(
    config: CoreConfig, m: int, k: int, n: int, width_a: int, width_b: int, *, ports: bool = True
) -> Cycles:
    """Counters of a core after C (m x n) = A (m x k) B (k x n), FP32 in and out.

    Provisional: a closed form of the machine's peak rates, good to the latency of its stages. The array takes
    ceil(m/rows) ceil(n/columns) ceil(k/block_size) blocks per unit, each of ``steps`` cycles and slices(a) slices(b)
    passes. With ``ports``, A and B also pass through streams of ``lanes`` elements per cycle, as often as ``panels``
    says, and C through one of ``tile_columns``, each row of A, column of B or row of C on fresh beats. Loading,
    computing and storing overlap, except for the first command's load and the last panel's store. Without ``ports``
    the array alone is counted, as if the buffers always had what it needs.

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
    loads_a, loads_b = cut.loads
    load = max(m * loads_a, n * loads_b) * ceil(k / config.lanes)
    store = m * ceil(n / config.tile_columns)
    commands = cut.row_panels * cut.column_panels * cut.inner_panels
    edges = ceil(load / commands) + ceil(store / (cut.row_panels * cut.column_panels)) + fill
    slowest = max(busy, load, store)
    stalled_store = slowest - busy if store > load else 0
    return Cycles(slowest + edges, busy, slowest + edges - busy - stalled_store, stalled_store)
