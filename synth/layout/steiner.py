# Ref: M. Borah, R. Owens, M. Irwin, "An edge-based heuristic for Steiner routing", IEEE Transactions on CAD 13(12), 1994
"""Short rectilinear trees through the pins of a net."""

from typing import NamedTuple

__all__ = ["Tree", "steiner_tree"]

Point = tuple[int, int]


class Tree(NamedTuple):
    """Points, the given ones first and in their order, and of each the one on its way to the first (of that -1)."""

    points: list[Point]
    parents: list[int]

    @property
    def length(self) -> int:
        """Sum of the edges' lengths, each horizontal and vertical part counted."""
        return sum(distance(self.points[i], self.points[p]) for i, p in enumerate(self.parents) if p >= 0)


def distance(a: Point, b: Point) -> int:
    """How far apart two points are along the axes."""
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def steiner_tree(pins: list[Point]) -> Tree:
    """A tree through ``pins``, rooted at the first: the nearest pin joins next, at the nearest place of an edge.

    An edge is any of the shortest ways between its ends, so a new pin meets it anywhere in their box. Exact up to three
    pins. Never longer than the shortest tree without further points: each pin adds at most the least distance from pins
    inside to pins outside, and of such a tree's edges a different one crosses each of these cuts (Hall's theorem).
    """
    points, parents = list(pins), [-1] * len(pins)
    # Of each pin outside: how far the tree is, the edge (by its lower end, or the root) and the place on it.
    outside = {i: (distance(pins[0], pin), 0, pins[0]) for i, pin in enumerate(pins) if i}
    while outside:
        new = min(outside, key=lambda i: outside[i][0])
        _, lower, place = outside.pop(new)
        if place == points[lower]:
            join = lower
        elif place == points[parents[lower]]:
            join = parents[lower]
        else:
            join = len(points)
            points.append(place)
            parents.append(parents[lower])
            parents[lower] = join
        parents[new] = join
        changed = [i for i in (lower, join, new) if parents[i] >= 0]
        edges = [i for i, parent in enumerate(parents) if parent >= 0]
        for i, (least, edge, _) in outside.items():
            lost = edge in changed  # its edge has a smaller box now
            least = 1 << 62 if lost else least
            for other in edges if lost else changed:
                where = _nearest(pins[i], points[other], points[parents[other]])
                length = distance(pins[i], where)
                if length < least:
                    least = length
                    outside[i] = (length, other, where)
    return Tree(points, parents)


def _nearest(point: Point, a: Point, b: Point) -> Point:
    """The place in the box of two points that is nearest to a third."""
    return sorted((a[0], b[0], point[0]))[1], sorted((a[1], b[1], point[1]))[1]
