"""One product of two mantissas: every pair, minus zero included."""

import pytest
from amaranth.sim import Simulator

from hw.dot.product import Product, product_columns


@pytest.mark.parametrize("mantissa_width", [2, 3, 4, 5])
def test_product_is_exact_for_every_pair(mantissa_width):
    product = Product(mantissa_width)
    largest = 2 ** (mantissa_width - 1) - 1

    async def bench(ctx):
        for code in range(4**mantissa_width):
            a, b = code % 2**mantissa_width, code >> mantissa_width
            ctx.set(product.a, {"magnitude": a & largest, "sign": a >> mantissa_width - 1})
            ctx.set(product.b, {"magnitude": b & largest, "sign": b >> mantissa_width - 1})
            await ctx.delay(1e-9)
            bits = ctx.get(product.bits)
            value = sum((bits >> i & 1) << column for i, column in enumerate(product.columns))
            signs = (a ^ b) >> mantissa_width - 1
            expected = (a & largest) * (b & largest) * (-1 if signs else 1)
            assert value - product.bound * ctx.get(product.sign) == expected, (a, b)

    simulator = Simulator(product)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("mantissa_width", range(2, 9))
def test_columns_can_make_the_largest_product(mantissa_width):
    """Bits of all columns together reach the bound and no more than full adders of the partial products leave."""
    columns = product_columns(mantissa_width)
    magnitude = mantissa_width - 1
    assert sum(1 << column for column in columns) >= (2**magnitude - 1) ** 2 == Product(mantissa_width).bound
    assert max(columns.count(column) for column in columns) <= 2
    assert max(columns) < 2 * magnitude
