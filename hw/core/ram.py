"""The memory of the buffers, one Verilog module per size: what a user replaces by a macro of the process."""

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out

__all__ = ["Ram"]


class Ram(Component):
    """Simple dual-port memory: one write port with an enable per granule, one synchronous read port.

    A read takes one cycle; while ``read_enable`` is 0 the output holds. Reading granules while they are written gives
    nothing defined, as of most macros and block RAMs: in simulation the inverse of what is written, so that a test would
    show who relied on it. Contents are undefined until written. It exists as Verilog text only, in the form synthesis
    tools infer block RAM from, and without the initial values that would make up most of a core's netlist.

    Parameters
    ----------
    granules, granule_width
        a word is ``granules`` parts of ``granule_width`` bits.
    depth
        words.
    """

    def __init__(self, granules: int, granule_width: int, depth: int) -> None:
        self.granules = granules
        self.granule_width = granule_width
        self.depth = depth
        address = range(max(depth, 2))
        super().__init__(
            {
                "write_address": In(address),
                "write_data": In(granules * granule_width),
                "write_enable": In(granules),
                "read_address": In(address),
                "read_enable": In(1, init=1),
                "read_data": Out(granules * granule_width),
            }
        )

    @property
    def module_name(self) -> str:
        return f"ram_{self.granules}x{self.granule_width}_{self.depth}"

    def verilog(self, name: str) -> str:
        """Text of the module, under this name."""
        width, address = self.granules * self.granule_width, len(self.write_address)
        parts = [f"[{i * self.granule_width} +: {self.granule_width}]" for i in range(self.granules)]
        writes = "\n".join(
            f"    if (write_enable[{i}]) storage[write_address]{part} <= write_data{part};" for i, part in enumerate(parts)
        )
        collisions = "\n".join(
            f"      if (write_enable[{i}]) read_data{part} <= ~write_data{part};" for i, part in enumerate(parts)
        )
        return f"""module {name}(clk, write_address, write_data, write_enable, read_address, read_enable, read_data);
  input clk, read_enable;
  input [{address - 1}:0] write_address, read_address;
  input [{width - 1}:0] write_data;
  input [{self.granules - 1}:0] write_enable;
  output reg [{width - 1}:0] read_data;
  (* no_rw_check *) reg [{width - 1}:0] storage [0:{self.depth - 1}];
  always @(posedge clk) begin
{writes}
    if (read_enable) read_data <= storage[read_address];
`ifndef SYNTHESIS
    if (read_enable && read_address == write_address) begin
{collisions}
    end
`endif
  end
endmodule
"""

    def elaborate(self, platform: object) -> Module:
        raise NotImplementedError("Ram has no Amaranth body: emit Verilog and simulate that")
