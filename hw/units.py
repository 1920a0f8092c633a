"""Every component that can be generated alone, by name."""

from collections.abc import Callable

from amaranth.lib.wiring import Component

from hw.accumulate.bfloat16_packer import Bfloat16Packer
from hw.accumulate.block_accumulator import BlockAccumulator, ResultConverter
from hw.accumulate.result_finisher import ResultFinisher
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
from hw.dot.dot_product import DotProduct
from hw.quantize.block_packer import BlockPacker
from hw.quantize.block_quantizer import BlockQuantizer
from hw.quantize.block_unpacker import BlockUnpacker
from hw.quantize.operand_expander import OperandExpander

__all__ = ["UNITS", "make_unit"]


def _accumulator(c: CoreConfig) -> Component:
    return BlockAccumulator(c.accumulator_kind, c.joined_sum_width, c.scale_width, c.interleave, c.accumulator_cycles,
                            c.joined_fraction_width, c.clock_gating)  # fmt: skip


def _converter(c: CoreConfig) -> Component:
    return ResultConverter(c.accumulator_kind, c.block_sum_width, c.scale_width)


UNITS: dict[str, Callable[[CoreConfig], Component]] = {
    "core": Core,
    "operand_expander": lambda c: OperandExpander(c.lanes),
    "block_quantizer": BlockQuantizer,
    "block_unpacker": BlockUnpacker,
    "loader": lambda c: Loader(c, c.rows),
    "operand_buffer": lambda c: OperandBuffer(c, c.mesh_rows, c.tile_rows),
    "dot_product": lambda c: DotProduct(
        c.multiplier_width, c.dot // c.group, datapath=c.datapath, cycles=c.tree_cycles, gated=c.clock_gating
    ),
    "block_accumulator": _accumulator,
    "result_converter": _converter,
    "processing_element": ProcessingElement,
    "tile": Tile,
    "mesh": Mesh,
    "command_decoder": CommandDecoder,
    "sequencer": lambda c: Sequencer(c, Mesh(c).drain_cycles),
    "result_buffer": lambda c: ResultBuffer(c, Mesh(c).result_width, 4),
    "result_finisher": lambda c: ResultFinisher(c.tile_columns),
    "bfloat16_packer": lambda c: Bfloat16Packer(c.tile_columns),
    "block_packer": BlockPacker,
    "counters": lambda c: Counters(c, BlockQuantizer(c).health.shape()),
}
"""Constructors by name, in the order of the data's way."""


def make_unit(name: str, config: CoreConfig) -> Component:
    """The component ``name`` of the machine ``config``.

    Raises
    ------
    ValueError
        for a name that does not exist; the text lists those that do.
    """
    if name not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {name}")
    return UNITS[name](config)
