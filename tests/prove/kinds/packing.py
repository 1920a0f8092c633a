"""Packed blocks: what is written is every granule of the blocks in order, and what is read likewise."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from hw.config import CoreConfig
from hw.emit import place
from hw.quantize.block_packer import BlockPacker
from hw.quantize.block_unpacker import BlockUnpacker
from tests.prove.bench import Stage
from tests.prove.monitors import conveyor, drive, ends, transfer
from tests.prove.property import Property, every_time

__all__ = ["PROPERTIES"]

CONFIG = CoreConfig(
    (2,), block_size=4, lanes=2, exponent_width=4, tile_rows=1, tile_columns=1, features=("packed",), datapath="behavioral"
)  # fmt: skip
GRANULE = 4  # bits: an exponent field, or the mantissas of a beat
BEATS = 2  # of a block
BIAS = CONFIG.exponent_bias


class Tensors:
    """Where a stream of blocks stands: the beat of a block, and whether the block is its tensor's last, of ``few`` or ``many``."""

    def __init__(self, bench: Stage, m: Module, moved: Value, few: int, many: int) -> None:
        self.beat, self.block, self.large = Signal(range(BEATS)), Signal(range(many)), Signal(reset_less=True)
        with m.If(~bench.started):
            m.d.power += self.large.eq(bench.large)
        self.first, self.last, self.tensor_last = self.beat == 0, self.beat == BEATS - 1, Signal()
        m.d.comb += self.tensor_last.eq(self.block == Mux(self.large, many - 1, few - 1))
        with m.If(moved):
            m.d.sync += self.beat.eq(Mux(self.last, 0, self.beat + 1))
            with m.If(self.last):
                m.d.sync += self.block.eq(Mux(self.tensor_last, 0, self.block + 1))


def code(mantissa: Value) -> Value:
    """Two's complement of a mantissa of two bits."""
    return Cat(mantissa.magnitude, mantissa.sign & mantissa.magnitude)


def writing() -> Stage:
    """The packer, into beats of one word."""

    def describe(bench: Stage, m: Module, platform: object) -> None:
        packer = place(m, platform, "packer", BlockPacker(CONFIG, 1))
        drive(bench, m, packer.i, ("mantissas", "scale", "nan"))
        tensors = Tensors(bench, m, transfer(packer.i), 2, 3)
        m.d.comb += [
            packer.width.eq(2), packer.o.ready.eq(bench.o_ready), packer.tensor_last.eq(tensors.tensor_last),
            packer.i.payload.last.eq(tensors.last),
        ]  # fmt: skip
        beat, out = packer.i.payload, packer.o.payload
        field, codes, size = Signal(GRANULE), Cat(code(mantissa) for mantissa in beat.mantissas), Signal(range(9))
        m.d.comb += field.eq(beat.scale + BIAS - 2 + 2)
        # Two blocks are six granules and fill one beat, three are nine and fill two; the rest is zero.
        second, last = Signal(), Signal()
        m.d.comb += [last.eq(~tensors.large | second), size.eq(Mux(tensors.large, Mux(second, 1, 8), 6))]
        with m.If(transfer(packer.o)):
            m.d.sync += second.eq(~last)
        pieces = [out.data.as_value().word_select(n, GRANULE) for n in range(8)]
        inside = conveyor(
            bench, m, [Mux(tensors.first, field, codes), codes], Mux(transfer(packer.i), Mux(tensors.first, 2, 1), 0),
            pieces, Mux(transfer(packer.o), size, 0), choose=bench.choose, place=bench.place, capacity=12,
        )  # fmt: skip
        zeros = Cat((n < size) | ~piece.any() for n, piece in enumerate(pieces)).all()
        bench.claim(~packer.o.valid | ((out.last == last) & zeros & (out.keep == 1)))
        ends(bench, m, packer.o.ready & (inside >= size) & ~packer.o.valid, 3, "end")
        ends(bench, m, packer.o.ready & packer.i.valid & ~packer.i.ready, 5, "entry")

    part = BlockPacker(CONFIG, 1).i.payload.shape().members
    shapes = {"i_valid": 1, "i_mantissas": part["mantissas"], "i_scale": part["scale"], "i_nan": 1, "large": 1, "o_ready": 1,
              "choose": 1, "place": 1}  # fmt: skip
    return Stage("writing", shapes, describe)


def reading(many: int) -> Stage:
    """The unpacker, from beats of two words."""

    def describe(bench: Stage, m: Module, platform: object) -> None:
        unpacker = place(m, platform, "unpacker", BlockUnpacker(CONFIG))
        drive(bench, m, unpacker.i)
        tensors, out = Tensors(bench, m, transfer(unpacker.o), 1, many), unpacker.o.payload
        m.d.comb += [unpacker.width.eq(2), unpacker.o.ready.eq(bench.o_ready), unpacker.tensor_last.eq(tensors.tensor_last)]
        field, codes, blank = Signal(GRANULE), Cat(code(mantissa) for mantissa in out.mantissas), Signal()
        m.d.comb += [field.eq(out.scale + BIAS - 2 + 2), blank.eq((field == 0) | (field == 15))]
        words, finish = Value.cast(unpacker.i.payload), transfer(unpacker.o) & tensors.last & tensors.tensor_last

        def same(sought: Value, piece: Value) -> Value:
            """A granule as it is if it is a field; if it is two codes, 2 stands for -1 as 3 does, and blank blocks are 0."""
            read = Cat(sought[0] | sought[1] & ~sought[0], sought[1], sought[2] | sought[3] & ~sought[2], sought[3])
            return Mux(piece[GRANULE], piece[:GRANULE] == sought, codes == Mux(blank, 0, read))

        def kind(value: Value, is_field: Value | int) -> Value:
            return Cat(value, is_field)

        inside = conveyor(
            bench, m, [words.word_select(n, GRANULE) for n in range(16)], Mux(transfer(unpacker.i), 16, 0),
            [kind(Mux(tensors.first, field, codes), tensors.first), kind(codes, Const(0, 1))],
            Mux(transfer(unpacker.o), Mux(tensors.first, 2, 1), 0), choose=bench.choose, place=bench.place, capacity=20,
            dropped=finish, same=same,
        )  # fmt: skip
        bench.claim(~unpacker.o.valid | ((out.nan == (field == 15)) & (out.last == tensors.last)))
        bench.claim(~finish | (inside < 16 + Mux(tensors.first, 2, 1)))  # no beat was taken that the tensor does not need
        ends(bench, m, unpacker.o.ready & unpacker.i.valid & ~unpacker.o.valid, 3, "wait")

    shapes = {"i_valid": 1, "i_payload": 64, "large": 1, "o_ready": 1, "choose": 1, "place": range(16)}
    return Stage(f"reading_{many}", shapes, describe)


WRITTEN = (
    "every field and mantissa of the blocks is in the words once and in order; a tensor ends with zeros and "
    "begins on a fresh beat; what waits enters, what has ended leaves"
)
READ = (
    "every field and mantissa of the words is in the blocks once and in order, the unused code and blank blocks "
    "as the page says; no word behind a tensor is taken; what waits leaves"
)


def _reading(many: int) -> Property:
    return Property(
        f"packing/reading, up to {many} blocks", READ, f"all time; tensors of 1 or {many} blocks",
        every_time(lambda: reading(many)), seconds=60,
    )  # fmt: skip


PROPERTIES = [
    Property("packing/writing", WRITTEN, "all time; tensors of 2 or 3 blocks", every_time(writing)),
    *(_reading(many) for many in (2, 6)),
]
