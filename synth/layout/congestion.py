"""How full the routing layers are: tracks that wires need, over tracks that there are, in squares of the block."""

from math import ceil
from typing import NamedTuple

import numpy as np

from synth.layout.placement import Placement
from synth.layout.wires import TOP, WireEstimate

__all__ = ["Congestion", "congestion"]

SQUARE = 5
"""Rows in the side of a square."""


class Congestion(NamedTuple):
    """Share of the tracks that wires take, vertical and horizontal alike: on the whole, and in the fullest squares.

    ``crowded`` is the 99th of a hundred squares, ``over`` the share of squares that need more tracks than there are.
    """

    mean: float
    crowded: float
    over: float


def congestion(placement: Placement, wires: WireEstimate, top: int = TOP) -> Congestion:
    """Each edge of a net's tree takes, of its two ways with one corner, half of each."""
    side = SQUARE * placement.lef.row_height
    width, height = placement.size
    shape = ceil(height / side), ceil(width / side)
    needed = np.zeros((2, *shape))  # horizontal and vertical wires, in database units
    for tree in wires.trees.values():
        for point, parent in enumerate(tree.parents):
            if parent < 0:
                continue
            (x, y), (u, v) = tree.points[point], tree.points[parent]
            for across in {y, v}:
                _spread(needed[0][min(across // side, shape[0] - 1)], x, u, side, 1 if y == v else 0.5)
            for along in {x, u}:
                _spread(needed[1][:, min(along // side, shape[1] - 1)], y, v, side, 1 if x == u else 0.5)
    wirings = [placement.lef.wiring(horizontal, top) for horizontal in (True, False)]
    tracks = np.array([wiring.tracks for wiring in wirings]) / placement.lef.units * side * side
    shares = needed / tracks[:, None, None]
    return Congestion(float(shares.mean()), float(np.quantile(shares, 0.99)), float((shares > 1).mean()))


def _spread(squares: np.ndarray, start: int, end: int, side: int, weight: float) -> None:
    """Add a wire's length to the squares that it crosses."""
    start, end = min(start, end), max(start, end)
    for square in range(start // side, min(end // side, len(squares) - 1) + 1):
        squares[square] += weight * max(0, min(end, (square + 1) * side) - max(start, square * side))
