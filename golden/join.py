"""Products of several blocks joined as integers, so that they take one floating-point addition."""

from collections.abc import Sequence

import numpy as np

from golden.dot import BlockProducts

__all__ = ["JOIN_GUARD", "join"]

JOIN_GUARD = 4
"""Bits kept below the unit of the greater of two blocks that are joined."""


def join(products: Sequence[BlockProducts], count: int) -> BlockProducts:
    """Products of up to ``count`` blocks that follow one another as one: two and two joined, then those.

    Of two the greater scale counts: the sum of the other is rounded to ``JOIN_GUARD`` bits below that one's unit, ties up, and
    they are added. So nothing is lost while scales differ by no more than ``JOIN_GUARD``.

    Parameters
    ----------
    products
        of 1 … ``count`` blocks; the ones that a group lacks count as zero.
    count
        1, 2 or 4.

    Returns
    -------
    BlockProducts
        BlockProducts of arrays of the same shape, NaN where any of them is.
    """
    if count == 1:
        return products[0]
    half = count // 2
    first = join(products[:half], half)
    if len(products) <= half:
        return BlockProducts(first.sums << JOIN_GUARD, first.scales - JOIN_GUARD, first.nan)
    second = join(products[half:], half)
    top = np.maximum(first.scales, second.scales)
    sums = sum(
        (((term.sums << JOIN_GUARD + 1) >> np.minimum(top - term.scales, 62)) + 1) >> 1 for term in (first, second)
    )
    return BlockProducts(np.asarray(sums), top - JOIN_GUARD, first.nan | second.nan)
