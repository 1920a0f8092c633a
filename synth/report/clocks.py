"""Area against clock: which pipeline of a format is the smallest at a clock, and which the densest at its own."""

from synth.density.row import Row
from synth.density.sets import EQUAL_CLOCK, ONE_CLOCK, clocks_of

__all__ = ["at_clock", "best", "curve", "equal_clock", "without_dominated"]


def curve(rows: list[Row], library: str, name: str) -> list[Row]:
    """Tiles of a format, of every pipeline and target, that none is better than in both area and period; fastest first."""
    found = [row for row in rows if row.design.library == library and row.design.format == name and _comparable(row)]
    front: list[Row] = []
    for row in sorted(found, key=lambda row: (row.period or 0, row.area)):
        if not front or row.area < front[-1].area:
            front.append(row)
    return front


def _comparable(row: Row) -> bool:
    """Whether a row is a 4×4 tile of a block (64 elements where nothing is shared) a cycle, with a clock."""
    d = row.design
    return bool(row.period) and (d.accounting, d.dot, d.rows, d.columns, d.clock_gates) == ("tile", None, 4, 4, True)


def without_dominated(rows: list[Row]) -> list[Row]:
    """The rows but those that were mapped for a clock and are on no curve."""
    kept = {id(row) for library, name in {(r.design.library, r.design.format) for r in rows}
            for row in curve(rows, library, name)}  # fmt: skip
    return [row for row in rows if row.design.effort == "area" or id(row) in kept]


def _searched(front: list[Row]) -> bool:
    """Whether pipelines were measured besides the relaxed tile, and not only that for the equal clock."""
    found = {(row.design.cycles, row.design.tree_cycles) for row in front if row.design.effort != "area"}
    return bool(found) and found != {ONE_CLOCK.get(front[0].design.format)}


def best(rows: list[Row], library: str, name: str) -> Row | None:
    """The densest tile of a format at the clock that it allows; ``None`` unless pipelines were searched."""
    front = curve(rows, library, name)
    return max(front, key=lambda row: row.density) if _searched(front) else None


def at_clock(rows: list[Row], library: str, name: str, period: float) -> Row | None:
    """The smallest tile of a format that runs at a clock; ``None`` where there is none or nothing was searched.

    What was mapped for the equal clock alone says nothing of others. A tile that is as small as it gets needs no search
    where it runs at the clock as it is.
    """
    front = curve(rows, library, name)
    found = [row for row in front if row.period and row.period <= period]
    if not found or found[-1].design.effort == "area" or _searched(front):
        return found[-1] if found else None
    return found[-1] if period == equal_clock(library) else None


def equal_clock(library: str) -> float:
    """The period in ns at which claims of equal clock are measured."""
    return clocks_of(library)[EQUAL_CLOCK]
