"""The sequencer: walks a product block by block and issues one step of it to the array each cycle."""

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from hw.array.control import control_layout
from hw.config import CoreConfig
from hw.core.command import SIZE_WIDTH
from hw.core.operand_buffer import read_layout
from hw.timing import Timing

__all__ = ["Sequencer", "passes", "product_layout", "tile_layout"]


def product_layout() -> data.StructLayout:
    """What the sequencer needs of a job."""
    sizes = ("rows", "columns", "row_groups", "blocks", "column_groups")
    flags = ("load_a", "load_b", "accumulate", "store")
    return data.StructLayout(dict.fromkeys(sizes, SIZE_WIDTH) | dict.fromkeys(flags, 1) | {"width_a": 4, "width_b": 4})


def tile_layout(config: CoreConfig) -> data.StructLayout:
    """An output tile on its way out.

    Members
    -------
    valid : there is one this cycle.
    slots : outputs per unit in use. rows, columns : of the panel of C that the tile is part of.
    panel_tile : the tile's place in the panel. panel_last : the panel is complete with it. last : and C too.
    """
    return data.StructLayout(
        {
            "valid": 1,
            "slots": range(config.interleave + 1),
            "rows": range(config.output_rows + 1),
            "columns": range(config.panel_columns + 1),
            "panel_tile": range(config.panel_tiles),
            "panel_last": 1,
            "last": 1,
        }
    )


def passes(slices_a: int, slices_b: int) -> list[tuple[int, int, bool]]:
    """Passes of one block product as (slice of A, slice of B, shift the sum up before), by descending weight."""
    order = sorted(((i, j) for i in range(slices_a) for j in range(slices_b)), key=lambda p: (-p[0] - p[1], -p[0]))
    weights = [i + j for i, j in order]
    return [(i, j, n > 0 and weights[n] < weights[n - 1]) for n, (i, j) in enumerate(order)]


class Sequencer(Component):
    """Executes jobs in order: for each row panel, output tile, block and slot, all passes and steps.

    One step is issued per cycle, without a gap between blocks, tiles or jobs, except while
    an operand half is not filled (``stalled_load``), or the last block of an output tile would reach the drain chain or
    the result buffer before there is room (``stalled_store``).

    Members
    -------
    i : jobs. full_*, take_*, retire_* : the loaders' handshake.
    read_a, read_b : to the operand buffers, in the cycle of issue; control : in the same cycle.
    o_tile : each output tile of a job that stores, at the issue of the last step of its last slot in use.
    panel_free : the store stage has finished a panel.
    """

    def __init__(self, config: CoreConfig, drain_cycles: int):
        self.config = config
        self.drain_cycles = drain_cycles
        members = {
            "i": In(stream.Signature(product_layout())),
            "read_a": Out(read_layout(config)),
            "read_b": Out(read_layout(config)),
            "control": Out(control_layout(config)),
            "o_tile": Out(tile_layout(config)),
            "panel_free": In(1),
            "active": Out(1),
            "stalled_load": Out(1),
            "stalled_store": Out(1),
            "finished": Out(1),
        }
        for name in "ab":
            members |= {f"full_{name}": In(1), f"take_{name}": Out(1), f"retire_{name}": Out(1)}
        super().__init__(members)

    @property
    def module_name(self) -> str:
        c = self.config
        return f"sequencer_{c.name}_q{c.operand_depth}_c{c.accumulator_cycles}_p{c.panel_columns}"

    @property
    def least_slots(self) -> int:
        """Slots run at least, some of them empty, so that the accumulator's loop is never too short."""
        return Timing(self.config).least_slots

    @property
    def retire_cycles(self) -> int:
        """Cycles after which the last reads of a half have reached every group of its buffer."""
        return Timing(self.config).retire_cycles

    def elaborate(self, platform) -> Module:
        c = self.config
        m = Module()
        job, running = Signal(product_layout()), Signal()
        accept, last_issue = Signal(), Signal()
        ready_a, ready_b = self._halves(m, accept)
        with_operands = ready_a & ready_b
        m.d.comb += [
            accept.eq(self.i.valid & with_operands & (~running | last_issue)),
            self.i.ready.eq(with_operands & (~running | last_issue)),
            self.stalled_load.eq(self.i.valid & ~with_operands & (~running | last_issue)),
            self.active.eq(running),
        ]
        with m.If(last_issue):
            m.d.sync += running.eq(0)
            m.d.comb += self.finished.eq(~job.store)
        with m.If(accept):
            m.d.sync += [job.eq(self.i.payload), running.eq(1)]

        # The loop nest, inside out. Each counter has its end and its step; the next one steps when all inside end.
        step, pass_, slot = Signal(range(c.steps)), Signal(range(9)), Signal(range(c.interleave))
        block, column, rows_left = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH), Signal(SIZE_WIDTH)
        groups_left, columns_left = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH)
        panel_tile = Signal(range(c.panel_tiles))
        slots_used, slots_run = Signal(range(c.interleave + 1)), Signal(range(c.interleave + 1))
        m.d.comb += [
            slots_used.eq(Mux(groups_left < c.interleave, groups_left, c.interleave)),
            slots_run.eq(Mux(slots_used < self.least_slots, self.least_slots, slots_used)),
        ]
        slice_a, slice_b, shift, pass_last = self._passes(m, job, pass_)
        step_last = step == c.steps - 1
        block_done = Signal()
        slot_last, block_last, column_last, panel_last = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            block_done.eq(step_last & pass_last),
            slot_last.eq(slot == slots_run - 1),
            block_last.eq(block == job.blocks - 1),
            column_last.eq(column == job.column_groups - 1),
            panel_last.eq(groups_left <= c.interleave),
        ]

        issue = Signal()
        drained = self._throttle(m, issue, job, slot, step, pass_, block_last, panel_tile, block_done, slot_last)
        m.d.comb += [
            issue.eq(running & drained),
            self.stalled_store.eq(running & ~drained),
            last_issue.eq(issue & block_done & slot_last & block_last & column_last & panel_last),
        ]

        # Addresses: A's block of (panel, slot, block) and B's of (column, block), kept by addition only.
        half_a, half_b = self.half_a, self.half_b
        panel_base, row_start, address_a = (
            Signal(range(c.operand_depth + 1), name=n) for n in ("panel_base", "row_start", "address_a")
        )
        address_b = Signal(range(c.operand_depth + 1))
        m.d.comb += [
            self.read_a.half.eq(half_a), self.read_a.block.eq(address_a), self.read_a.step.eq(step),
            self.read_a.slice.eq(slice_a),
            self.read_b.half.eq(half_b), self.read_b.block.eq(address_b), self.read_b.step.eq(step),
            self.read_b.slice.eq(slice_b),
        ]  # fmt: skip
        with m.If(issue):
            m.d.sync += step.eq(Mux(step_last, 0, step + 1))
            with m.If(step_last):
                m.d.sync += pass_.eq(Mux(pass_last, 0, pass_ + 1))
            with m.If(block_done):
                m.d.sync += [slot.eq(slot + 1), address_a.eq(address_a + job.blocks)]
                with m.If(slot_last):
                    m.d.sync += [
                        slot.eq(0), block.eq(block + 1), row_start.eq(row_start + 1), address_a.eq(row_start + 1),
                        address_b.eq(address_b + 1),
                    ]  # fmt: skip
                    with m.If(block_last):
                        m.d.sync += [
                            block.eq(0), column.eq(column + 1), address_a.eq(panel_base), row_start.eq(panel_base),
                            panel_tile.eq(Mux(panel_tile == c.panel_tiles - 1, 0, panel_tile + 1)),
                        ]  # fmt: skip
                        with m.If(panel_tile == c.panel_tiles - 1):
                            m.d.sync += columns_left.eq(columns_left - c.panel_columns)
                        with m.If(column_last):
                            m.d.sync += [
                                column.eq(0), address_b.eq(0), panel_tile.eq(0), columns_left.eq(job.columns),
                                address_a.eq(address_a + 1), panel_base.eq(address_a + 1), row_start.eq(address_a + 1),
                                groups_left.eq(groups_left - c.interleave), rows_left.eq(rows_left - c.output_rows),
                            ]  # fmt: skip
        with m.If(accept):
            for counter in (step, pass_, slot, block, column, panel_tile, panel_base, row_start, address_a, address_b):
                m.d.sync += counter.eq(0)
            m.d.sync += [
                groups_left.eq(self.i.payload.row_groups), rows_left.eq(self.i.payload.rows),
                columns_left.eq(self.i.payload.columns),
            ]  # fmt: skip

        used = slot < slots_used
        m.d.comb += [
            self.control.valid.eq(issue & used),
            self.control.clear.eq((step == 0) & (pass_ == 0)),
            self.control.shift.eq(shift & (step == 0)),
            self.control.block.eq(block_done),
            self.control.first.eq((block == 0) & ~job.accumulate),
            self.control.last.eq(block_last & job.store),
            self.control.final.eq(slot == slots_used - 1),
            self.control.slot.eq(slot),
            self.o_tile.valid.eq(issue & block_done & (slot == slots_used - 1) & block_last & job.store),
            self.o_tile.slots.eq(slots_used),
            self.o_tile.rows.eq(Mux(rows_left < c.output_rows, rows_left, c.output_rows)),
            self.o_tile.columns.eq(Mux(columns_left < c.panel_columns, columns_left, c.panel_columns)),
            self.o_tile.panel_tile.eq(panel_tile),
            self.o_tile.panel_last.eq(column_last | (panel_tile == c.panel_tiles - 1)),
            self.o_tile.last.eq(column_last & panel_last),
        ]
        return m

    def _halves(self, m: Module, accept):
        """Which operand halves are read, and whether the next job's operands are there."""
        ready = []
        for name in "ab":
            load, full = self.i.payload[f"load_{name}"], getattr(self, f"full_{name}")
            take, retire = getattr(self, f"take_{name}"), getattr(self, f"retire_{name}")
            half, holding = Signal(init=1, name=f"half_{name}"), Signal(name=f"holding_{name}")
            setattr(self, f"half_{name}", half)
            freed = Signal(self.retire_cycles, name=f"freed_{name}")
            m.d.comb += [take.eq(accept & load), retire.eq(freed[-1])]
            m.d.sync += freed.eq((freed << 1) | (take & holding))
            with m.If(take):
                m.d.sync += [half.eq(~half), holding.eq(1)]
            ready.append(~load | full)
        return ready

    def _passes(self, m: Module, job, pass_):
        """Slices, shift and end of the current pass; constants where the machine has one width."""
        c = self.config
        if not c.mixed:
            return Const(0), Const(0), Const(0), Const(1)
        most = c.slices(c.mantissa_widths[-1])
        slices = {}
        for name in "ab":
            slices[name] = Signal(range(most + 1), name=f"slices_{name}")
            m.d.comb += slices[name].eq(
                Array(c.slices(max(w, 2)) for w in range(c.mantissa_widths[-1] + 1))[job[f"width_{name}"]]
            )
        entry = data.StructLayout({"a": range(most), "b": range(most), "shift": 1, "last": 1})
        current = Signal(entry)
        for count_a in range(1, most + 1):
            for count_b in range(1, most + 1):
                table = passes(count_a, count_b)
                with m.If((slices["a"] == count_a) & (slices["b"] == count_b)), m.Switch(pass_):
                    for n, (slice_a, slice_b, shift) in enumerate(table):
                        with m.Case(n):
                            m.d.comb += [
                                current.a.eq(slice_a), current.b.eq(slice_b), current.shift.eq(shift),
                                current.last.eq(n == len(table) - 1),
                            ]  # fmt: skip
        return current.a, current.b, current.shift, current.last

    def _throttle(self, m: Module, issue, job, slot, step, pass_, block_last, panel_tile, block_done, slot_last):
        """Whether the step may be issued: the first of an output tile's last block waits for drain chain and panel."""
        drain = Signal(range(self.drain_cycles + 1))
        panels = Signal(range(3))
        takes_panel = Signal()
        tile_ends = Signal()
        critical = job.store & block_last & (slot == 0) & (step == 0) & (pass_ == 0)
        needs_panel = panel_tile == 0
        may = ~critical | ((drain == 0) & (~needs_panel | (panels != 2)))
        m.d.comb += [
            takes_panel.eq(issue & critical & needs_panel),
            tile_ends.eq(issue & job.store & block_last & block_done & slot_last),
        ]
        m.d.sync += panels.eq(panels + takes_panel - self.panel_free)
        with m.If(tile_ends):
            m.d.sync += drain.eq(self.drain_cycles - 1)
        with m.Elif(drain != 0):
            m.d.sync += drain.eq(drain - 1)
        return may
