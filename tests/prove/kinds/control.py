"""Control: every command ends or is refused, every job ends, every operand fills its half in order, and no wait is for ever."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal

from hw.command import CommandError
from hw.config import CoreConfig
from hw.core.decoder import CommandDecoder
from hw.core.loader import Loader
from hw.core.sequencer import Sequencer
from hw.emit import place
from tests.prove.bench import Stage
from tests.prove.monitors import conveyor, drive, ends, transfer
from tests.prove.property import Property, every_time, some_cycles

__all__ = ["PROPERTIES"]

CONFIG = CoreConfig(
    (2,), block_size=4, lanes=2, dot=2, tile_rows=1, tile_columns=1, rounding_modes=("truncate",), interleave=2,
    operand_depth=4, panel_columns=2, queue_depth=1,
)  # fmt: skip
FEW = 2
"""Rows, columns and blocks of the jobs that the sequencer and the loader are tried with."""


def decoder() -> Stage:
    """Any commands, one after the other; whoever takes the jobs may wait."""

    def describe(bench: Stage, m: Module, platform: object) -> None:
        part = place(m, platform, "decoder", CommandDecoder(CONFIG))
        drive(bench, m, part.i)
        m.d.comb += part.o.ready.eq(bench.o_ready)
        inside, cycles = Signal(), Signal(range(part.decode_cycles + 2))
        offered = transfer(part.o)
        with m.If(part.refused | offered):
            m.d.sync += inside.eq(0)
        with m.If(transfer(part.i)):
            m.d.sync += [inside.eq(1), cycles.eq(1)]
        with m.Elif(cycles <= part.decode_cycles):
            m.d.sync += cycles.eq(cycles + 1)
        bench.claim(~(part.o.valid | part.refused) | inside)  # one answer to a command, and none to none
        bench.claim(part.i.ready == ~inside)
        bench.claim(part.idle == ~inside)
        bench.claim(~(part.o.valid & part.refused))
        bench.claim(~part.o.valid | (part.error == CommandError.NONE))
        refused = Signal()
        m.d.sync += refused.eq(part.refused)
        bench.claim(~refused | (part.error != CommandError.NONE))
        bench.claim(~inside | part.o.valid | (cycles <= part.decode_cycles))
        bench.claim(~part.o.valid | (cycles >= part.decode_cycles))

    shapes = {"i_valid": 1, "i_payload": CommandDecoder(CONFIG).i.payload.shape().size, "o_ready": 1}
    return Stage("decoder", shapes, describe)


def sequencer() -> Stage:
    """Small jobs, operands that come and panels that leave when they like, but do."""
    drain_cycles = 4
    part = Sequencer(CONFIG, drain_cycles)

    def describe(bench: Stage, m: Module, platform: object) -> None:
        place(m, platform, "sequencer", part)
        job = part.i.payload
        for field, size in (("rows", bench.rows), ("row_groups", bench.rows), ("columns", bench.columns),
                            ("column_groups", bench.columns), ("blocks", bench.blocks)):  # fmt: skip
            m.d.comb += job[field].eq(size + 1)
        drive(bench, m, part.i, ("load_a", "load_b", "accumulate", "store"))
        # Operands: a half may be filled while fewer than two are in use. Panels: one may leave that is complete.
        for name in "ab":
            used, filled = Signal(range(3), name=f"used_{name}"), Signal(range(3), name=f"filled_{name}")
            fill, take, retire = (Signal(name=f"{verb}_{name}") for verb in ("fill", "take", "retire"))
            m.d.comb += [
                fill.eq(getattr(bench, f"fill_{name}") & (used != 2)), take.eq(getattr(part, f"take_{name}")),
                retire.eq(getattr(part, f"retire_{name}")), getattr(part, f"full_{name}").eq(filled != 0),
            ]  # fmt: skip
            m.d.sync += [used.eq(used + fill - retire), filled.eq(filled + fill - take)]
            bench.claim(~take | (filled != 0))
            bench.claim(~retire | (used > filled))
        panels, leave = Signal(range(4)), Signal()
        complete = part.o_tile.valid & part.o_tile.panel_last
        m.d.comb += [leave.eq(bench.leave & (panels != 0)), part.panel_free.eq(leave)]
        m.d.sync += panels.eq(panels + complete - leave)
        bench.claim(panels <= 2)
        # The waiting job's steps, and those that are left of the job being issued.
        accepted, total, left, store, next_store = Signal(), Signal(range(64)), Signal(range(64)), Signal(), Signal()
        m.d.comb += accepted.eq(part.waiting & part.i.ready)
        with m.If(transfer(part.i)):
            m.d.sync += [
                total.eq((bench.rows + 1) * (bench.columns + 1) * (bench.blocks + 1) * CONFIG.steps),
                next_store.eq(job.store),
            ]  # fmt: skip
        with m.If(accepted):
            m.d.sync += [left.eq(total), store.eq(next_store)]
        with m.Elif(part.control.valid):
            m.d.sync += left.eq(left - 1)
        step = part.control.valid
        bench.claim(part.active == (left != 0))
        bench.claim(~step | (left != 0))
        bench.claim(~accepted | (left == step))
        bench.claim((part.o_tile.valid & part.o_tile.last) == (step & (left == 1) & store))
        fair = part.full_a & part.full_b & (panels == 0)
        ends(bench, m, fair & (part.waiting | part.active) & ~step, drain_cycles + 4, "step")

    shapes = {"i_valid": 1, "rows": range(FEW + 1), "columns": range(FEW), "blocks": range(FEW), "i_load_a": 1, "i_load_b": 1,
              "i_accumulate": 1, "i_store": 1, "fill_a": 1, "fill_b": 1, "leave": 1}  # fmt: skip
    return Stage("sequencer", shapes, describe)


def loader(lines_most: int, inner_most: int) -> Stage:
    """Small operands of elements +1 and -1, whose signs show the places they are written to."""
    part = Loader(CONFIG, 2)
    lanes, beats = CONFIG.lanes, CONFIG.block_size // CONFIG.lanes

    def describe(bench: Stage, m: Module, platform: object) -> None:
        place(m, platform, "loader", part)
        size, job, write = bench.inner + 1, part.i_job.payload, part.write
        bench.require((bench.lines < lines_most) & (bench.inner < inner_most))
        m.d.comb += [
            job.lines.eq(bench.lines + 1), job.inner.eq(size), job.width.eq(2),
            job.blocks.eq(Mux(size > CONFIG.block_size, 2, 1)),
            *(word.eq(Cat(Const(0x3F800000, 31), sign)) for word, sign in zip(part.i.payload, bench.signs, strict=True)),
        ]  # fmt: skip
        drive(bench, m, part.i_job, (), "i_job")
        drive(bench, m, part.i, ())
        used, filled, started = Signal(range(3)), Signal(range(3)), Signal()
        m.d.comb += [
            part.take.eq(bench.take & part.full), part.retire.eq(bench.retire & (used > filled) & ~started),
        ]  # fmt: skip
        lines, inner, blocks, half = Signal(2), Signal(3), Signal(2), Signal(init=1)
        begin, done = transfer(part.i_job), Signal()
        with m.If(begin):
            m.d.sync += [lines.eq(bench.lines), inner.eq(size), blocks.eq(job.blocks), half.eq(~half)]
        m.d.sync += [used.eq(used + begin - part.retire), filled.eq(filled + done - part.take)]
        bench.claim(used <= 2)
        # In: the elements left in a line, and the beat of its block.
        left, beat, entered = Signal(3), Signal(range(beats)), Signal(range(beats + 1))
        ends_line = left <= lanes
        with m.If(begin):
            m.d.sync += [left.eq(size), beat.eq(0)]
        with m.Elif(transfer(part.i)):
            m.d.sync += [left.eq(Mux(ends_line, inner, left - lanes)), beat.eq(Mux(ends_line, 0, beat ^ 1))]
            m.d.comb += entered.eq(Mux(ends_line, beats - beat, 1))
        elements = Cat(sign & (left > lane) for lane, sign in enumerate(bench.signs))
        conveyor(
            bench, m, [elements, *[Const(0, lanes)] * (beats - 1)], entered,
            [Cat(mantissa.sign for mantissa in write.mantissas)], write.enable,
            choose=bench.choose, place=bench.place, capacity=2 * beats + 5,
        )  # fmt: skip
        # Out: line by line, block by block, beat by beat.
        line, block, out, busy = Signal(2), Signal(), Signal(range(beats)), Signal()
        last_block, last = block == blocks - 1, Signal()
        m.d.comb += [last.eq((out == beats - 1) & last_block & (line == lines)), done.eq(write.enable & last)]
        with m.If(write.enable):
            m.d.sync += out.eq(out ^ 1)
            with m.If(out == beats - 1):
                m.d.sync += block.eq(Mux(last_block, 0, 1))
                with m.If(last_block):
                    m.d.sync += line.eq(Mux(last, 0, line + 1))
        with m.If(done):
            m.d.sync += busy.eq(0)
        with m.If(begin):
            m.d.sync += busy.eq(1)
        bench.claim(~begin | ~busy)
        bench.claim(~write.enable | (busy & (write.half == half) & (write.line == line[0]) & (write.beat == out)))
        bench.claim(~write.enable | (write.block == Mux(line[1], blocks, 0) + block))
        bench.claim(part.full == (filled != 0))
        ends(bench, m, busy & part.i.valid & ~transfer(part.i) & ~write.enable, 8, "progress")
        ends(bench, m, ~busy & (used != 2) & part.i_job.valid & ~part.i_job.ready, 0, "entry")

    shapes = {"i_job_valid": 1, "lines": range(3), "inner": range(6), "i_valid": 1, "signs": lanes, "take": 1, "retire": 1,
              "choose": 1, "place": 1}  # fmt: skip
    return Stage("loader", shapes, describe)


ANSWERED = (
    f"every command is answered once, by a job or a refusal with its cause, {CommandDecoder(CONFIG).decode_cycles}"
    " cycles after it was accepted; then the next is accepted"
)
STEPPED = (
    "every job takes as many steps as its sizes say and tells of its last tile; no half is read before it is "
    "full; no more panels fill than there are; with operands there and no panel waiting, a step follows in few "
    "cycles"
)
LOADED = (
    "every beat of an operand is written once, to the next line, block and beat of its half, short blocks filled "
    "with zeros; then the half is full; with input there, the loader goes on"
)


def _loader(lines: int, inner: int, cycles: int = 0) -> Property:
    proof = some_cycles(lambda: loader(lines, inner), cycles) if cycles else every_time(lambda: loader(lines, inner))
    bound = f"the first {cycles} cycles" if cycles else "all time"
    return Property(
        f"control/loader, {lines} lines of {inner}", LOADED, f"{bound}; up to {lines} lines of {inner} elements", proof
    )  # fmt: skip


PROPERTIES = [
    Property("control/decoder", ANSWERED, "all time", every_time(decoder)),
    Property("control/sequencer", STEPPED, "all time; up to 4 rows, 2 columns, 2 blocks", every_time(sequencer)),
    _loader(2, 4),
    _loader(1, 6),
    _loader(3, 6, cycles=18),
]
