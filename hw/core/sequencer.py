"""The sequencer: walks a product block by block and issues one step of it to the array each cycle."""

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from hw.array.control import control_layout
from hw.command import SIZE_WIDTH
from hw.config import CoreConfig
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

    Attributes
    ----------
    valid
        there is one this cycle.
    slots
        outputs per unit in use.
    rows, columns
        of the panel of C that the tile is part of.
    panel_tile
        the tile's place in the panel.
    panel_last
        the panel is complete with it.
    last
        and C too.
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

    Attributes
    ----------
    i
        jobs, one of which is taken ahead: ``waiting``.
    full_*, take_*, retire_*
        the loaders' handshake.
    read_a, read_b
        to the operand buffers, in the cycle of issue;
    control
        in the same cycle.
    o_tile
        each output tile of a job that stores, at the issue of the last step of its last slot in use.
    panel_free
        the store stage has finished a panel.
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
            "waiting": Out(1),
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
        # The next job waits in a register with what its start needs, so that it can follow without a gap.
        self.next_job = next_job = Signal(product_layout())
        single_block, single_tile = Signal(), Signal()
        ready_a, ready_b = self._halves(m, accept)
        with_operands = ready_a & ready_b
        m.d.comb += [
            accept.eq(self.waiting & with_operands & (~running | last_issue)),
            self.i.ready.eq(~self.waiting | accept),
            self.stalled_load.eq(self.waiting & ~with_operands & (~running | last_issue)),
            self.active.eq(running),
        ]
        with m.If(self.i.ready):
            m.d.sync += [
                self.waiting.eq(self.i.valid), next_job.eq(self.i.payload),
                single_block.eq(self.i.payload.blocks == 1), single_tile.eq(self.i.payload.column_groups == 1),
            ]  # fmt: skip
        with m.If(last_issue):
            m.d.sync += running.eq(0)
            m.d.comb += self.finished.eq(~job.store)
        with m.If(accept):
            m.d.sync += [job.eq(next_job), running.eq(1)]

        # The loop nest, inside out; the next counter steps when all inside end. Whether a counter ends is worked out a
        # step ahead, so that a step is decided by registers alone.
        step, pass_, slot = Signal(range(c.steps)), Signal(range(9)), Signal(range(c.interleave))
        blocks_left, tiles_left, first_block = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH), Signal()
        panel_tile, columns_left = Signal(range(c.panel_tiles)), Signal(SIZE_WIDTH)
        slice_a, slice_b, shift, pass_last = self._passes(m, accept, pass_)
        step_last, block_done = step == c.steps - 1, Signal()
        issue, slot_steps, block_steps, tile_steps, panel_steps = (
            Signal(name=f"{n}_steps") for n in ("all", "slot", "block", "tile", "panel")
        )
        panel, next_panel, first_panel = self._panels(m, accept, panel_steps)
        ends = data.StructLayout({"slot": 1, "block": 1, "tile": 1, "panel": 1})
        last, following, job_last = Signal(ends), Signal(ends), Signal()
        panel_full = panel_tile == c.panel_tiles - 1
        store = Mux(accept, next_job.store, job.store)
        steps = block_steps, tile_steps, tile_steps & (last.tile | panel_full)
        drained = self._throttle(m, issue, accept, steps, job.store, store, following)
        m.d.comb += [
            block_done.eq(step_last & pass_last),
            issue.eq(running & drained),
            self.stalled_store.eq(running & ~drained),
            slot_steps.eq(issue & block_done),
            block_steps.eq(slot_steps & last.slot),
            tile_steps.eq(block_steps & last.block),
            panel_steps.eq(tile_steps & last.tile),
            last_issue.eq(slot_steps & job_last),
            following.eq(last),
        ]
        with m.If(slot_steps):
            wrapped = Mux(panel_steps, next_panel.one_slot, panel.one_slot)
            m.d.comb += following.slot.eq(Mux(last.slot, wrapped, slot + 1 == panel.last_slot))
        with m.If(block_steps):
            m.d.comb += following.block.eq(Mux(last.block, job.blocks == 1, blocks_left == 2))
        with m.If(tile_steps):
            m.d.comb += following.tile.eq(Mux(last.tile, job.column_groups == 1, tiles_left == 2))
        with m.If(panel_steps):
            m.d.comb += following.panel.eq(next_panel.last)
        with m.If(accept):
            m.d.comb += [
                following.slot.eq(first_panel.one_slot),
                following.block.eq(single_block),
                following.tile.eq(single_tile),
                following.panel.eq(first_panel.last),
            ]
        m.d.sync += [last.eq(following), job_last.eq(following.as_value().all())]

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
        with m.If(slot_steps):
            m.d.sync += [slot.eq(slot + 1), address_a.eq(address_a + job.blocks)]
        with m.If(block_steps):
            m.d.sync += [
                slot.eq(0), blocks_left.eq(blocks_left - 1), first_block.eq(0), row_start.eq(row_start + 1),
                address_a.eq(row_start + 1), address_b.eq(address_b + 1),
            ]  # fmt: skip
        with m.If(tile_steps):
            m.d.sync += [
                blocks_left.eq(job.blocks), first_block.eq(1), tiles_left.eq(tiles_left - 1),
                address_a.eq(panel_base), row_start.eq(panel_base),
                panel_tile.eq(Mux(panel_full, 0, panel_tile + 1)),
            ]  # fmt: skip
            with m.If(panel_full):
                m.d.sync += columns_left.eq(columns_left - c.panel_columns)
        with m.If(panel_steps):
            m.d.sync += [
                tiles_left.eq(job.column_groups), address_b.eq(0), panel_tile.eq(0), columns_left.eq(job.columns),
                address_a.eq(address_a + 1), panel_base.eq(address_a + 1), row_start.eq(address_a + 1),
            ]  # fmt: skip
        with m.If(accept):
            for counter in (step, pass_, slot, panel_tile, panel_base, row_start, address_a, address_b):
                m.d.sync += counter.eq(0)
            m.d.sync += [
                first_block.eq(1), blocks_left.eq(next_job.blocks), tiles_left.eq(next_job.column_groups),
                columns_left.eq(next_job.columns),
            ]  # fmt: skip

        m.d.comb += [
            self.control.valid.eq(issue & (slot < panel.slots)),
            self.control.clear.eq((step == 0) & (pass_ == 0)),
            self.control.shift.eq(shift & (step == 0)),
            self.control.block.eq(block_done),
            self.control.first.eq(first_block & ~job.accumulate),
            self.control.last.eq(last.block & job.store),
            self.control.final.eq(slot == panel.slots - 1),
            self.control.slot.eq(slot),
            self.o_tile.valid.eq(slot_steps & (slot == panel.slots - 1) & last.block & job.store),
            self.o_tile.slots.eq(panel.slots),
            self.o_tile.rows.eq(panel.rows),
            self.o_tile.columns.eq(Mux(columns_left < c.panel_columns, columns_left, c.panel_columns)),
            self.o_tile.panel_tile.eq(panel_tile),
            self.o_tile.panel_last.eq(last.tile | panel_full),
            self.o_tile.last.eq(last.tile & last.panel),
        ]
        return m

    def _panels(self, m: Module, accept, panel_steps):
        """The row panel being worked on, the next one, and the first one of the waiting job."""
        c = self.config
        layout = data.StructLayout(
            {
                "slots": range(c.interleave + 1),
                "last_slot": range(c.interleave),
                "one_slot": 1,
                "rows": range(c.output_rows + 1),
                "last": 1,
            }
        )
        groups_left, rows_left = Signal(SIZE_WIDTH), Signal(SIZE_WIDTH)

        def ahead(name, groups, rows, count):
            """The panel ``count`` panels ahead of one with so many groups of rows, and rows, left."""
            panel, run = Signal(layout, name=name), Signal(range(c.interleave + 1), name=f"{name}_run")
            m.d.comb += [
                panel.slots.eq(Mux(groups < (count + 1) * c.interleave, groups - count * c.interleave, c.interleave)),
                run.eq(Mux(panel.slots < self.least_slots, self.least_slots, panel.slots)),
                panel.last_slot.eq(run - 1),
                panel.one_slot.eq(run == 1),
                panel.rows.eq(Mux(rows < (count + 1) * c.output_rows, rows - count * c.output_rows, c.output_rows)),
                panel.last.eq(groups <= (count + 1) * c.interleave),
            ]
            return panel

        current, following, first, second = (
            Signal(layout, name=name) for name in ("panel", "next_panel", "first_panel", "second_panel")
        )
        offered = self.i.payload
        with m.If(self.i.ready):
            m.d.sync += [
                first.eq(ahead("offered_panel", offered.row_groups, offered.rows, 0)),
                second.eq(ahead("offered_next", offered.row_groups, offered.rows, 1)),
            ]
        with m.If(panel_steps):
            m.d.sync += [
                current.eq(following), following.eq(ahead("panel_ahead", groups_left, rows_left, 2)),
                groups_left.eq(groups_left - c.interleave), rows_left.eq(rows_left - c.output_rows),
            ]  # fmt: skip
        with m.If(accept):
            m.d.sync += [
                current.eq(first), following.eq(second),
                groups_left.eq(self.next_job.row_groups), rows_left.eq(self.next_job.rows),
            ]  # fmt: skip
        return current, following, first

    def _halves(self, m: Module, accept):
        """Which operand halves are read, and whether the next job's operands are there."""
        ready = []
        for name in "ab":
            load, full = self.next_job[f"load_{name}"], getattr(self, f"full_{name}")
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

    def _passes(self, m: Module, accept, pass_):
        """Slices, shift and end of the current pass; constants where the machine has one width."""
        c = self.config
        if not c.mixed:
            return Const(0), Const(0), Const(0), Const(1)
        most = c.slices(c.mantissa_widths[-1])
        slices = {}
        for name in "ab":
            slices[name] = Signal(range(most + 1), name=f"slices_{name}")
            of_width = Array(c.slices(max(w, 2)) for w in range(c.mantissa_widths[-1] + 1))
            with m.If(accept):
                m.d.sync += slices[name].eq(of_width[self.next_job[f"width_{name}"]])
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

    def _throttle(self, m: Module, issue, accept, steps, stores, store, following):
        """Whether the step may be issued: the first of an output tile's last block waits for drain chain and panel.

        Found a step ahead too: ``steps`` say what ends with the present one, ``following`` where the coming one stands;
        ``stores`` and ``store`` are of their jobs.
        """
        block_steps, tile_steps, panel_ends = steps
        drain, free, free_next = Signal(range(self.drain_cycles + 1)), Signal(init=1), Signal()
        panels, panels_next = Signal(range(3)), Signal(range(3))
        begins, begins_next, fresh, fresh_next = Signal(), Signal(), Signal(), Signal()
        critical, may = Signal(), Signal()
        m.d.comb += [
            panels_next.eq(panels + (issue & critical & fresh) - self.panel_free),
            free_next.eq(free | (drain == 1)),
            begins_next.eq(Mux(accept, 1, Mux(issue, block_steps, begins))),
            fresh_next.eq(Mux(accept, 1, Mux(tile_steps, panel_ends, fresh))),
        ]
        with m.If(~free):
            m.d.sync += drain.eq(drain - 1)
        with m.If(tile_steps & stores):
            m.d.comb += free_next.eq(0)
            m.d.sync += drain.eq(self.drain_cycles - 1)
        critical_next = store & following.block & begins_next
        m.d.sync += [
            panels.eq(panels_next), free.eq(free_next), begins.eq(begins_next), fresh.eq(fresh_next),
            critical.eq(critical_next),
            may.eq(~critical_next | (free_next & (~fresh_next | (panels_next != 2)))),
        ]  # fmt: skip
        return may
