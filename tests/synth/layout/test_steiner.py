"""Trees through pins, held against bounds and, where there are few, against all trees."""

from random import Random

import pytest

from synth.layout.steiner import distance, steiner_tree


def spanning(pins) -> int:
    """Length of the shortest tree without further points (Prim)."""
    outside, total = {i: distance(pins[0], pin) for i, pin in enumerate(pins) if i}, 0
    while outside:
        new = min(outside, key=outside.__getitem__)
        total += outside.pop(new)
        outside = {i: min(least, distance(pins[i], pins[new])) for i, least in outside.items()}
    return total


def box(pins) -> int:
    return sum(max(values) - min(values) for values in zip(*pins, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 25, 60])
def test_spans_all_pins_between_the_bounds(count):
    rng = Random(count)
    for size in (6, 1000):  # with pins in one place, and without
        for _ in range(30 if count < 60 else 5):
            pins = [(rng.randrange(size), rng.randrange(size)) for _ in range(count)]
            tree = steiner_tree(pins)
            assert tree.points[:count] == pins
            for point in range(len(tree.points)):
                steps = 0
                while tree.parents[point] >= 0:
                    point, steps = tree.parents[point], steps + 1
                    assert steps < len(tree.points)
                assert point == 0
            assert box(pins) <= tree.length <= spanning(pins)
            if count <= 3:
                assert tree.length == box(pins)


def test_four_corners_share_a_trunk():
    assert steiner_tree([(0, 0), (10, 2), (0, 2), (10, 0)]).length == 14
    assert steiner_tree([(5, 0), (0, 5), (10, 5), (5, 10)]).length == 20


def test_saves_about_a_tenth_of_random_nets():
    rng = Random(5)
    nets = [[(rng.randrange(1000), rng.randrange(1000)) for _ in range(12)] for _ in range(50)]
    share = sum(steiner_tree(net).length for net in nets) / sum(map(spanning, nets))
    assert 0.88 < share < 0.92
