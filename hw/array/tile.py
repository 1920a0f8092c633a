"""The tile: units fed by broadcast, with operand registers only at its edge and drain chains to the north."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.array.control import control_layout
from hw.array.processing_element import ProcessingElement
from hw.config import CoreConfig
from hw.emit import place
from hw.enable import connect_enables, load
from hw.names import named
from hw.timing import Timing

__all__ = ["Tile", "drain_layout"]


def drain_layout(config: CoreConfig, width: int) -> data.StructLayout:
    """One result of each unit column of a tile, ``width`` bits each."""
    return data.StructLayout({"values": data.ArrayLayout(width, config.tile_columns), "valid": 1})


def delay(
    m: Module, value: Value, cycles: int, name: str, like: Any = None, reset_less: bool = False,
    enables: Sequence[Value | None] | None = None,
) -> Any:  # fmt: skip
    """``value`` as it was ``cycles`` cycles ago; of ``enables`` each says when one of the registers loads."""
    for i, enable in enumerate(enables or [None] * cycles):
        register = Signal(like if like is not None else value.shape(), name=f"{name}_{i + 1}", reset_less=reset_less)
        load(m, register, value, enable)
        value = register
    return value


class Tile(Component):
    """``tile_rows`` × ``tile_columns`` units on broadcast operands.

    Operands and control are registered on entry; the units use the registers, and the neighbours get them one cycle
    after entry (``o_a`` to the east, ``o_b`` to the south, ``o_control`` to the east). A result is written to the drain
    chain ``unit_cycles`` cycles after entry of its last step. Results leave north, slot by slot within a unit and unit
    by unit from the north; the chain shifts whenever no capture is under way, so a new output tile may be captured
    once ``config.rows * config.interleave + config.mesh_rows`` cycles have passed since the last capture.
    Throughput is one step per cycle. With ``config.clock_gating`` registers on the way of operands, sums and results load only
    what is valid, and ``o_a`` and ``o_b`` keep the last step's.

    Parameters
    ----------
    config
        the machine.
    unit
        class of the units, with the interface of ``ProcessingElement``. ``operand`` (``operand_b`` for ``b``) is what the
        tile registers for a unit and step: ``mantissas``, which go to the unit's ``a`` and ``b`` through ``prepare_a`` and
        ``prepare_b`` (components from ``i`` to ``o``, or ``None``), and fields of the block, which reach the unit
        with its sum.
    """

    def __init__(self, config: CoreConfig, unit: Any = ProcessingElement) -> None:
        self.config, self.unit = config, unit
        element = unit(config)
        self.result_width = element.accumulator.result_width
        rows = data.ArrayLayout(element.operand, config.tile_rows)
        columns = data.ArrayLayout(element.operand_b, config.tile_columns)
        super().__init__(
            {
                "i_a": In(rows),
                "o_a": Out(rows),
                "i_b": In(columns),
                "o_b": Out(columns),
                "i_control": In(control_layout(config)),
                "o_control": Out(control_layout(config)),
                "i_drain": In(drain_layout(config, self.result_width)),
                "o_drain": Out(drain_layout(config, self.result_width)),
            }
        )

    @property
    def module_name(self) -> str:
        c = self.config
        return named(f"tile_{c.tile_rows}x{c.tile_columns}", self.unit(c).module_name)

    @property
    def unit_cycles(self) -> int:
        """Cycles from a step's entry to the cycle in which its result is written."""
        return Timing(self.config).unit_cycles

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Only control is reset: operands and results count when control says so; plain registers are smaller.
        operands_a = Signal(self.i_a.shape(), reset_less=True)
        operands_b = Signal(self.i_b.shape(), reset_less=True)
        entry = self.i_control.valid if self.config.clock_gating else None
        load(m, operands_a, self.i_a, entry)
        load(m, operands_b, self.i_b, entry)
        m.d.sync += self.o_control.eq(self.i_control)
        m.d.comb += [self.o_a.eq(operands_a), self.o_b.eq(operands_b)]
        element = self.unit(self.config)
        sum_control, read, write = self._control(m, element)
        enables = self._enables(m, element)
        rows = self._edge(m, platform, self.o_a, self.config.tile_rows, "a", element, enables)
        columns = self._edge(m, platform, self.o_b, self.config.tile_columns, "b", element, enables)
        chains = self._drain(m, write)
        for row in range(self.config.tile_rows):
            for column in range(self.config.tile_columns):
                pe = place(m, platform, f"pe_{row}_{column}", self.unit(self.config))
                m.d.comb += [getattr(pe, port).eq(value) for port, value in (rows[row] | columns[column]).items()]
                m.d.comb += [pe.read.eq(read), pe.write.slot.eq(write.slot), pe.write.enable.eq(write.enable)]
                connect_enables(m, pe, enables)
                if pe.sums:
                    m.d.comb += pe.sum_control.eq(sum_control)
                for slot in range(self.config.interleave):
                    with m.If(write.last & (write.slot == slot)):
                        m.d.sync += chains[column][row * self.config.interleave + slot].eq(pe.value)
        return m

    def _control(self, m: Module, element: Any) -> tuple[Any, Any, Any]:
        """Control in the cycles in which units sample it: of the block sum, and of reading and writing the accumulator.

        Cycle 1: operands are at the products. ``1 + sum_cycles``: at the block sum. One later, and what joining
        takes: at the accumulator.
        """
        control, to_accumulator = self.o_control, element.sum_cycles + 1 + element.join_cycles
        sum_control = Signal(data.StructLayout({"clear": 1, "shift": 1}))
        m.d.comb += sum_control.eq(Cat(control.clear, control.shift))
        sum_control = delay(m, sum_control, element.sum_cycles, "sum_control")
        read = Signal(element.read.shape())
        m.d.comb += [read.slot.eq(control.slot), read.first.eq(control.first)]
        read = delay(m, read, to_accumulator + element.accumulator.read_cycle, "read", reset_less=True)
        slots = range(self.config.interleave)
        write = Signal(data.StructLayout({"slot": slots, "enable": 1, "last": 1, "final": 1}), name="write")
        m.d.comb += [
            write.slot.eq(control.slot),
            write.enable.eq(control.valid & control.block),
            write.last.eq(control.valid & control.block & control.last),
            write.final.eq(control.final),
        ]
        return sum_control, read, delay(m, write, to_accumulator + element.accumulator.write_cycle, "write")

    def _enables(self, m: Module, element: Any) -> list[Value | None]:
        """When each rank of a unit's registers loads: up to the block sum with every step, behind it with a block's last."""
        if not self.config.clock_gating:
            return [None] * element.ranks
        steps: list[Value | None] = [self.o_control.valid]
        blocks: list[Value | None] = [self.o_control.valid & self.o_control.block]
        for enables, name, last in ((steps, "step", element.sum_cycles), (blocks, "block", element.ranks - 1)):
            for rank in range(last):
                enables.append(delay(m, enables[-1], 1, f"{name}_{rank}"))
        return steps + blocks[len(steps) :]

    def _edge(
        self, m: Module, platform: object, operands: Any, count: int, name: str, element: Any,
        enables: list[Value | None],
    ) -> list[dict[str, Value]]:  # fmt: skip
        """What each of ``count`` rows (or columns) of units gets of its operand, by the units' ports.

        Mantissas are prepared once for all units they are broadcast to; what belongs to a block goes with its sum.
        """
        prepare, edge = getattr(element, f"prepare_{name}"), []
        for i in range(count):
            operand, fields = operands[i], {}
            for field in operand.shape().members:
                if field != "mantissas":
                    port = f"{field}_{name}"
                    ranks = enables[: element.sum_cycles + 1]
                    fields[port] = delay(m, operand[field], len(ranks), f"{port}_{i}", reset_less=True, enables=ranks)
            mantissas = operand.mantissas
            if prepare is not None:
                part = place(m, platform, f"prepare_{name}_{i}", prepare())
                m.d.comb += part.i.eq(mantissas)
                mantissas = part.o
            edge.append({name: mantissas} | fields)
        return edge

    def _drain(self, m: Module, write: Any) -> list[list[Signal]]:
        """The drain chains, per column from the north; captures hold them from an output tile's first slot to its final one."""
        c = self.config
        holding, shift = Signal(), Signal()
        m.d.comb += shift.eq(~write.last & ~holding)
        with m.If(write.last):
            m.d.sync += holding.eq(~write.final)
        places = [(row, slot) for row in range(c.tile_rows) for slot in range(c.interleave)]
        full = Signal(len(places))
        south_full = Cat(full[1:], self.i_drain.valid)
        with m.If(shift):
            m.d.sync += full.eq(south_full)
        with m.Elif(write.last):
            for i, (_, slot) in enumerate(places):
                with m.If(write.slot == slot):
                    m.d.sync += full[i].eq(1)
        m.d.comb += self.o_drain.valid.eq(full[0] & shift)
        chains = [
            [Signal(self.result_width, name=f"drain_{row}_{column}_{slot}", reset_less=True) for row, slot in places]
            for column in range(c.tile_columns)
        ]
        for column, chain in enumerate(chains):
            m.d.comb += self.o_drain.values[column].eq(chain[0])
            with m.If(shift):
                souths = [*chain[1:], self.i_drain.values[column]]
                for register, south, filled in zip(chain, souths, south_full, strict=True):
                    load(m, register, south, filled if c.clock_gating else None)
        return chains
