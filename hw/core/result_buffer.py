"""The result buffer: output tiles from the drain chains, gathered into panels of C and read row by row."""

from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out

from hw.accumulate.block_accumulator import ResultConverter
from hw.array.tile import drain_layout
from hw.config import CoreConfig
from hw.core.ram import Ram
from hw.emit import place
from hw.names import named
from hw.sequence.layouts import tile_layout

__all__ = ["ResultBuffer", "beat_layout"]


def beat_layout(config: CoreConfig) -> data.StructLayout:
    """``tile_columns`` neighbouring elements of a row of C.

    Attributes
    ----------
    data
        FP32 words.
    keep
        elements that belong to C.
    row_first
        the row is the first of its panel.
    row_last
        the beat ends its row of the panel.
    last
        and C.
    """
    lanes = config.tile_columns
    return data.StructLayout(
        {"data": data.ArrayLayout(32, lanes), "keep": lanes, "row_first": 1, "row_last": 1, "last": 1}
    )


class ResultBuffer(Component):
    """``result_panels`` panels of ``output_rows`` × ``panel_columns`` FP32 elements: one fills while another leaves.

    C leaves panel by panel from the north, within a stripe of ``output_rows`` rows from the west, and within a panel
    row by row, ``tile_columns`` elements per beat, one beat per cycle. Rows and columns beyond the product are left out.
    Where C leaves by several streams, this is one of them: it has ``chain_rows`` of a stripe's rows, from the row ``first`` on,
    and sends as many as the northern stream; those beyond the product have nothing to keep.

    Attributes
    ----------
    i_drain
        per tile column, one cycle later than its western neighbour.
    i_tile
        output tiles in order, at issue.
    o
        beats.
    panel_free
        a panel has left.
    busy
        results are on their way or waiting.
    """

    def __init__(self, config: CoreConfig, result_width: int, tiles_in_flight: int, first: int = 0) -> None:
        self.config = config
        self.first = first
        self.output_rows = config.chain_rows * config.interleave
        self.result_width = result_width
        self.tiles_in_flight = tiles_in_flight
        super().__init__(
            {
                "i_drain": In(drain_layout(config, result_width)).array(config.mesh_columns),
                "i_tile": In(tile_layout(config)),
                "o": Out(stream.Signature(beat_layout(config))),
                "panel_free": Out(1),
                "busy": Out(1),
            }
        )

    @property
    def module_name(self) -> str:
        return named("result_buffer", self.config.name, w=self.result_width, f=self.tiles_in_flight, r=self.first)

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        panel_words = self.output_rows * c.panel_tiles
        memories = []
        for column in range(c.mesh_columns):
            memories.append(place(m, platform, f"panel_{column}", Ram(1, c.tile_columns * 32, c.result_panels * panel_words)))
        tile_width = tile_layout(c).size
        m.submodules.tiles = tiles = SyncFIFO(width=tile_width, depth=self.tiles_in_flight)
        m.submodules.panels = panels = SyncFIFO(width=tile_width, depth=c.result_panels)
        m.d.comb += [tiles.w_data.eq(self.i_tile.as_value()), tiles.w_en.eq(self.i_tile.valid)]
        self._collect(m, platform, memories, tiles, panels, panel_words)
        self._send(m, memories, panels, panel_words)
        waiting = Signal(range(self.tiles_in_flight + c.result_panels + 1))
        m.d.sync += waiting.eq(waiting + (self.i_tile.valid & self.i_tile.panel_last) - self.panel_free)
        m.d.comb += self.busy.eq((waiting != 0) | tiles.r_rdy)
        return m

    def _collect(self, m: Module, platform: object, memories: Any, tiles: Any, panels: Any, panel_words: int) -> None:
        """Result n of a drain column belongs to array row n div slots, slot n mod slots: row slot * rows + array row of C."""
        c = self.config
        tile = data.View(tile_layout(c), tiles.r_data)
        panel, array_row, slot = Signal(range(c.result_panels)), Signal(range(c.chain_rows)), Signal(range(c.interleave))
        # An entry per drain column: where its result goes, one cycle later for each column to the east.
        entry = data.StructLayout({"address": range(c.result_panels * panel_words), "done": 1, "tile": tile_layout(c)})
        place_ = Signal(entry)
        # Drains are registered first: the array's control and this one's do not share a cycle.
        valid, values = Signal(), []
        m.d.sync += valid.eq(self.i_drain[0].valid)
        for column, drain in enumerate(self.i_drain):
            words = Signal.like(drain.values, name=f"words_{column}", reset_less=True)
            m.d.sync += words.eq(drain.values)
            lanes = []
            for lane in range(c.tile_columns):
                converter = ResultConverter(c.accumulator_kind, c.block_sum_width, c.scale_width)
                place(m, platform, f"converter_{column}_{lane}", converter)
                m.d.comb += converter.i.eq(words[lane])
                lanes.append(converter.o)
            values.append(Cat(lanes))
        slot_ends, tile_ends = Signal(), Signal()
        m.d.comb += [
            slot_ends.eq(slot == tile.slots - 1),
            tile_ends.eq(slot_ends & (array_row == c.chain_rows - 1)),
            place_.address.eq(panel * panel_words + (slot * c.chain_rows + array_row) * c.panel_tiles + tile.panel_tile),
            place_.done.eq(valid & tile_ends & tile.panel_last),
            place_.tile.eq(tile),
            tiles.r_en.eq(valid & tile_ends),
        ]
        with m.If(valid):
            m.d.sync += slot.eq(slot + 1)
            with m.If(slot_ends):
                m.d.sync += [slot.eq(0), array_row.eq(array_row + 1)]
            with m.If(tile_ends):
                m.d.sync += array_row.eq(0)
                with m.If(tile.panel_last):
                    m.d.sync += panel.eq(self._after(panel))
        for column, memory in enumerate(memories):
            m.d.comb += [
                memory.write_address.eq(place_.address),
                memory.write_data.eq(values[column]),
                memory.write_enable.eq(valid),
            ]
            if column + 1 < c.mesh_columns:
                place_next, valid_next = Signal(entry, name=f"place_{column + 1}"), Signal(name=f"valid_{column + 1}")
                m.d.sync += [place_next.eq(place_), valid_next.eq(valid)]
                place_, valid = place_next, valid_next
        m.d.comb += [panels.w_data.eq(place_.tile.as_value()), panels.w_en.eq(place_.done)]

    def _send(self, m: Module, memories: Any, panels: Any, panel_words: int) -> None:
        c = self.config
        panel = data.View(tile_layout(c), panels.r_data)
        number, row, panel_tile = (Signal(range(n)) for n in (c.result_panels, self.output_rows, c.panel_tiles))
        column, columns_left = Signal(range(c.mesh_columns)), Signal(range(c.panel_columns + 1))
        fresh = Signal(init=1)
        left = Signal.like(columns_left)
        m.d.comb += left.eq(Mux(fresh, panel.columns, columns_left))
        row_ends, panel_ends, real = Signal(), Signal(), Signal(init=1)
        rows_end = row == panel.rows - 1
        if c.result_streams > 1:
            rows_end = rows_end | (row == self.output_rows - 1)
            m.d.comb += real.eq(row + self.first < panel.rows)
        m.d.comb += [
            row_ends.eq(left <= c.tile_columns),
            panel_ends.eq(row_ends & rows_end),
        ]
        advance = Signal()
        m.d.comb += advance.eq(~self.o.valid | self.o.ready)
        for memory in memories:
            m.d.comb += [
                memory.read_address.eq(number * panel_words + row * c.panel_tiles + panel_tile),
                memory.read_enable.eq(advance),
            ]
        sent_column = Signal.like(column)
        m.d.comb += [
            self.o.payload.data.eq(Array(memory.read_data for memory in memories)[sent_column]),
            panels.r_en.eq(advance & panel_ends),
            self.panel_free.eq(panels.r_en & panels.r_rdy),
        ]
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(panels.r_rdy),
                sent_column.eq(column),
                self.o.payload.keep.eq(Cat((left > lane) & real for lane in range(c.tile_columns))),
                self.o.payload.row_first.eq(row == 0),
                self.o.payload.row_last.eq(row_ends),
                self.o.payload.last.eq(panel_ends & panel.last),
            ]
        with m.If(advance & panels.r_rdy):
            m.d.sync += [fresh.eq(row_ends), columns_left.eq(left - c.tile_columns)]
            with m.If(column == c.mesh_columns - 1):
                m.d.sync += [column.eq(0), panel_tile.eq(panel_tile + 1)]
            with m.Else():
                m.d.sync += column.eq(column + 1)
            with m.If(row_ends):
                m.d.sync += [column.eq(0), panel_tile.eq(0), row.eq(row + 1)]
            with m.If(panel_ends):
                m.d.sync += [row.eq(0), number.eq(self._after(number))]

    def _after(self, panel: Signal) -> Value:
        """The number of the panel after this one in the memories."""
        return Mux(panel == self.config.result_panels - 1, 0, panel + 1)
