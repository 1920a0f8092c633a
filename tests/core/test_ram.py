"""The memory against a list."""

from random import Random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from hw.core.ram import Ram
from tests.bench import parameters, simulate
from tests.layouts import step
from tests.streams import start_clock

SHAPES = [(3, 5, 6), (1, 4, 1)]


@cocotb.test()
async def reads_what_was_written_granule_by_granule(dut):
    """Granules read while they are written come inverted; a read that is not enabled changes nothing."""
    granules, width, depth = (parameters()[name] for name in ("granules", "width", "depth"))
    rng = Random(1)
    words = [[None] * granules for _ in range(depth)]
    held = [None] * granules
    start_clock(dut)
    await RisingEdge(dut.clk)
    for _ in range(1500):
        address, reads = rng.randrange(depth), rng.random() < 0.7
        target, mask, new = rng.randrange(depth), rng.getrandbits(granules), rng.getrandbits(granules * width)
        (word,) = await step(
            dut, ["read_data"], read_address=address, read_enable=reads, write_address=target, write_enable=mask,
            write_data=new,
        )  # fmt: skip
        for n, part in enumerate(held):
            assert part is None or word >> n * width & (1 << width) - 1 == part
        if reads:
            held = list(words[address])
        for n in range(granules):
            if mask >> n & 1:
                words[target][n] = new >> n * width & (1 << width) - 1
                if reads and address == target:
                    held[n] = words[target][n] ^ (1 << width) - 1


@pytest.mark.cocotb
@pytest.mark.parametrize("shape", SHAPES)
def test_ram(shape):
    values = dict(zip(("granules", "width", "depth"), shape, strict=True))
    assert simulate(Ram(*shape), "tests.core.test_ram", values) == 1
