"""What a machine cannot do without: the cycles of its array at its peak, and of its ports at their width.

The **compute bound** of a product is M·N·ceil(K/B)·B multiply-accumulates over the peak, times the passes of its mantissa width:
padding of K to whole blocks is the format's and counts, edges of M and N that do not fill the array do not.

The **port bound** is the bits that must cross the streams at least once, over the width of all streams together: each
distinct element of A and B once in, each of C once out, in the formats in which the memory holds them. Unfolded patches and
operands that are loaded again are the plan's doing and do not count.

A network's bounds are the sums over its products, and no plan beats the larger one.
"""

from hw.command import MOST_TAPS
from hw.config import CoreConfig
from sim.model import Rates
from sim.network.memory import Memory, element_bits
from sim.workloads import LayerProduct

__all__ = ["compute_bound", "on_chip_bits", "port_bound", "port_width"]


def port_width(config: CoreConfig, rates: Rates) -> float:
    """Bits that the streams of A, B and C pass in a cycle, together."""
    operands = rates.a + rates.b if rates.operands is None else rates.operands
    return float(32 * (config.lanes * operands + config.tile_columns * config.result_streams * rates.c))


def on_chip_bits(config: CoreConfig) -> int:
    """Bits of the core's memories: two halves of each operand buffer, origins of patches, the panels of results in FP32."""
    block = config.block_size * config.storage_width + config.exponent_width
    origin = config.position_width + 2 * MOST_TAPS if config.walks else 0
    operands = 2 * config.operand_depth * ((config.rows + config.columns) * block + config.rows * origin)
    return operands + config.result_panels * config.output_rows * config.panel_columns * 32


def compute_bound(config: CoreConfig, product: LayerProduct, width: int) -> float:
    """Cycles of a product, all its repeats, on an array that is never idle."""
    blocks = config.groups(product.k) * config.group_size
    work = product.m * product.n * blocks * product.repeats * config.slices(width) ** 2
    return work / config.macs_per_cycle


def port_bound(config: CoreConfig, product: LayerProduct, width: int, memory: Memory, rates: Rates | None) -> float:
    """Cycles of a product on streams that are never idle; 0 where ports do not count.

    Parameters
    ----------
    config, product, width
        the core, the product, and the mantissa width of both operands.
    memory
        what operands and results are stored as, nothing left open.
    rates
        of the streams, or None.
    """
    if rates is None:
        return 0.0
    block = (width, config.block_size, config.exponent_width)
    operands, results = (element_bits(storage, *block) for storage in (memory.operand_storage, memory.results))
    a, b, c = product.tensors
    return ((a + b) * operands + c * results) / port_width(config, rates)
