"""The operand buffer of A where A may be a feature map: every array row has the map, and reads its own patch of it."""

from dataclasses import replace
from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import CoreConfig
from hw.core.operand_buffer import OperandBuffer, read_layout, write_layout
from hw.core.patch_origins import origin_layout
from hw.core.ram import Ram
from hw.emit import place
from hw.names import named
from hw.timing import Timing
from hw.types import block_slice

__all__ = ["PatchBuffer", "bank_config"]


def bank_config(config: CoreConfig) -> CoreConfig:
    """A machine whose operand buffer is one bank of one line of this one's: places that are ``load_lines`` apart."""
    features = tuple(name for name in config.features if name not in ("patches", "requantize"))
    depth = config.operand_depth // config.load_lines
    return replace(config, operand_depth=depth, load_lines=1, result_streams=1, features=features)


class PatchBuffer(Component):
    """As an ``OperandBuffer``, and for a map: each line has a memory of its own, and a table of the origins of its patches.

    A map is written to all lines at once. A read of patches is for the tap at ``block`` places from the origins of the
    patches ``group``; a tap outside the map reads as zero. A line's places are dealt to ``load_lines`` banks, so that as many
    positions of a map that come side by side are written in a cycle.

    Attributes
    ----------
    write
        see ``write_layout``.
    broadcast
        the write is of a map: to all lines, what comes side by side to neighbouring places.
    origin, origin_half
        see ``origin_layout``; and the half whose table it is for.
    read
        see ``read_layout``.
    o
        per group of lines, their operands.
    """

    def __init__(self, config: CoreConfig, groups: int, group_lines: int) -> None:
        self.config = config
        self.groups = groups
        self.group_lines = group_lines
        self.bank = bank_config(config)
        self.operand = block_slice(config.multiplier_width, config.dot, config.scale_width, config.group)
        lines = groups * group_lines
        super().__init__(
            {
                "write": In(write_layout(config, lines)),
                "broadcast": In(1),
                "origin": In(origin_layout(config, lines)),
                "origin_half": In(1),
                "read": In(read_layout(config, walks=True)),
                "o": Out(data.ArrayLayout(self.operand, group_lines)).array(groups),
            }
        )

    @property
    def read_cycles(self) -> int:
        """Cycles from a read to group 0's answer."""
        return Timing(self.config).read_cycles

    @property
    def module_name(self) -> str:
        return named(f"patch_buffer_{self.groups}x{self.group_lines}", self.config.name)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        banks = self.config.load_lines
        bank_bits = banks.bit_length() - 1
        bank, block = self.write.block[:bank_bits], self.write.block[bank_bits:]
        together = self.write.together if banks > 1 else 0
        beats = [[self._beat(m, number, j) for j in range(banks)] for number in range(banks)]
        read: Any = self.read
        for group in range(self.groups):
            late, origins = self._origins(m, platform, group, read)
            for line in range(self.group_lines):
                number = group * self.group_lines + line
                mine = self._written(number)
                answers = []
                place_, inside = self._place(m, late, origins[line], number)
                for j in range(banks):
                    memory = place(m, platform, f"line_{number}_{j}", OperandBuffer(self.bank, 1, 1))
                    here = (bank == j) if banks > 1 else 1
                    m.d.comb += [
                        memory.write.enable.eq(
                            self.write.enable & Mux(self.broadcast, together | here, mine & here)
                        ),
                        memory.write.half.eq(self.write.half), memory.write.block.eq(block),
                        memory.write.beat.eq(self.write.beat),
                        *(getattr(memory.write, name).eq(beats[number % banks][j][name]) for name in ("mantissas", "scale", "nan")),
                        memory.read.half.eq(late.half), memory.read.block.eq(place_[bank_bits:]),
                        memory.read.step.eq(late.step), memory.read.slice.eq(late.slice),
                    ]  # fmt: skip
                    answers.append(memory.o[0][0])
                self._answer(m, group, line, answers, place_[:bank_bits], inside)
            if group + 1 < self.groups:
                read = self._delayed(m, read, f"read_{group + 1}")
        return m

    def _delayed(self, m: Module, value: Any, name: str) -> Any:
        later = Signal(value.shape(), name=name)
        m.d.sync += later.eq(value)
        return later

    def _beat(self, m: Module, number: int, bank: int) -> dict[str, Value]:
        """What a line with place ``number`` among those side by side is written in a bank."""
        names = ("mantissas", "scale", "nan")
        if self.config.load_lines == 1:
            return {name: getattr(self.write, name) for name in names}

        def of(n: int) -> Any:
            return self.write.others[n - 1] if n else self.write

        chosen = {}
        for name in names:
            first = getattr(self.write, name)
            value = Signal(first.shape(), name=f"{name}_{number}_{bank}")
            several = Mux(self.broadcast, _bits(getattr(of(bank), name)), _bits(getattr(of(number), name)))
            m.d.comb += _bits(value).eq(Mux(self.write.together, several, _bits(first)))
            chosen[name] = value
        return chosen

    def _written(self, line: int) -> Value:
        """Whether a write that is no map's is to this line."""
        mine = self.write.line == line
        number = line % self.config.load_lines
        return mine | (self.write.together & (self.write.line == line - number)) if number else mine

    def _origins(self, m: Module, platform: object, group: int, read: Any) -> tuple[Any, list[Any]]:
        """The read when its lines' origins are known, and these."""
        c = self.config
        entry = data.StructLayout({name: origin_layout(c, 1).members[name] for name in ("place", "rows", "columns")})
        table = Ram(self.group_lines, entry.size, 2 * c.operand_depth)
        place(m, platform, f"origins_{group}", table)
        written = Cat(self.origin.place, self.origin.rows, self.origin.columns)
        m.d.comb += [
            table.write_address.eq(self.origin.group + self.origin_half * c.operand_depth),
            table.write_data.eq(written.replicate(self.group_lines)),
            table.read_address.eq(read.group + read.half * c.operand_depth),
        ]
        for line in range(self.group_lines):
            mine = self.origin.line == group * self.group_lines + line
            m.d.comb += table.write_enable[line].eq(self.origin.enable & mine)
        words = Signal.like(table.read_data, name=f"origin_words_{group}", reset_less=True)
        m.d.sync += words.eq(table.read_data)
        late = self._delayed(m, self._delayed(m, read, f"early_{group}"), f"late_{group}")
        return late, [data.View(entry, words[line * entry.size : (line + 1) * entry.size]) for line in range(self.group_lines)]

    def _place(self, m: Module, read: Any, origin: Any, line: int) -> tuple[Signal, Signal]:
        """Where a line reads, and, when the memory answers, whether that is inside the map."""
        place_, inside = Signal(self.config.position_width, name=f"place_{line}"), Signal(name=f"inside_{line}")
        m.d.comb += [
            place_.eq(read.block + Mux(read.patches, origin.place, 0)),
            inside.eq(~read.patches | (origin.rows.bit_select(read.tap_row, 1) & origin.columns.bit_select(read.tap_column, 1))),
        ]
        answered: Any = inside
        for cycle in range(Timing(self.bank).read_cycles):
            answered = self._delayed(m, answered, f"inside_{line}_{cycle}")
        return place_, answered

    def _answer(self, m: Module, group: int, line: int, answers: list[Any], bank: Value, inside: Value) -> None:
        """The operand of the bank that was read, or zero."""
        number = group * self.group_lines + line
        answer: Any = answers[0]
        if len(answers) > 1:
            chosen: Any = Signal(len(bank), name=f"bank_{number}")
            m.d.comb += chosen.eq(bank)
            for cycle in range(Timing(self.bank).read_cycles):
                chosen = self._delayed(m, chosen, f"bank_{number}_{cycle}")
            answer = data.View(self.operand, Array(_bits(one) for one in answers)[chosen])
        o = self.o[group][line]
        m.d.comb += [o.scale.eq(Mux(inside, answer.scale, 0)), o.nan.eq(answer.nan & inside)]
        m.d.comb += _bits(o.mantissas).eq(Mux(inside, _bits(answer.mantissas), 0))


def _bits(value: Any) -> Value:
    """A value without its layout."""
    return Value.cast(value)
