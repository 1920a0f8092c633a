"""The operand buffer: blocks of one operand, double-buffered, read by every array row (or column) each cycle."""

from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.command import MOST_TAPS
from hw.config import CoreConfig
from hw.core.ram import Ram
from hw.emit import place
from hw.names import named
from hw.timing import Timing
from hw.types import block_slice, sign_magnitude

__all__ = ["OperandBuffer", "read_layout", "write_layout"]


def write_layout(config: CoreConfig, lines: int) -> data.StructLayout:
    """``lanes`` mantissas on their way into the buffer, or as many of each of ``load_lines`` lines.

    Attributes
    ----------
    half
        of the double buffer.
    line
        array row (or column), or the first of them.
    together
        as many lines as the machine loads side by side.
    block
        address within the half.
    beat
        within the block.
    scale, nan
        of the block, the same on all its beats.
    others
        what is written to the lines behind the first one.
    """
    block = {
        "mantissas": data.ArrayLayout(sign_magnitude(config.storage_width), config.lanes),
        "scale": signed(config.scale_width),
        "nan": 1,
    }
    more = config.load_lines - 1
    several = {"together": 1, "others": data.ArrayLayout(data.StructLayout(block), more)} if more else {}
    return data.StructLayout(
        {
            "enable": 1,
            "half": 1,
            "line": range(lines),
            "block": range(config.operand_depth),
            "beat": range(config.block_size // config.lanes),
        }
        | block
        | several
    )


def read_layout(config: CoreConfig, walks: bool = False) -> data.StructLayout:
    """One cycle's read: ``dot`` mantissas of slice ``slice`` at ``step`` of a block, for every line.

    Of blocks that are joined, ``block`` counts groups. Where it ``walks`` over a map, ``patches`` says that each line reads
    ``block`` places from the origin of its patch of those in ``group``, for the tap in ``tap_row`` and ``tap_column``.
    """
    walk = {"patches": 1, "group": range(config.operand_depth), "tap_row": range(MOST_TAPS), "tap_column": range(MOST_TAPS)}
    return data.StructLayout(
        {
            "half": 1,
            "block": range(config.operand_groups),
            "step": range(config.steps),
            "slice": range(config.slices(config.mantissa_widths[-1])),
        }
        | (walk if walks else {})
    )


class OperandBuffer(Component):
    """Memory of one operand: ``groups`` tiles of ``group_lines`` array rows (or columns) each.

    Group ``g`` answers a read ``read_cycles + g`` cycles later, as the mesh wants it. The two halves hold
    ``config.operand_depth`` blocks of each line; a word holds ``config.word_elements`` mantissas of each line of a group.
    Of blocks that are joined, a word holds all; the first to be written marks the others as missing until they come.

    Attributes
    ----------
    write
        see ``write_layout``; takes effect in the next cycle.
    read
        see ``read_layout``.
    o
        per group, the operands of its lines.
    """

    def __init__(self, config: CoreConfig, groups: int, group_lines: int) -> None:
        self.config = config
        self.groups = groups
        self.group_lines = group_lines
        operand = block_slice(config.multiplier_width, config.dot, config.scale_width, config.group)
        super().__init__(
            {
                "write": In(write_layout(config, groups * group_lines)),
                "read": In(read_layout(config)),
                "o": Out(data.ArrayLayout(operand, group_lines)).array(groups),
            }
        )

    @property
    def read_cycles(self) -> int:
        """Cycles from a read to group 0's answer."""
        return Timing(self.config).read_cycles

    @property
    def module_name(self) -> str:
        return named(f"operand_buffer_{self.groups}x{self.group_lines}", self.config.name)

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        granules = c.word_elements // c.lanes
        granule_width = c.lanes * c.storage_width
        depth = 2 * c.operand_groups
        self._chosen: dict[int, Any] = {}

        # A half's blocks are contiguous, so an address is (half * depth + block) * words + word.
        place_bits = c.group.bit_length() - 1
        write_block = Signal(range(depth))
        m.d.comb += write_block.eq(self.write.block[place_bits:] + self.write.half * c.operand_groups)
        joined = self.write.block[:place_bits]
        write_word, write_granule = self.write.beat, 0
        if granules > 1:
            write_word = (
                self.write.beat[granules.bit_length() - 1 :]
                if granules & (granules - 1) == 0
                else self.write.beat // granules
            )
            write_granule = self.write.beat - write_word * granules
        if c.group > 1:
            write_word, write_granule = 0, joined * (c.block_size // c.lanes) + self.write.beat
        read = self.read
        for cycle in range(Timing(c).origin_cycles):
            late = Signal(read.shape(), name=f"late_read_{cycle}")
            m.d.sync += late.eq(read)
            read = late
        blocks = [self._block(m, line % c.load_lines) for line in range(self.group_lines)]
        for group in range(self.groups):
            mantissas = Ram(self.group_lines * granules, granule_width, depth * c.block_words)
            scales = Ram(self.group_lines * c.group, c.scale_width + 1, depth)
            place(m, platform, f"mantissas_{group}", mantissas)
            place(m, platform, f"scales_{group}", scales)
            m.d.comb += [
                mantissas.write_address.eq(write_block * c.block_words + write_word),
                mantissas.write_data.eq(Cat(block.mantissas.as_value().replicate(granules) for block in blocks)),
                scales.write_address.eq(write_block),
                scales.write_data.eq(Cat(self._written_scales(block, joined) for block in blocks)),
            ]
            for line in range(self.group_lines):
                mine = self.write.enable & self._written(group * self.group_lines + line)
                for k in range(c.group):
                    wanted = mine & ((joined == k) | (joined == 0)) if c.group > 1 else mine
                    m.d.comb += scales.write_enable[line * c.group + k].eq(wanted)
                for granule in range(granules):
                    m.d.comb += mantissas.write_enable[line * granules + granule].eq(mine & (write_granule == granule))
            self._read(m, group, read, mantissas, scales, depth)
            if group + 1 < self.groups:
                delayed = Signal(read.shape(), name=f"read_{group + 1}")
                m.d.sync += delayed.eq(read)
                read = delayed
        return m

    def _block(self, m: Module, number: int) -> Any:
        """What a line with this place among those side by side is written."""
        if not number:
            return self.write
        if number not in self._chosen:
            other = self.write.others[number - 1]
            self._chosen[number] = chosen = Signal(other.shape(), name=f"written_{number}")
            for name in ("mantissas", "scale", "nan"):
                m.d.comb += getattr(chosen, name).eq(Mux(self.write.together, getattr(other, name), getattr(self.write, name)))
        return self._chosen[number]

    def _written(self, line: int) -> Value:
        """Whether a write is to this line."""
        number = line % self.config.load_lines
        mine = self.write.line == line
        return mine | (self.write.together & (self.write.line == line - number)) if number else mine

    def _written_scales(self, block: Any, joined: Value) -> Value:
        """Scales and flags that a group's blocks get while its block number ``joined`` is written: the first one's beside
        those of blocks that are missing, until they come."""
        written = Cat(block.scale, block.nan)
        missing = Const(self.config.missing_scale % (1 << self.config.scale_width), len(written))
        return Cat(written, *(Mux(joined == 0, missing, written) for _ in range(1, self.config.group)))

    def _read_scales(self, m: Module, operand: Any, words: Value) -> None:
        """A line's scales, and whether any of its blocks is NaN."""
        count, width = self.config.group, self.config.scale_width + 1
        each = [words[k * width : (k + 1) * width] for k in range(count)] if count > 1 else [words]
        for scale, word in zip(operand.scale if count > 1 else [operand.scale], each, strict=True):
            m.d.comb += scale.eq(word[:-1].as_signed())
        m.d.comb += operand.nan.eq(reduce(or_, (word[-1] for word in each)))


    def _read(self, m: Module, group: int, read: Any, mantissas: Any, scales: Any, depth: int) -> None:
        c = self.config
        word_steps = c.word_elements // c.dot
        block = Signal(range(depth), name=f"read_block_{group}")
        m.d.comb += [block.eq(read.block + read.half * c.operand_groups), scales.read_address.eq(block)]
        word, part = read.step, 0
        if word_steps > 1:
            word = (
                read.step[word_steps.bit_length() - 1 :]
                if word_steps & (word_steps - 1) == 0
                else read.step // word_steps
            )
            early_part, part = (Signal(range(word_steps), name=f"{n}part_{group}") for n in ("early_", ""))
            m.d.sync += [early_part.eq(read.step - word * word_steps), part.eq(early_part)]
        m.d.comb += mantissas.read_address.eq(block * c.block_words + (word if c.block_words > 1 else 0))
        early_slice, slice_index = (Signal.like(read.slice, name=f"{n}slice_{group}") for n in ("early_", ""))
        m.d.sync += [early_slice.eq(read.slice), slice_index.eq(early_slice)]
        # Memories answer late in a cycle, so their words are registered before anything is chosen from them.
        mantissa_words = Signal.like(mantissas.read_data, name=f"mantissa_words_{group}", reset_less=True)
        scale_words = Signal.like(scales.read_data, name=f"scale_words_{group}", reset_less=True)
        m.d.sync += [mantissa_words.eq(mantissas.read_data), scale_words.eq(scales.read_data)]

        stored = data.ArrayLayout(
            data.ArrayLayout(data.ArrayLayout(sign_magnitude(c.storage_width), c.dot), word_steps), self.group_lines
        )
        operands = data.View(stored, mantissa_words)
        words = data.View(data.ArrayLayout((c.scale_width + 1) * c.group, self.group_lines), scale_words)
        for line in range(self.group_lines):
            selected = operands[line][part]
            self._read_scales(m, self.o[group][line], words[line])
            for element in range(c.dot):
                mantissa = selected[element]
                m.d.comb += [
                    self.o[group][line].mantissas[element].sign.eq(mantissa.sign),
                    self.o[group][line]
                    .mantissas[element]
                    .magnitude.eq(mantissa.magnitude.word_select(slice_index, c.slice_width)),
                ]
