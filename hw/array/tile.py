"""The tile: units fed by broadcast, with operand registers only at its edge and drain chains to the north."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.array.control import control_layout
from hw.array.processing_element import ProcessingElement
from hw.config import CoreConfig
from hw.emit import place
from hw.names import named
from hw.timing import Timing

__all__ = ["Tile", "drain_layout"]


def drain_layout(config: CoreConfig, width: int) -> data.StructLayout:
    """One result of each unit column of a tile, ``width`` bits each."""
    return data.StructLayout({"values": data.ArrayLayout(width, config.tile_columns), "valid": 1})


def delay(m: Module, value, cycles: int, name: str, like=None, reset_less=False):
    """``value`` as it was ``cycles`` cycles ago."""
    for i in range(cycles):
        register = Signal(like if like is not None else value.shape(), name=f"{name}_{i + 1}", reset_less=reset_less)
        m.d.sync += register.eq(value)
        value = register
    return value


class Tile(Component):
    """``tile_rows`` × ``tile_columns`` units on broadcast operands.

    Operands and control are registered on entry; the units use the registers, and the neighbours get them one cycle
    after entry (``o_a`` to the east, ``o_b`` to the south, ``o_control`` to the east). A result is written to the drain
    chain ``unit_cycles`` cycles after entry of its last step. Results leave north, slot by slot within a unit and unit
    by unit from the north; the chain shifts whenever no capture is under way, so a new output tile may be captured
    once ``config.rows * config.interleave + config.mesh_rows`` cycles have passed since the last capture.
    Throughput is one step per cycle.

    Parameters
    ----------
    config
        the machine.
    unit
        class of the units, with the interface of ``ProcessingElement``. ``operand`` is what the tile registers for
        a unit and step: ``mantissas``, which go to the unit's ``a`` and ``b`` through ``prepare_a`` and
        ``prepare_b`` (components from ``i`` to ``o``, or ``None``), and fields of the block, which reach the unit
        with its sum.
    """

    def __init__(self, config: CoreConfig, unit=ProcessingElement):
        self.config, self.unit = config, unit
        element = unit(config)
        self.result_width = element.accumulator.result_width
        rows = data.ArrayLayout(element.operand, config.tile_rows)
        columns = data.ArrayLayout(element.operand, config.tile_columns)
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

    def elaborate(self, platform) -> Module:
        c = self.config
        m = Module()
        # Only control is reset: operands and results count when control says so; plain registers are smaller.
        operands_a = Signal(self.i_a.shape(), reset_less=True)
        operands_b = Signal(self.i_b.shape(), reset_less=True)
        m.d.sync += [operands_a.eq(self.i_a), operands_b.eq(self.i_b), self.o_control.eq(self.i_control)]
        m.d.comb += [self.o_a.eq(operands_a), self.o_b.eq(operands_b)]

        # cycle 1: operands at the products. 1 + sum_cycles: at the block sum. One later: at the accumulator.
        element = self.unit(c)
        sum_control = Signal(data.StructLayout({"clear": 1, "shift": 1}))
        m.d.comb += sum_control.eq(Cat(self.o_control.clear, self.o_control.shift))
        sum_control = delay(m, sum_control, element.sum_cycles, "sum_control")
        to_accumulator = element.sum_cycles + 1
        read = Signal(element.read.shape())
        m.d.comb += [read.slot.eq(self.o_control.slot), read.first.eq(self.o_control.first)]
        read = delay(m, read, to_accumulator + element.accumulator.read_cycle, "read", reset_less=True)
        write = Signal(
            data.StructLayout({"slot": range(c.interleave), "enable": 1, "last": 1, "final": 1}), name="write"
        )
        m.d.comb += [
            write.slot.eq(self.o_control.slot),
            write.enable.eq(self.o_control.valid & self.o_control.block),
            write.last.eq(self.o_control.valid & self.o_control.block & self.o_control.last),
            write.final.eq(self.o_control.final),
        ]
        write = delay(m, write, to_accumulator + element.accumulator.write_cycle, "write")

        # Each operand is prepared once for all units it is broadcast to; what belongs to a block goes with its sum.
        def edge(operands, name, prepare):
            prepared = []
            for i, operand in enumerate(operands):
                fields = {}
                for field in operand.shape().members:
                    if field != "mantissas":
                        port = f"{field}_{name}"
                        fields[port] = delay(m, operand[field], to_accumulator, f"{port}_{i}", reset_less=True)
                mantissas = operand.mantissas
                if prepare is not None:
                    part = place(m, platform, f"prepare_{name}_{i}", prepare())
                    m.d.comb += part.i.eq(mantissas)
                    mantissas = part.o
                prepared.append({name: mantissas} | fields)
            return prepared

        rows = edge([self.o_a[row] for row in range(c.tile_rows)], "a", element.prepare_a)
        columns = edge([self.o_b[column] for column in range(c.tile_columns)], "b", element.prepare_b)

        # The drain: captures hold the chain from the first slot of an output tile to its final one.
        holding = Signal()
        shift = Signal()
        m.d.comb += shift.eq(~write.last & ~holding)
        with m.If(write.last):
            m.d.sync += holding.eq(~write.final)
        places = [(row, slot) for row in range(c.tile_rows) for slot in range(c.interleave)]
        full = Signal(len(places))
        with m.If(shift):
            m.d.sync += full.eq(Cat(full[1:], self.i_drain.valid))
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
                for register, south in zip(chain, [*chain[1:], self.i_drain.values[column]], strict=True):
                    m.d.sync += register.eq(south)

        for row in range(c.tile_rows):
            for column in range(c.tile_columns):
                pe = place(m, platform, f"pe_{row}_{column}", self.unit(c))
                m.d.comb += [getattr(pe, port).eq(value) for port, value in (rows[row] | columns[column]).items()]
                m.d.comb += [
                    pe.read.eq(read),
                    pe.write.slot.eq(write.slot),
                    pe.write.enable.eq(write.enable),
                ]
                if pe.sums:
                    m.d.comb += pe.sum_control.eq(sum_control)
                for slot in range(c.interleave):
                    with m.If(write.last & (write.slot == slot)):
                        m.d.sync += chains[column][row * c.interleave + slot].eq(pe.value)
        return m
