"""The operand buffer: blocks of one operand, double-buffered, read by every array row (or column) each cycle."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import CoreConfig
from hw.core.ram import Ram
from hw.emit import place
from hw.names import named
from hw.timing import Timing
from hw.types import block_slice, sign_magnitude

__all__ = ["OperandBuffer", "read_layout", "write_layout"]


def write_layout(config: CoreConfig, lines: int) -> data.StructLayout:
    """``lanes`` mantissas on their way into the buffer.

    Attributes
    ----------
    half
        of the double buffer.
    line
        array row (or column).
    block
        address within the half.
    beat
        within the block.
    scale, nan
        of the block, the same on all its beats.
    """
    return data.StructLayout(
        {
            "enable": 1,
            "half": 1,
            "line": range(lines),
            "block": range(config.operand_depth),
            "beat": range(config.block_size // config.lanes),
            "mantissas": data.ArrayLayout(sign_magnitude(config.storage_width), config.lanes),
            "scale": signed(config.scale_width),
            "nan": 1,
        }
    )


def read_layout(config: CoreConfig) -> data.StructLayout:
    """One cycle's read: ``dot`` mantissas of slice ``slice`` at ``step`` of a block, for every line."""
    return data.StructLayout(
        {
            "half": 1,
            "block": range(config.operand_depth),
            "step": range(config.steps),
            "slice": range(config.slices(config.mantissa_widths[-1])),
        }
    )


class OperandBuffer(Component):
    """Memory of one operand: ``groups`` tiles of ``group_lines`` array rows (or columns) each.

    Group ``g`` answers a read ``read_cycles + g`` cycles later, as the mesh wants it. The two halves hold
    ``config.operand_depth`` blocks of each line; a word holds ``config.word_elements`` mantissas of each line of a group.

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
        operand = block_slice(config.multiplier_width, config.dot, config.scale_width)
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
        depth = 2 * c.operand_depth

        # A half's blocks are contiguous, so an address is (half * depth + block) * words + word.
        write_block = Signal(range(depth))
        m.d.comb += write_block.eq(self.write.block + self.write.half * c.operand_depth)
        write_word, write_granule = self.write.beat, 0
        if granules > 1:
            write_word = (
                self.write.beat[granules.bit_length() - 1 :]
                if granules & (granules - 1) == 0
                else self.write.beat // granules
            )
            write_granule = self.write.beat - write_word * granules
        read = self.read
        for group in range(self.groups):
            mantissas = Ram(self.group_lines * granules, granule_width, depth * c.block_words)
            scales = Ram(self.group_lines, c.scale_width + 1, depth)
            place(m, platform, f"mantissas_{group}", mantissas)
            place(m, platform, f"scales_{group}", scales)
            m.d.comb += [
                mantissas.write_address.eq(write_block * c.block_words + write_word),
                mantissas.write_data.eq(self.write.mantissas.as_value().replicate(self.group_lines * granules)),
                scales.write_address.eq(write_block),
                scales.write_data.eq(Cat(self.write.scale, self.write.nan).replicate(self.group_lines)),
            ]
            for line in range(self.group_lines):
                mine = self.write.enable & (self.write.line == group * self.group_lines + line)
                m.d.comb += scales.write_enable[line].eq(mine)
                for granule in range(granules):
                    m.d.comb += mantissas.write_enable[line * granules + granule].eq(mine & (write_granule == granule))
            self._read(m, group, read, mantissas, scales, depth)
            if group + 1 < self.groups:
                delayed = Signal(read.shape(), name=f"read_{group + 1}")
                m.d.sync += delayed.eq(read)
                read = delayed
        return m

    def _read(self, m: Module, group: int, read: Any, mantissas: Any, scales: Any, depth: int) -> None:
        c = self.config
        word_steps = c.word_elements // c.dot
        block = Signal(range(depth), name=f"read_block_{group}")
        m.d.comb += [block.eq(read.block + read.half * c.operand_depth), scales.read_address.eq(block)]
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
        words = data.View(data.ArrayLayout(c.scale_width + 1, self.group_lines), scale_words)
        for line in range(self.group_lines):
            selected = operands[line][part]
            scale = words[line]
            m.d.comb += [self.o[group][line].scale.eq(scale[:-1].as_signed()), self.o[group][line].nan.eq(scale[-1])]
            for element in range(c.dot):
                mantissa = selected[element]
                m.d.comb += [
                    self.o[group][line].mantissas[element].sign.eq(mantissa.sign),
                    self.o[group][line]
                    .mantissas[element]
                    .magnitude.eq(mantissa.magnitude.word_select(slice_index, c.slice_width)),
                ]
