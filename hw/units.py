"""Every component that can be generated alone, by name."""

from collections.abc import Callable

from amaranth.lib.wiring import Component

from hw.accumulate.block_accumulator import BlockAccumulator, ResultConverter
from hw.array.dot_product import DotProduct
from hw.array.mesh import Mesh
from hw.array.processing_element import ProcessingElement
from hw.array.tile import Tile
from hw.config import CoreConfig
from hw.core.core import Core
from hw.core.counters import Counters
from hw.core.decoder import CommandDecoder
from hw.core.loader import Loader
from hw.core.operand_buffer import OperandBuffer
from hw.core.result_buffer import ResultBuffer
from hw.core.sequencer import Sequencer
from hw.quantize.block_quantizer import BlockQuantizer

__all__ = ["UNITS", "make_unit"]


def _accumulator(c: CoreConfig) -> Component:
    return BlockAccumulator(c.accumulator, c.block_sum_width, c.scale_width, c.interleave, c.accumulator_cycles)


def _converter(c: CoreConfig) -> Component:
    return ResultConverter(c.accumulator, c.block_sum_width, c.scale_width)


UNITS: dict[str, Callable[[CoreConfig], Component]] = {
    "core": Core,
    "block_quantizer": BlockQuantizer,
    "loader": lambda c: Loader(c, c.rows),
    "operand_buffer": lambda c: OperandBuffer(c, c.mesh_rows, c.tile_rows),
    "dot_product": lambda c: DotProduct(c.multiplier_width, c.dot, datapath=c.datapath, cycles=c.tree_cycles),
    "block_accumulator": _accumulator,
    "result_converter": _converter,
    "processing_element": ProcessingElement,
    "tile": Tile,
    "mesh": Mesh,
    "command_decoder": CommandDecoder,
    "sequencer": lambda c: Sequencer(c, Mesh(c).drain_cycles),
    "result_buffer": lambda c: ResultBuffer(c, Mesh(c).result_width, 4),
    "counters": lambda c: Counters(c, BlockQuantizer(c).health.shape()),
}
"""Constructors by name, in the order of the data's way."""


def make_unit(name: str, config: CoreConfig) -> Component:
    """The component ``name`` of the machine ``config``.

    Raises
    ------
    ValueError : for a name that does not exist; the text lists those that do.
    """
    if name not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {name}")
    return UNITS[name](config)
