"""A core at the end of a serial line: what a board carries beside its clock and pins."""

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out, connect

from hw.bus.register_bank import RegisterBank
from hw.bus.stream_core import StreamCore, place_resettable
from hw.config import CoreConfig
from hw.emit import place
from hw.names import named
from hw.serial.frame_bridge import FrameBridge
from hw.serial.uart import SerialReceiver, SerialTransmitter

__all__ = ["SerialCore"]

GAP_BITS = 4096


class SerialCore(Component):
    """Serial line, frames, registers and core, in this order.

    Parameters
    ----------
    config
        the machine.
    divisor
        clock cycles of a bit on the line.
    clock_hz
        what the capabilities say.

    Attributes
    ----------
    rx, tx
        the line.
    busy
        the core works.
    fault
        an enabled interrupt cause is set.
    """

    def __init__(self, config: CoreConfig, divisor: int, clock_hz: int = 0):
        self.config = config
        self.divisor = divisor
        self.clock_hz = clock_hz
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "busy": Out(1), "fault": Out(1)})

    @property
    def module_name(self) -> str:
        return named("serial_core", self.config.name, d=self.divisor, hz=self.clock_hz)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        receiver = place(m, platform, "receiver", SerialReceiver(self.divisor))
        transmitter = place(m, platform, "transmitter", SerialTransmitter(self.divisor))
        bridge = place(m, platform, "bridge", FrameBridge(GAP_BITS * self.divisor))
        bank = place(m, platform, "registers", RegisterBank(self.config, clock_hz=self.clock_hz))
        core = place_resettable(m, platform, "core", StreamCore(self.config, 1), bank.soft_reset)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            bridge.data.eq(receiver.data),
            bridge.valid.eq(receiver.valid),
            self.tx.eq(transmitter.tx),
            *bank.accessed_by(bridge),
            *bank.watches(core),
            self.busy.eq(~core.idle),
            self.fault.eq(bank.interrupt),
        ]
        connect(m, bridge.o, transmitter.i)
        connect(m, bank.o_command, core.i_command)
        connect(m, bank.o_a, core.i_a)
        connect(m, bank.o_b, core.i_b)
        if "bias" in self.config.features:
            connect(m, bank.o_bias, core.i_bias)
        connect(m, core.o_c, bank.i_c)
        return m
