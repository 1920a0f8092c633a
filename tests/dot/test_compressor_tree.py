"""The tree of a whole dot product: sums of products given as bits and signs."""

from random import Random

import pytest

from hw.dot.compressor_tree import CompressorTree
from hw.dot.product import product_columns
from tests.logic import component_outputs


@pytest.mark.parametrize("addend_width", [0, 14])
@pytest.mark.parametrize(("mantissa_width", "dot"), [(2, 9), (4, 1), (4, 6), (5, 4)])
def test_sum_of_bits_less_signs(mantissa_width, dot, addend_width):
    """``sum = Σ bits << columns - bound * Σ sign`` modulo the width, whatever the bits are."""
    tree, columns = CompressorTree(mantissa_width, dot, addend_width=addend_width), product_columns(mantissa_width)
    bound = ((1 << mantissa_width - 1) - 1) ** 2
    rng, vectors = Random(dot), []
    for trial in range(60):
        bits = rng.getrandbits(dot * len(columns)) if trial > 1 else -trial & (1 << dot * len(columns)) - 1
        signs = rng.getrandbits(dot) if trial > 3 else -(trial & 1) & (1 << dot) - 1
        vectors.append({"bits": bits, "signs": signs})
        if addend_width:
            vectors[-1]["addend"] = rng.getrandbits(addend_width)
    for vector, (got,) in zip(vectors, component_outputs(tree, ("sum",), vectors), strict=True):
        total = sum((vector["bits"] >> i & 1) << columns[i % len(columns)] for i in range(dot * len(columns)))
        total += vector.get("addend", 0) - bound * vector["signs"].bit_count()
        assert got % (1 << tree.width) == total % (1 << tree.width)


def test_width_is_that_of_the_largest_sum():
    """64 products of 7 times 7, of either sign, need 13 bits; with an addend the sum is as wide as that."""
    assert CompressorTree(4, 64).width == 13
    assert CompressorTree(4, 64, addend_width=20).width == 20
