"""The core on AXI: registers on AXI4-Lite, operands and results on AXI4-Stream."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Member, Out, PureInterface

from hw.bus.axi_lite import AxiLite, axi_lite_ports
from hw.bus.register_bank import RegisterBank
from hw.bus.stream_core import StreamCore, check_bus, place_resettable
from hw.config import CoreConfig
from hw.emit import place
from hw.lint import waived
from hw.names import named

__all__ = ["BUS_WIDTHS", "AxiCore", "wrapper"]

BUS_WIDTHS = (32, 64, 128, 256, 512)


def _stream_ports(name: str, bytes_: int, receives: bool) -> dict[str, Member]:
    towards, back = (In, Out) if receives else (Out, In)
    return {
        f"{name}_tdata": towards(8 * bytes_), f"{name}_tkeep": towards(bytes_), f"{name}_tlast": towards(1),
        f"{name}_tvalid": towards(1), f"{name}_tready": back(1),
    }  # fmt: skip


class AxiCore(Component):
    """The core behind ``RegisterBank`` and AXI streams.

    A packet on ``s_axis_a`` is a row of A, on ``s_axis_b`` a column of B (of packed operands: the whole operand), on
    ``s_axis_bias``, which is there with the feature "bias", a panel's part of the bias. ``tlast`` ends it wherever it
    stands, and the words of a packet are put together without regard to beats. ``tkeep`` may leave out bytes at the end
    of any beat, in whole words. A hole before a kept word, and missing bytes of a word of which others are kept, become
    zeros and are reported (``gap_a``, ``gap_b``, ``gap_bias``). A packet on ``m_axis_c`` is the C of a product; only its last
    beat may be short.

    A packet that is shorter or longer than its line is filled up with zeros or cut, and reported (``short_a``,
    ``long_a``, …), see ``LineGuard``. A packet too many shows in ``status.left_a`` and its like once the core is
    idle. A packet that is missing leaves the core waiting; registers go on answering, and a soft reset makes all
    good. Operands wait during a soft reset; C on its way is lost.

    Parameters
    ----------
    config
        the machine.
    bus_width
        bits of the streams, one of ``BUS_WIDTHS``.
    clock_hz
        what the capabilities say.

    Raises
    ------
    ValueError
        for another bus width, and for a machine that no bus has.
    """

    def __init__(self, config: CoreConfig, bus_width: int = 128, clock_hz: int = 0):
        if bus_width not in BUS_WIDTHS:
            raise ValueError(f"bus_width must be one of {', '.join(map(str, BUS_WIDTHS))}, not {bus_width}")
        check_bus(config)
        self.config = config
        self.bus_width = bus_width
        self.clock_hz = clock_hz
        super().__init__(
            axi_lite_ports()
            | _stream_ports("s_axis_a", bus_width // 8, True)
            | _stream_ports("s_axis_b", bus_width // 8, True)
            | (_stream_ports("s_axis_bias", bus_width // 8, True) if "bias" in config.features else {})
            | _stream_ports("m_axis_c", bus_width // 8, False)
            | {"interrupt": Out(1)}
        )

    @property
    def module_name(self) -> str:
        return named("axi_core", self.config.name, b=self.bus_width, hz=self.clock_hz)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = self.bus_width // 32
        bus = place(m, platform, "bus", AxiLite())
        bank = place(m, platform, "registers", RegisterBank(self.config, words, self.clock_hz))
        core = place_resettable(m, platform, "core", StreamCore(self.config, words, guarded=True), bank.soft_reset)
        for name in axi_lite_ports():
            port, inner = getattr(self, name), getattr(bus, name)
            outwards = bus.signature.members[name].flow == Out
            m.d.comb += port.eq(inner) if outwards else inner.eq(port)
        m.d.comb += [
            *bank.accessed_by(bus),
            *bank.watches(core),
            self.interrupt.eq(bank.interrupt),
            core.i_command.payload.eq(bank.o_command.payload),
            core.i_command.valid.eq(bank.o_command.valid & ~bank.soft_reset),
            bank.o_command.ready.eq(core.i_command.ready & ~bank.soft_reset),
        ]
        for name in ("a", "b", "bias") if "bias" in self.config.features else ("a", "b"):
            self._operand(m, name, getattr(core, f"i_{name}"), bank)
        result = core.o_c
        m.d.comb += [
            self.m_axis_c_tdata.eq(result.payload.data),
            self.m_axis_c_tkeep.eq(Cat((index < result.payload.count).replicate(4) for index in range(words))),
            self.m_axis_c_tlast.eq(result.payload.last),
            self.m_axis_c_tvalid.eq(result.valid & ~bank.soft_reset),
            result.ready.eq(self.m_axis_c_tready),
        ]
        return m

    def _operand(self, m: Module, name: str, sink: PureInterface, bank: RegisterBank) -> None:
        tdata, tkeep, tlast, tvalid, tready = (
            getattr(self, f"s_axis_{name}_{part}") for part in ("tdata", "tkeep", "tlast", "tvalid", "tready")
        )
        words = self.bus_width // 32
        kept = [tkeep[4 * i : 4 * i + 4].any() for i in range(words)]
        count = Signal(range(words + 1), name=f"count_{name}")
        for i in range(words):
            with m.If(kept[i]):
                m.d.comb += count.eq(i + 1)
        gap = Signal(name=f"gap_{name}")
        m.d.comb += [
            gap.eq(Cat(tkeep[i] ^ tkeep[i - 1] if i % 4 else ~tkeep[i - 1] & tkeep[i] for i in range(1, 4 * words)).any()),
            sink.payload.data.eq(Cat(Mux(tkeep[i], tdata.word_select(i, 8), 0) for i in range(4 * words))),
            sink.payload.count.eq(count),
            sink.payload.last.eq(tlast),
            sink.valid.eq(tvalid & ~bank.soft_reset),
            tready.eq(sink.ready & ~bank.soft_reset),
            getattr(bank, f"gap_{name}").eq(gap & tvalid & tready),
        ]


def wrapper(component: AxiCore, name: str | None = None, prefix: str = "") -> str:
    """Verilog of a module with AMBA's clock and reset names: ``aclk``, and ``aresetn``, sampled by the clock.

    Parameters
    ----------
    component
        what is in it.
    name
        the module's; by default the component's with prefix and ``_top``.
    prefix
        what the component was emitted with.
    """
    from hw.emit import ports_of

    name = name or f"{prefix}{component.module_name}_top"
    ports = ports_of(component)
    header = ",\n  ".join(["aclk", "aresetn", *(port for port, *_ in ports)])
    lines = [f"  {flow}put {f'[{len(value) - 1}:0] ' if len(value) > 1 else ''}{port};" for port, flow, value in ports]
    connections = ",\n    ".join(f".{port}({port})" for port, *_ in ports)
    return waived("\n".join([
        f"module {name}(\n  {header});", "  input aclk, aresetn;", *lines,
        "  reg [1:0] reset;", "  always @(posedge aclk) reset <= {reset[0], ~aresetn};",
        f"  {prefix}{component.module_name} core (\n    .clk(aclk),\n    .rst(reset[1]),\n    {connections});", "endmodule",
    ]))  # fmt: skip
