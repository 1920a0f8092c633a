"""The array: a systolic mesh of tiles."""

from amaranth.hdl import Module
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.array.control import control_layout
from hw.array.tile import Tile, drain_layout
from hw.config import CoreConfig
from hw.emit import place
from hw.names import named
from hw.timing import Timing
from hw.types import block_slice

__all__ = ["Mesh"]


class Mesh(Component):
    """``mesh_rows`` × ``mesh_columns`` tiles: A and control travel east, B south, results north.

    Tile row ``i`` takes its A operands and control ``i`` cycles after tile row 0, tile column ``j`` its B operands ``j``
    cycles after tile column 0; the feeding buffers see to that. Drain column ``j`` runs ``j`` cycles after column 0.
    Nothing in the mesh stalls. ``result_cycles`` after the entry of the final step of an output tile its first results
    are at ``o_drain[0]``; all ``rows * interleave`` have passed within ``drain_cycles``. With several ``result_streams`` as
    many rows of tiles drain by themselves, each as late as its first tile row is.

    Attributes
    ----------
    i_a, i_control
        one entry per tile row;
    i_b, o_drain
        one entry per tile column; of results, of the northern stream first.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.tile = Tile(config)
        operand = block_slice(config.multiplier_width, config.dot, config.scale_width, config.group)
        self.result_width = self.tile.result_width
        super().__init__(
            {
                "i_a": In(data.ArrayLayout(operand, config.tile_rows)).array(config.mesh_rows),
                "i_b": In(data.ArrayLayout(operand, config.tile_columns)).array(config.mesh_columns),
                "i_control": In(control_layout(config)).array(config.mesh_rows),
                "o_drain": Out(drain_layout(config, self.result_width)).array(config.result_streams * config.mesh_columns),
            }
        )

    @property
    def module_name(self) -> str:
        return named(f"mesh_{self.config.mesh_rows}x{self.config.mesh_columns}", self.tile.module_name)

    @property
    def result_cycles(self) -> int:
        """Cycles from the entry of a step to its result at the north end of the drain of column 0."""
        return Timing(self.config).result_cycles

    @property
    def drain_cycles(self) -> int:
        """Least distance of the last capture of an output tile and the first of the next."""
        return Timing(self.config).drain_cycles

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        chain = c.mesh_rows // c.result_streams
        tiles = [
            [place(m, platform, f"tile_{row}_{column}", Tile(c)) for column in range(c.mesh_columns)]
            for row in range(c.mesh_rows)
        ]
        for row in range(c.mesh_rows):
            for column in range(c.mesh_columns):
                tile = tiles[row][column]
                west = tiles[row][column - 1] if column else None
                north = tiles[row - 1][column] if row else None
                m.d.comb += [
                    tile.i_a.eq(west.o_a if west else self.i_a[row]),
                    tile.i_control.eq(west.o_control if west else self.i_control[row]),
                    tile.i_b.eq(north.o_b if north else self.i_b[column]),
                    (north.i_drain if north is not None and row % chain else self.o_drain[row // chain * c.mesh_columns + column])
                    .eq(tile.o_drain),
                ]
        return m
