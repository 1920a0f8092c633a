"""AXI4-Lite in front of the register bank."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Member, Out

from hw.bus.registers import ADDRESS_WIDTH

__all__ = ["AxiLite", "axi_lite_ports"]

OKAY, SLVERR = 0, 2


def axi_lite_ports(prefix: str = "s_axi") -> dict[str, Member]:
    """Members of an AXI4-Lite subordinate of 32 bits, named as AMBA names them."""
    return {
        f"{prefix}_awaddr": In(ADDRESS_WIDTH), f"{prefix}_awprot": In(3),
        f"{prefix}_awvalid": In(1), f"{prefix}_awready": Out(1),
        f"{prefix}_wdata": In(32), f"{prefix}_wstrb": In(4), f"{prefix}_wvalid": In(1), f"{prefix}_wready": Out(1),
        f"{prefix}_bresp": Out(2), f"{prefix}_bvalid": Out(1), f"{prefix}_bready": In(1),
        f"{prefix}_araddr": In(ADDRESS_WIDTH), f"{prefix}_arprot": In(3),
        f"{prefix}_arvalid": In(1), f"{prefix}_arready": Out(1),
        f"{prefix}_rdata": Out(32), f"{prefix}_rresp": Out(2), f"{prefix}_rvalid": Out(1), f"{prefix}_rready": In(1),
    }  # fmt: skip


class AxiLite(Component):
    """One access at a time, reads and writes in turn; every ready and valid comes from a register.

    A write whose strobes do not cover the whole word gets SLVERR and has no effect, as does what the bank refuses.

    Attributes
    ----------
    s_axi_*
        AXI4-Lite.
    request, write, address, write_data
        accesses of the bank;
    done, read_data, error
        answers.
    """

    module_name = "axi_lite"

    def __init__(self) -> None:
        super().__init__(
            axi_lite_ports()
            | {
                "request": Out(1), "write": Out(1), "address": Out(ADDRESS_WIDTH), "write_data": Out(32),
                "done": In(1), "read_data": In(32), "error": In(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        has_address, has_data, has_read = Signal(), Signal(), Signal()
        write_address, read_address = Signal(ADDRESS_WIDTH), Signal(ADDRESS_WIDTH)
        partial, waiting, writing, write_next = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.s_axi_awready.eq(~has_address), self.s_axi_wready.eq(~has_data), self.s_axi_arready.eq(~has_read),
        ]  # fmt: skip
        with m.If(self.s_axi_awvalid & self.s_axi_awready):
            m.d.sync += [has_address.eq(1), write_address.eq(self.s_axi_awaddr)]
        with m.If(self.s_axi_wvalid & self.s_axi_wready):
            m.d.sync += [has_data.eq(1), self.write_data.eq(self.s_axi_wdata), partial.eq(~self.s_axi_wstrb.all())]
        with m.If(self.s_axi_arvalid & self.s_axi_arready):
            m.d.sync += [has_read.eq(1), read_address.eq(self.s_axi_araddr)]
        with m.If(self.s_axi_bready):
            m.d.sync += self.s_axi_bvalid.eq(0)
        with m.If(self.s_axi_rready):
            m.d.sync += self.s_axi_rvalid.eq(0)

        can_write, can_read, begins_write, begins_read = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            can_write.eq(has_address & has_data & ~self.s_axi_bvalid & ~waiting),
            can_read.eq(has_read & ~self.s_axi_rvalid & ~waiting),
            begins_write.eq(can_write & (write_next | ~can_read)),
            begins_read.eq(can_read & ~begins_write),
            self.write.eq(begins_write),
            self.address.eq(Mux(begins_write, write_address, read_address)),
            self.request.eq((begins_write & ~partial) | begins_read),
        ]
        with m.If(begins_write | begins_read):
            m.d.sync += [waiting.eq(self.request), writing.eq(begins_write), write_next.eq(begins_read)]
        answered = self.done & waiting
        with m.If(begins_write & partial):
            m.d.sync += [has_address.eq(0), has_data.eq(0), self.s_axi_bvalid.eq(1), self.s_axi_bresp.eq(SLVERR)]
        with m.If(answered):
            m.d.sync += waiting.eq(0)
            with m.If(writing):
                m.d.sync += [
                    has_address.eq(0), has_data.eq(0), self.s_axi_bvalid.eq(1),
                    self.s_axi_bresp.eq(Mux(self.error, SLVERR, OKAY)),
                ]  # fmt: skip
            with m.Else():
                m.d.sync += [
                    has_read.eq(0), self.s_axi_rvalid.eq(1), self.s_axi_rdata.eq(self.read_data),
                    self.s_axi_rresp.eq(Mux(self.error, SLVERR, OKAY)),
                ]  # fmt: skip
        return m
