"""Results on their way out: every element of C leaves once, in its place, through the result buffer and the requantizer."""

from pathlib import Path
from unittest.mock import patch

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from hw.config import CoreConfig
from hw.core.requantizer import Requantizer
from hw.core.result_buffer import ResultBuffer
from hw.emit import place, ports_of
from hw.quantize.block_quantizer import BlockQuantizer
from tests.prove.bench import Stage
from tests.prove.kinds.output_stage import blocks
from tests.prove.monitors import conveyor, drive, ends, stays, transfer
from tests.prove.property import Property, every_time, some_cycles
from tests.prove.solvers import Change

__all__ = ["PROPERTIES"]

ONE = 0x3F800000  # of FP32


def requantizing(columns: int) -> Stage:
    """Elements +1, -1 and absent, in beats of ``columns``, into blocks of four, two a beat: signs show the places."""
    config = CoreConfig(
        (2,), block_size=4, lanes=2, dot=4, tile_rows=1, tile_columns=columns, panel_columns=4, rounding_modes=("truncate",),
        features=("requantize",),
    )  # fmt: skip
    size, lanes = config.block_size, config.lanes

    def describe(bench: Stage, m: Module, platform: object) -> None:
        part = place(m, platform, "requantizer", Requantizer(config))
        taken, beat, index, out = part.i.payload, part.o.payload, Signal(range(size)), Signal()
        m.d.comb += [taken.data.eq(Cat(Cat(Const(ONE, 31), sign) for sign in bench.signs)), part.o.ready.eq(bench.o_ready)]
        drive(bench, m, part.i, ("keep", "row_last", "last"))
        bench.require(taken.row_last | ~taken.last)
        block_ends = taken.row_last | (index == size - columns)
        with m.If(transfer(part.i)):
            m.d.sync += index.eq(Mux(block_ends, 0, index + columns))
        with m.If(transfer(part.o)):
            m.d.sync += out.eq(~out)
        codes = [keep & sign for keep, sign in zip(taken.keep, bench.signs, strict=True)]
        entered = Mux(transfer(part.i), Mux(block_ends, size - index, columns), 0)
        conveyor(
            bench, m, [*codes, *[Const(0, 1)] * (size - columns)], entered, [m_.sign for m_ in beat.mantissas],
            Mux(transfer(part.o), lanes, 0), choose=bench.choose, place=bench.place, capacity=3 * size + 5 * lanes,
        )  # fmt: skip
        bench.claim(~part.o.valid | (beat.last == out))
        stays(bench, m, part.o)
        ends(bench, m, part.o.ready & part.i.valid & ~part.i.ready, size // lanes + 2, "entry")

    shapes = {"i_valid": 1, "i_keep": columns, "i_row_last": 1, "i_last": 1, "signs": columns, "o_ready": 1, "choose": 1,
              "place": range(size)}  # fmt: skip
    return Stage(f"requantizing_{columns}", shapes, describe)


def marking(folder: Path, seconds: float, change: Change) -> None:
    """What goes to a quantizer, that does as its rule says, with its beats; and the marks beside its blocks."""
    config = CoreConfig(block_size=8, lanes=4, dot=4, tile_rows=1, tile_columns=2, panel_columns=8, features=("requantize",))
    columns, lanes, beats = config.tile_columns, config.lanes, config.block_size // config.lanes
    component, inner = Requantizer(config), BlockQuantizer(config)
    free = {f"inner_{port}": value for port, way, value in ports_of(inner) if way == "out"}

    def describe(bench: Stage, m: Module, platform: object) -> None:
        m.submodules.part = part = component
        m.d.comb += [value.eq(getattr(bench, name)) for name, value in free.items()]
        taken, beat = part.i.payload, inner.i.payload
        m.d.comb += [
            part.o.ready.eq(bench.o_ready),
            Value.cast(part.settings).eq(Cat(bit.replicate(size) for bit, size in zip(bench.setting, (4, 2, 32), strict=True))),
        ]  # fmt: skip
        drive(bench, m, part.i, ("row_last", "last"))
        bench.require(taken.row_last | ~taken.last)
        blocks(m, inner, "inner", bench.claim, bench.require)
        offset, index, first = Signal(range(lanes)), Signal(range(beats)), Signal(init=1)
        beat_ends = taken.row_last | (offset == lanes - columns)
        block_ends, moves = beat_ends & (taken.row_last | (index == beats - 1)), transfer(part.i)
        with m.If(moves):
            m.d.sync += offset.eq(Mux(beat_ends, 0, offset + columns))
        with m.If(moves & beat_ends):
            m.d.sync += [index.eq(Mux(block_ends, 0, index + 1)), first.eq(taken.last)]
        # What goes with a beat, of which there is one at most.
        first_due, last_due, settings_due = Signal(), Signal(), Signal(len(Value.cast(part.settings)))
        with m.If(moves & beat_ends):
            m.d.sync += [first_due.eq(first), last_due.eq(block_ends), settings_due.eq(Value.cast(part.settings))]
        there = inner.settings
        bench.claim(~inner.i.valid | ((beat.first == first_due) & (beat.last == last_due)))
        bench.claim(~inner.i.valid | (Cat(there.width, there.rounding, there.seed) == settings_due))
        # Blocks leave as the quantizer gives them, each with its mark.
        bench.claim((part.o.valid == inner.o.valid) & (inner.o.ready == bench.o_ready))
        bench.claim(Value.cast(part.o.payload) == Value.cast(inner.o.payload))
        conveyor(
            bench, m, [taken.last], moves & block_ends, [part.tensor_last], transfer(part.o) & part.o.payload.last,
            choose=bench.choose, place=Const(0, 1), capacity=3 + inner.latency_cycles,
        )  # fmt: skip
        ends(bench, m, inner.i.ready & part.i.valid & ~part.i.ready, 0, "entry")

    shapes = {name: len(value) for name, value in free.items()}
    shapes |= {"i_valid": 1, "i_row_last": 1, "i_last": 1, "setting": 3, "o_ready": 1, "choose": 1}  # fmt: skip
    with patch("hw.core.requantizer.place", lambda m, platform, name, part: inner):
        every_time(lambda: Stage("marking", shapes, describe))(folder, seconds, change)


def collecting(config: CoreConfig, tiles: int) -> Stage:
    """Panels of any sizes; one element of one of them, chosen freely, is followed from its drain to its place in C.

    Elements are +1 and -1, of which the sign is followed. Tiles are told at issue and drain in order, later: array row by
    array row and slot by slot, each mesh column a cycle after its western neighbour. As many panels are begun as the buffer
    holds, and up to ``tiles`` tiles of one slot, or half as many of two, drain; the queue has one place more, as a tile
    leaves it a cycle late.
    """
    rows, slots, lanes, mesh = config.chain_rows, config.interleave, config.tile_columns, config.mesh_columns
    tile_beats = config.panel_columns // lanes // config.panel_tiles

    def describe(bench: Stage, m: Module, platform: object) -> None:
        part = place(m, platform, "buffer", ResultBuffer(config, 32, tiles + 1))
        out, tile = part.o.payload, part.i_tile
        m.d.comb += part.o.ready.eq(bench.o_ready)
        # The panel that is issued: its sizes are chosen with its first tile and stay.
        sizes = {"rows": bench.rows, "columns": bench.columns, "slots": bench.slots, "last": bench.last}
        kept = {name: Signal.like(value, name=f"kept_{name}") for name, value in sizes.items()}
        size = {name: Signal.like(value, name=f"panel_{name}") for name, value in sizes.items()}
        index, first, panel_last = Signal(range(max(2, config.panel_tiles))), Signal(), Signal()
        beats, issue, begin = Signal(range(config.panel_columns + 1)), bench.issue, Signal()
        m.d.comb += [
            first.eq(index == 0), begin.eq(issue & first),
            *(size[name].eq(Mux(first, value, kept[name])) for name, value in sizes.items()),
            beats.eq((size["columns"] + (lanes - 1)) // lanes), panel_last.eq(beats <= (index + 1) * tile_beats),
            tile.valid.eq(issue), tile.slots.eq(size["slots"]), tile.rows.eq(size["rows"]), tile.columns.eq(size["columns"]),
            tile.panel_tile.eq(index), tile.panel_last.eq(panel_last), tile.last.eq(panel_last & size["last"]),
        ]  # fmt: skip
        bench.require((bench.rows != 0) & (bench.columns != 0) & (bench.columns <= config.panel_columns))
        bench.require((bench.slots != 0) & (bench.slots <= slots) & (bench.rows <= bench.slots * rows))
        with m.If(issue):
            m.d.sync += [index.eq(Mux(panel_last, 0, index + 1)), *(kept[name].eq(size[name]) for name in sizes)]
        # What is on its way: results in the drains, beats of C, panels.
        drained, sent = bench.drain, transfer(part.o)
        in_drains, in_all = Signal(range(tiles * rows + 1)), Signal(range(3 * rows * slots * config.panel_columns))
        panels = Signal(range(config.result_panels + 1))
        more_drains, more = Mux(issue, size["slots"] * rows, 0), Mux(begin, size["rows"] * beats, 0)
        drains_after, all_after = Signal.like(in_drains), Signal.like(in_all)
        m.d.comb += [drains_after.eq(in_drains - drained), all_after.eq(in_all - sent), part.i_drain[0].valid.eq(drained)]
        m.d.sync += [in_drains.eq(drains_after + more_drains), in_all.eq(all_after + more),
                     panels.eq(panels + begin - part.panel_free)]  # fmt: skip
        bench.require(~drained | (in_drains != 0))
        bench.require(in_drains + more_drains <= tiles * rows)
        bench.require(~begin | (panels != config.result_panels))
        bench.claim(~part.o.valid | (in_all != 0))
        bench.claim(~part.panel_free | (panels != 0))
        words = [[Cat(Const(ONE, 31), bench.signs[column * lanes + lane]) for lane in range(lanes)] for column in range(mesh)]
        for drain, values in zip(part.i_drain, words, strict=True):
            m.d.comb += drain.values.eq(Cat(values))
        # The followed element: its place, the beats of C ahead of it, then the results that drain ahead of it.
        followed, row, column, ahead, due = (
            Signal(shape) for shape in (1, range(rows * slots), range(config.panel_columns), len(in_all), len(in_drains))
        )
        ends_row, last, there, awaited, met, known, value = Signal(7, name="followed_flags")
        new, found, beat = Signal(), Signal(), bench.column // lanes
        m.d.comb += [new.eq(begin & bench.choose & ~followed & bench.started), found.eq(followed & sent & (ahead == 0))]
        bench.require(~new | ((bench.row < bench.rows) & (beat < beats)))
        with m.If(sent):
            m.d.sync += ahead.eq(ahead - 1)
        with m.If(new):
            m.d.sync += [
                followed.eq(1), row.eq(bench.row), column.eq(bench.column), ahead.eq(all_after + bench.row * beats + beat),
                ends_row.eq(beat == beats - 1), there.eq(bench.column < bench.columns), known.eq(0), awaited.eq(0), met.eq(0),
                last.eq(bench.last & (bench.row == bench.rows - 1) & (beat == beats - 1)),
            ]  # fmt: skip
        with m.If(found):
            m.d.sync += followed.eq(0)
        # Its tile is issued; its result drains.
        place_row, place_column = Mux(new, bench.row, row), Mux(new, bench.column, column)
        waits = Signal()
        m.d.comb += waits.eq((followed & ~met) | new)
        with m.If(drained):
            m.d.sync += due.eq(due - 1)
        with m.If(issue & waits & (place_column // (lanes * tile_beats) == index)):
            m.d.sync += [awaited.eq(1), met.eq(1), due.eq(drains_after + place_row % rows * size["slots"] + place_row // rows)]
        arrives = [Signal(name=f"arrives_{number}") for number in range(mesh)]
        m.d.comb += arrives[0].eq(followed & awaited & drained & (due == 0))
        for number in range(1, mesh):
            m.d.sync += arrives[number].eq(arrives[number - 1])
        with m.If(arrives[0]):
            m.d.sync += awaited.eq(0)
        with m.If(Array(arrives)[column // lanes % tile_beats]):
            m.d.sync += [known.eq(1), value.eq(Array(bench.signs)[column % (lanes * mesh)])]
        lane = column % lanes
        bench.claim(~found | known)
        bench.claim(~found | (Array(out.keep)[lane] == there))
        bench.claim(~found | ~there | (Array(word[-1] for word in out.data)[lane] == value))
        bench.claim(~found | ((out.row_first == (row == 0)) & (out.row_last == ends_row) & (out.last == last)))
        ends(bench, m, part.o.ready & (in_drains == 0) & first & (in_all != 0) & ~part.o.valid, mesh + 3, "wait")

    shapes = {"issue": 1, "rows": range(rows * slots + 1), "columns": range(config.panel_columns + 1), "slots": range(slots + 1),
              "last": 1, "drain": 1, "signs": lanes * mesh, "choose": 1, "row": range(rows * slots),
              "column": range(config.panel_columns), "o_ready": 1}  # fmt: skip
    return Stage(f"collecting_{config.name}", shapes, describe)


def _array(**sizes: int) -> CoreConfig:
    return CoreConfig((4,), block_size=4, lanes=4, dot=4, **sizes)


ELEMENTS = (
    "the elements of every row are in its blocks once and in order, short blocks filled with zeros; offers stay; what waits enters"
)
MARKED = (
    "with every beat the quantizer gets the end of its block, the beginning of C and the settings that were there with its last "
    "elements; blocks leave as it gives them; the last of every C is marked, and no other"
)
PLACED = (
    "every element of every panel is in C once, at its row and column; rows, panels and C end where they should; what has "
    "drained leaves"
)
BUFFERS = {
    "2 rows, 2 columns in 2 tiles": ({"tile_rows": 1, "tile_columns": 1, "mesh_rows": 2, "panel_columns": 2}, 2),
    "4 rows of 2 slots, 2 columns in a tile": (
        {"tile_rows": 2, "tile_columns": 1, "mesh_columns": 2, "interleave": 2, "panel_columns": 2}, 4,
    ),
}  # fmt: skip


CYCLES = 13
"""After reset, in which a first panel leaves and others are begun."""


def _collecting(name: str) -> list[Property]:
    sizes, tiles = BUFFERS[name]
    stage, bound = (lambda: collecting(_array(**sizes), tiles)), f"panels of up to {name}"
    return [
        Property(f"results/buffer from reset, {name}", PLACED, f"the first {CYCLES} cycles; {bound}", some_cycles(stage, CYCLES)),
        Property(f"results/buffer, {name}", PLACED, f"all time; {bound}", every_time(stage)),
    ]


PROPERTIES = [
    *(Property(f"results/requantizer, {columns} a beat", ELEMENTS, "all time; blocks of 4, 2 a beat",
               every_time(lambda columns=columns: requantizing(columns))) for columns in (1, 2)),
    Property("results/marks of the requantizer", MARKED, "all time; blocks of 8, 4 a beat; a quantizer as proved of its own",
             marking),
    *(prop for name in BUFFERS for prop in _collecting(name)),
]  # fmt: skip
