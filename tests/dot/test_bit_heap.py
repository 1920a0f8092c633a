"""Heaps of bits against sums of integers, and how few adders they take."""

from random import Random

import pytest
from amaranth.hdl import Cat, Const

from hw.dot.bit_heap import AdderNetwork, BitHeap, constant_digits
from tests.logic import cycles, outputs


def heap_sum(m, bits, columns, width, constant=0, numbers=(), ranks=0):
    """Sum of ``bits[i] << columns[i]``, a constant and (value, column, sign) ``numbers``."""
    network = AdderNetwork()
    heap = BitHeap(network, width, constant)
    for bit, column in zip(bits, columns, strict=True):
        heap.add(network.net(bit), column)
    for value, column, sign in numbers:
        heap.add_number([network.net(bit) for bit in value], column, sign)
    return Cat(network.place(m, None, heap.reduce(), ranks))


@pytest.mark.parametrize("seed", range(6))
def test_sum_of_weighted_bits(seed):
    """Any number of bits of any weight, beyond the width too, and a constant of either sign."""
    rng, width, count = Random(seed), 8, 14
    columns = [rng.randrange(width + 1) for _ in range(count)]
    constant = rng.randrange(-200, 200)
    vectors = [{"bits": rng.getrandbits(count)} for _ in range(200)]
    found = outputs({"bits": count}, lambda m, bits: heap_sum(m, bits, columns, width, constant), vectors)
    for vector, got in zip(vectors, found, strict=True):
        total = sum((vector["bits"] >> i & 1) << column for i, column in enumerate(columns))
        assert got == (total + constant) % 256


def test_numbers_are_added_and_subtracted():
    vectors = [{"x": x, "y": y} for x in range(16) for y in range(8)]

    def logic(m, x, y):
        return heap_sum(m, [], [], 7, 5, ((x, 1, 1), (y, 2, -1)))

    found = outputs({"x": 4, "y": 3}, logic, vectors)
    assert found == [(2 * v["x"] - 4 * v["y"] + 5) % 128 for v in vectors]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_zero_among_a_number_s_bits(sign):
    """``None``, as a reduced heap leaves it for a column without bits, is 0 when added and when subtracted."""
    def logic(m, x):
        network = AdderNetwork()
        heap = BitHeap(network, 6, 20)
        low, high = (network.net(x[i]) for i in (0, 1))
        heap.add_number([low, None, high], 0, sign)
        return Cat(network.place(m, None, heap.reduce(), 0))

    found = outputs({"x": 2}, logic, [{"x": x} for x in range(4)])
    assert found == [20 + sign * ((x & 1) + 4 * (x >> 1)) for x in range(4)]


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_registers_keep_the_bits_in_step(ranks):
    rng, columns = Random(ranks), [i % 5 for i in range(25)]
    vectors = [{"bits": rng.getrandbits(25)} for _ in range(40)] + [{}] * ranks

    def logic(m, bits):
        return heap_sum(m, bits, columns, 9, 3, ranks=ranks), bits[0]

    found = [total for total, _ in cycles({"bits": 25}, logic, vectors)]
    for vector, got in zip(vectors, found[ranks:], strict=False):
        assert got == sum((vector["bits"] >> i & 1) << column for i, column in enumerate(columns)) + 3


def test_a_column_of_bits_takes_no_more_adders_than_bits():
    """n bits of one weight and a sum of w bits: at most n - popcount-like many full and half adders."""
    network = AdderNetwork()
    heap = BitHeap(network, 6)
    for _ in range(31):
        heap.add(network.net(Const(1, 1)), 0)
    heap.reduce()
    assert len(network.cells) == 26  # 31 bits become 5: every adder takes one away
    assert {cell.kind for cell in network.cells} == {"full"}


@pytest.mark.parametrize("value", [1, 2, 3, 7, 49, 225, 961, 3969, 16129, 0b1011011])
def test_digits_make_the_constant(value):
    """No more than a constant's ones, and none adjacent where there are fewer that way."""
    digits = constant_digits(value)
    assert sum(sign << exponent for exponent, sign in digits) == value
    assert len(digits) <= value.bit_count()
