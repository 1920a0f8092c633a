"""Bytes to and from an asynchronous serial line: 8 data bits, no parity, one stop bit."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from hw.names import named

__all__ = ["SerialReceiver", "SerialTransmitter"]


class SerialReceiver(Component):
    """Bytes of the line ``rx``; a byte whose stop bit is missing is dropped.

    The byte is on ``data`` for the one cycle in which ``valid`` is high, about half a bit after its stop bit began.

    Parameters
    ----------
    divisor
        clock cycles of a bit, at least 4.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        self.module_name = named("serial_receiver", d=divisor)
        super().__init__({"rx": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Two registers against metastability.
        line = Const(1)
        for stage in range(2):
            synchronised = Signal(init=1, name=f"rx_{stage}")
            m.d.sync += synchronised.eq(self.rx if stage == 0 else line)
            line = synchronised
        timer, bits, shift = Signal(range(self.divisor)), Signal(range(10)), Signal(8)
        busy = Signal()
        m.d.sync += self.valid.eq(0)
        m.d.comb += self.data.eq(shift)
        with m.If(~busy):
            m.d.sync += [timer.eq(self.divisor // 2 - 1), bits.eq(0), busy.eq(~line)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self.divisor - 1), bits.eq(bits + 1)]
            with m.If(bits == 0):
                m.d.sync += busy.eq(~line)
            with m.Elif(bits == 9):
                m.d.sync += [busy.eq(0), self.valid.eq(line)]
            with m.Else():
                m.d.sync += shift.eq(Cat(shift[1:], line))
        return m


class SerialTransmitter(Component):
    """Puts the bytes of ``i`` on the line ``tx``, ``10 * divisor`` cycles each.

    Parameters
    ----------
    divisor
        clock cycles of a bit.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        self.module_name = named("serial_transmitter", d=divisor)
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        timer, bits, shift = Signal(range(self.divisor)), Signal(range(11)), Signal(10, init=0x3FF)
        m.d.comb += [self.i.ready.eq(bits == 0), self.tx.eq(shift[0])]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                shift.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1))),
                bits.eq(10),
                timer.eq(self.divisor - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(bits != 0):
            m.d.sync += [shift.eq(Cat(shift[1:], Const(1, 1))), bits.eq(bits - 1), timer.eq(self.divisor - 1)]
        return m
