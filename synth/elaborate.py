"""Somebody else's Verilog as one flat module of operators and registers, which the recipes start from."""

import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hw.host.tools import ToolError, yosys

__all__ = ["MULTIPLIERS", "READERS", "OutsideModule", "elaborate"]

READERS = ("verilog", "slang")
"""Yosys' own reader of Verilog, and slang, for all of SystemVerilog: packages, types as parameters, arrays as ports."""
MULTIPLIERS: dict[str, list[str]] = {
    "rows": [],
    "booth": ["booth", "techmap -map sums.v"],
    "tree": ["alumacc", "maccmap", "techmap -map sums.v"],
}
"""What is made of a multiplication operator before mapping: rows of adders as always, Booth's recoding, a carry-save tree."""
SUMS = """
(* techmap_celltype = "$alu" *)
module sum (A, B, CI, BI, X, Y, CO);
  parameter A_SIGNED = 0; parameter B_SIGNED = 0; parameter A_WIDTH = 1; parameter B_WIDTH = 1; parameter Y_WIDTH = 1;
  (* force_downto *) input [A_WIDTH-1:0] A;
  (* force_downto *) input [B_WIDTH-1:0] B;
  input CI, BI;
  (* force_downto *) output [Y_WIDTH-1:0] X, Y, CO;
  wire [Y_WIDTH-1:0] a, b;
  \\$pos #(.A_SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) left (.A(A), .Y(a));
  \\$pos #(.A_SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) right (.A(B), .Y(b));
  wire [Y_WIDTH-1:0] c = BI ? ~b : b;
  assign Y = a + c + CI;
  assign X = a ^ c;
  assign CO = (a & c) | ((a ^ c) & ~Y);
endmodule
(* techmap_celltype = "$fa" *)
module adders (A, B, C, X, Y);
  parameter WIDTH = 1;
  (* force_downto *) input [WIDTH-1:0] A, B, C;
  (* force_downto *) output [WIDTH-1:0] X, Y;
  genvar i;
  generate for (i = 0; i < WIDTH; i = i + 1) begin:bits
    full_adder cell (.a(A[i]), .b(B[i]), .c(C[i]), .sum(Y[i]), .carry(X[i]));
  end endgenerate
endmodule
"""
"""Yosys' sums as operators, and its full adders as those of this project, which the recipes know."""
FULL_ADDER = """
module full_adder(a, b, c, sum, carry);
  input a, b, c;
  output sum, carry;
  assign sum = a ^ b ^ c;
  assign carry = (a & b) | (a & c) | (b & c);
endmodule
"""


@dataclass(frozen=True)
class OutsideModule:
    """A module of somebody else's, and what is made of it before it is mapped.

    Parameters
    ----------
    files
        Verilog; packages before those who use them.
    top
        the module. All under it dissolves into it.
    include
        folders of included files.
    reader
        of ``READERS``; "slang" needs a Yosys that has it, such as pyosys.
    parameters
        of the top, each an integer.
    ties
        inputs of the top, and the integer each is held at.
    dropped
        outputs of the top that nothing reads.

    Raises
    ------
    ValueError
        for a file that is not there or a name that is none.
    """

    files: tuple[Path, ...]
    top: str
    include: tuple[Path, ...] = ()
    reader: str = "verilog"
    parameters: dict[str, int] = field(default_factory=dict)
    ties: dict[str, int] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for path in [*self.files, *self.include]:
            if not path.exists():
                raise ValueError(f"{path} does not exist")
            if not set(str(path.resolve())).isdisjoint(' \t"\\;#'):
                raise ValueError(f"{path} must not have blanks, quotes or semicolons in its path")
        if self.reader not in READERS:
            raise ValueError(f"reader must be one of {', '.join(READERS)}, not {self.reader}")
        kinds = {"top": (self.top,), "set": self.parameters, "tie": self.ties, "drop": self.dropped}
        for option, name in ((option, name) for option, names in kinds.items() for name in names):
            if not name.isidentifier():
                what = {"top": "a module's name", "set": "a parameter's name"}.get(option, "a port's name")
                raise ValueError(f"{option} must be {what}, not {name or 'nothing'}")

    def script(self) -> list[str]:
        """Yosys commands that read the module, flat and with its ports as wanted; lists the ports it has in ``ports``."""
        files, folders = [str(path.resolve()) for path in self.files], [f"-I{path.resolve()}" for path in self.include]
        if self.reader == "slang":
            values = [f"-G {name}={value}" for name, value in self.parameters.items()]
            reading = [" ".join(["read_slang --relax-enum-conversions --top", self.top, *values, *folders, *files])]
            chosen = ""
        else:
            reading = [" ".join(["read_verilog -sv -defer", *folders, file]) for file in files]
            chosen = "".join(f" -chparam {name} {value}" for name, value in self.parameters.items())
        return [
            *reading, f"hierarchy -check -top {self.top}{chosen}", "proc", "flatten", f"rename -top {self.top}",
            "tee -q -o ports select -list i:* o:*",
            *(step for name, value in self.ties.items() for step in (
                f"select -assert-count 1 i:{name}", f"delete -input i:{name}", f"connect -nounset -set {name} {value}")),
            *(step for name in self.dropped for step in (f"select -assert-count 1 o:{name}", f"delete -output o:{name}")),
        ]  # fmt: skip


def elaborate(source: OutsideModule, multiplier: str, seconds: float, build: Path) -> str:
    """The module as one flat module of operators and registers.

    Where Yosys fails, its folder below ``build`` stays, with the log that the error names.

    Raises
    ------
    ValueError
        for a tied or dropped port that the module does not have.
    ToolError
        where Yosys does not read it.
    """
    (build / "outside").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{source.top}-", dir=build / "outside"))
    (folder / "sums.v").write_text(SUMS)
    script = [
        *source.script(), "opt", "wreduce", "opt -full", *MULTIPLIERS[multiplier], "opt -full", "delete t:$scopeinfo",
        "write_verilog -noattr flat.v", "",
    ]  # fmt: skip
    try:
        yosys("\n".join(script), folder, seconds)
    except ToolError:
        wanted, ports = (*source.ties, *source.dropped), folder / "ports"
        found = sorted({line.split("/")[-1] for line in ports.read_text().split()}) if ports.exists() else list(wanted)
        for name in wanted:
            if name not in found:
                shutil.rmtree(folder)
                raise ValueError(f"{source.top} has no port {name}; it has {', '.join(found)}") from None
        raise
    text = (folder / "flat.v").read_text()
    shutil.rmtree(folder)
    # Yosys marks signed operands where they are used, and may declare signed what was mixed with unsigned.
    text = re.sub(r"^( +(?:input|output|wire|reg)) signed\b", r"\1", text, flags=re.MULTILINE)
    return text[text.index("module ") :] + (FULL_ADDER if "full_adder" in text else "")
