"""FPGA families: how they are synthesised, what counts as a table, how they are placed."""

from dataclasses import dataclass

from hw.board.boards import PLACEMENT

__all__ = ["EFFORTS", "FAMILIES", "Family"]

EFFORTS = ("area", "speed")
"""What mapping aims at: few tables, or what the family's own script does."""

PORTS = ("clk", "rst", "i", "o")
AREA = "scratchpad -copy abc9.script.default.area abc9.script"


@dataclass(frozen=True)
class Family:
    """One family.

    Parameters
    ----------
    synthesis
        Yosys commands by effort; ``{top}`` is the top module, ``{nodsp}`` the option that leaves multiplier blocks
        out.
    tables
        how many lookup tables a cell counts.
    flip_flops
        what their cells' names begin with.
    program, placement
        nextpnr's name and its arguments, or ``None`` where pip has no nextpnr.
    pins
        of the ports clk, rst, i and o, as the line of a file of pins with ``{port}`` and ``{pin}``; where nextpnr
        asks.
    multiplier
        cell of a multiplier block that products of mantissas fit in, where there is one.
    """

    synthesis: dict[str, tuple[str, ...]]
    tables: dict[str, int]
    flip_flops: str
    program: str = ""
    placement: tuple[str, ...] | None = None
    pins: tuple[str, tuple[str, ...]] | None = None
    multiplier: str = ""

    def pin_file(self) -> str:
        """Text of the file of pins, empty where none is wanted."""
        if self.pins is None:
            return ""
        line, names = self.pins
        return "".join(line.format(port=port, pin=pin) for port, pin in zip(PORTS, names, strict=True))

    def script(self, effort: str, top: str, multipliers: bool) -> list[str]:
        """Commands between reading the Verilog and writing the netlist; with multiplier blocks, or tables alone."""
        nodsp = "" if multipliers else "-nodsp"
        return [line.format(top=top, nodsp=nodsp) for line in self.synthesis[effort]]


def _both(command: str, area: str = "") -> dict[str, tuple[str, ...]]:
    return {"area": (AREA, f"{command} {area}"), "speed": (command,)}


XILINX = "synth_xilinx -family xc7 {nodsp} -flatten -noiopad -noclkbuf -top {top}"

FAMILIES = {
    "xc7": Family(
        {
            # As synth_xilinx does it, but a table of two inputs costs as much as one of six.
            "area": (
                AREA,
                f"{XILINX} -nowidelut -run begin:map_luts",
                "opt_expr -mux_undef -noclkinv",
                "abc9 -luts 1,1,1,6:1",
                "clean",
                "xilinx_srl -fixed -minlen 3",
                "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
                "xilinx_dffopt",
                "opt_lut_ins -tech xilinx",
                "clean",
                "blackbox =A:whitebox",
            ),
            "speed": (XILINX,),
        },
        {f"LUT{i}": 1 for i in range(1, 7)} | {"SRL16E": 1, "SRLC32E": 1, "RAM32M": 4}, "FD",
        multiplier="DSP48E1",
    ),
    "ecp5": Family(
        _both("synth_ecp5 {nodsp} -top {top}", "-nowidelut"), {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}, "TRELLIS_FF", "ecp5",
        ("--85k", "--speed", "6", "--package", "CABGA756", "--lpf-allow-unconstrained", "--freq", "130", *PLACEMENT["ecp5"]),
        multiplier="MULT18X18D",
    ),
    "ice40": Family(
        _both("synth_ice40 -top {top}"), {"SB_LUT4": 1}, "SB_DFF", "ice40",
        ("--hx8k", "--package", "ct256", "--freq", "100"),
    ),
    "nexus": Family(  # not placed: nextpnr refuses the carry chains that begin with a constant
        _both("synth_nexus {nodsp} -top {top}", "-nowidelut"), {"LUT4": 1, "CCU2": 2}, "FD1P3",
    ),
    "gowin": Family(
        _both("synth_gowin {nodsp} -top {top}", "-nowidelut"), {f"LUT{i}": 1 for i in range(1, 5)} | {"ALU": 1}, "DFF",
        "himbaechel-gowin",
        ("--device", "GW2A-LV18PG256C8/I7", "--vopt", "family=GW2A-18", "--vopt", "cst=pins", "--freq", "100"),
        ('IO_LOC "{port}" {pin};\n', ("H11", "N16", "N14", "L14")),
    ),
    "gatemate": Family(  # halves of a CPE, as nextpnr counts them
        _both("synth_gatemate -luttree -nomult -top {top}"),
        {"CC_LUT1": 1, "CC_LUT2": 1, "CC_MX2": 1, "CC_L2T4": 1, "CC_L2T5": 2, "CC_MX4": 2, "CC_ADDF": 2}, "CC_DFF",
        "himbaechel-gatemate", ("--device", "CCGM1A1", "--vopt", "allow-unconstrained", "--freq", "100"),
    ),
}  # fmt: skip
"""By name."""
