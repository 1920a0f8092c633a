"""What is on the FPGA: clock, serial core and the board's pins."""

from amaranth.build import Platform
from amaranth.hdl import ClockSignal, Elaboratable, Instance, Module, ResetSignal
from amaranth.lib import io

from hw.board.boards import Board
from hw.board.clock import ClockGenerator
from hw.config import CoreConfig
from hw.emit import emit_verilog
from hw.serial.serial_core import SerialCore

__all__ = ["BoardTop"]


class BoardTop(Elaboratable):
    """``SerialCore`` on a board: the first light shows that it works, the second an enabled interrupt cause.

    Parameters
    ----------
    board
        the board.
    config, clock_hz
        the machine and its clock, instead of the board's own.
    """

    _MustUse__silence = True  # tops are also made for what they say of a board, and not built

    def __init__(self, board: Board, config: CoreConfig | None = None, clock_hz: float | None = None):
        self.board = board
        self.config = config or board.config
        platform = board.make_platform()
        self.clock = ClockGenerator(board.family, platform.default_clk_frequency, clock_hz or board.clock_hz)
        self.divisor = round(self.clock.hz / board.baud)
        self.core = SerialCore(self.config, self.divisor, round(self.clock.hz))

    def elaborate(self, platform: Platform) -> Module:
        m = Module()
        oscillator = platform.request(platform.default_clk, 0, dir="-")
        m.submodules.oscillator = buffer = io.Buffer("i", oscillator)
        self.clock.add_to(m, platform, buffer.i)
        pins = [pin.name for pin in platform.lookup("uart", 0).ios]
        uart = platform.request("uart", 0, dir=dict.fromkeys(pins, "-"))
        m.submodules.receive = receive = io.Buffer("i", uart.rx)
        m.submodules.transmit = transmit = io.Buffer("o", uart.tx)
        lights = []
        for number in range(2):
            m.submodules[f"light_{number}"] = light = io.Buffer("o", platform.request("led", number, dir="-"))
            lights.append(light)
        platform.add_file("serial_core.v", emit_verilog(self.core))
        m.submodules.core = Instance(
            self.core.module_name, i_clk=ClockSignal(), i_rst=ResetSignal(),
            i_rx=receive.i, o_tx=transmit.o, o_busy=lights[0].o, o_fault=lights[1].o,
        )  # fmt: skip
        return m
