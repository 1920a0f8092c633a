from dataclasses import replace

import pytest

from hw.config import CoreConfig
from sim.network.memory import Memory, Traffic, element_bits, row_bits
from tests.sim.messages import rejects


def test_published_storage_per_element():
    # S. B. Harma et al.: 4.125 bits for HBFP4 with N = 64 and an 8-bit exponent; MXFP6 (N = 32, E8M0) takes 6.25.
    assert element_bits("packed", 4, 64) == 4.125
    assert element_bits("packed", 6, 64) == 6.125
    assert 1 - element_bits("packed", 4, 64) / 6.25 == pytest.approx(0.34, abs=0.001)
    assert (element_bits("fp32"), element_bits("bf16")) == (32, 16)


@pytest.mark.parametrize(("length", "blocks"), [(1, 1), (64, 1), (65, 2), (640, 10)])
def test_packed_rows_are_whole_blocks(length, blocks):
    assert row_bits(length, "packed", 4, 64, 8) == blocks * 264


def test_unpacked_rows_have_no_padding():
    assert row_bits(65, "fp32") == 65 * 32
    assert row_bits(65, "bf16") == 65 * 16


def test_traffic_scales():
    assert Traffic(8, 16, 24).scaled(2) == Traffic(16, 32, 48)
    assert Traffic(16, 32, 8).bytes == 7


def test_operands_are_blocks_where_the_core_takes_them():
    core = CoreConfig()
    blocks = replace(core, features=("packed",))
    assert (Memory().behind(core).operands, Memory().behind(blocks).operands) == ("fp32", "packed")
    assert Memory(operands="fp32").behind(blocks).operands == "fp32"
    assert Memory(operands="bf16", results="packed").features == ("bfloat16", "requantize")
    with rejects(ValueError, "operands packed need the feature packed, which the core lacks"):
        Memory(operands="packed").behind(core)
    with rejects(ValueError, "results packed need the feature requantize, which the core lacks"):
        Memory(results="packed").behind(blocks)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bytes_per_cycle": 0}, "bytes_per_cycle must be above 0, not 0"),
        ({"bytes_per_cycle": float("nan")}, "bytes_per_cycle must be above 0, not nan"),
        ({"operands": "fp8"}, "operands must be one of packed, bf16, fp32, not fp8"),
        ({"results": "int8"}, "results must be one of packed, bf16, fp32, not int8"),
        ({"patches": "cached"}, "patches must be streamed or gathered, not cached"),
    ],
)
def test_rejects(parameters, message):
    with rejects(ValueError, message):
        Memory(**parameters)
