"""Monitors of streams: payloads that stay, pieces that keep their order, waits that end."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Array, Module, Mux, Signal, Value

from tests.prove.bench import Stage

__all__ = ["conveyor", "drive", "ends", "stays", "transfer", "unchanged"]


def transfer(stream: Any) -> Value:
    """A beat moves in this cycle."""
    return stream.valid & stream.ready


def unchanged(m: Module, stream: Any, name: str) -> Value:
    """Nothing was on offer and not taken in the cycle before, or it is still there."""
    payload = Value.cast(stream.payload)
    waited, kept = Signal(name=f"{name}_waited"), Signal(len(payload), name=f"{name}_kept")
    m.d.sync += [waited.eq(stream.valid & ~stream.ready), kept.eq(payload)]
    return ~waited | (stream.valid & (payload == kept))


def stays(bench: Stage, m: Module, stream: Any, name: str = "o") -> None:
    """Claim that a beat on offer stays, unchanged, until it is taken."""
    bench.claim(unchanged(m, stream, name))


def drive(bench: Stage, m: Module, stream: Any, fields: tuple[str, ...] | None = None, name: str = "i") -> None:
    """An input stream from the free inputs ``<name>_valid`` and ``<name>_payload``, which keep the same rule.

    With ``fields`` these alone are free, as ``<name>_<field>``, and the rest of the payload is the bench's.
    """
    m.d.comb += stream.valid.eq(getattr(bench, f"{name}_valid"))
    if fields is None:
        m.d.comb += Value.cast(stream.payload).eq(Value.cast(getattr(bench, f"{name}_payload")))
    for field in fields or ():
        m.d.comb += stream.payload[field].eq(getattr(bench, f"{name}_{field}"))
    bench.require(unchanged(m, stream, name))


def ends(bench: Stage, m: Module, wait: Value, limit: int, name: str) -> None:
    """Claim that ``wait`` is never true in more than ``limit`` cycles without being false in between."""
    waited = Signal(range(limit + 2), name=f"{name}_cycles")
    m.d.sync += waited.eq(Mux(wait, Mux(waited > limit, waited, waited + 1), 0))
    bench.claim((waited < limit) | ~wait if limit else ~wait)


def conveyor(
    bench: Stage, m: Module, entering: list[Any], entered: Value, leaving: list[Any], left: Value, *, choose: Value, place: Value,
    capacity: int, dropped: Value | int = 0, same: Callable[[Any, Any], Value] = lambda sought, piece: sought == piece,
) -> Signal:  # fmt: skip
    """Claim that what goes in comes out, each piece once and in order, and that nothing else does.

    One piece that enters, chosen freely among all, is followed: when as many have left as were in front of it, it is the
    next one. As the choice is free, this holds for every piece.

    Parameters
    ----------
    entering, entered
        pieces of which the first ``entered`` go in in this cycle.
    leaving, left
        pieces of which the first ``left`` come out.
    choose, place
        free inputs: follow a piece that enters in this cycle; which of them.
    capacity
        pieces that are inside at most, which is claimed too.
    dropped
        what is still inside behind this cycle's pieces goes away.
    same
        whether ``(piece that went in, piece that came out)`` is right.

    Returns
    -------
    Signal
        How many pieces are inside.
    """
    width = max(len(Value.cast(piece)) for piece in entering)
    inside, ahead = (Signal(range(capacity + len(entering) + 1), name=name) for name in ("inside", "ahead"))
    followed, value, new, found = Signal(), Signal(width), Signal(), Signal()
    position, sought = Signal.like(inside), Signal(width)
    there = Signal(range(capacity + len(entering) + 1))
    m.d.comb += [
        there.eq(inside + entered),
        new.eq(bench.started & choose & ~followed & (place < entered)),
        position.eq(Mux(followed, ahead, inside + place)),
        sought.eq(Mux(followed, value, Array(entering)[place])),
        found.eq((followed | new) & (position < left)),
    ]
    bench.claim(left <= there)
    bench.claim(there - left <= capacity)
    bench.claim(~found | Array(same(sought, piece) for piece in leaving)[position])
    m.d.sync += [
        inside.eq(Mux(dropped, 0, there - left)), followed.eq((followed | new) & ~found & ~dropped),
        ahead.eq(position - left), value.eq(sought),
    ]  # fmt: skip
    return inside
