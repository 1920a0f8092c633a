"""``python -m synth outside``: somebody else's Verilog by the recipes that this project's units are mapped with."""

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from hw.host.files import keep
from hw.host.tools import yosys
from synth.density.cli import libraries_named
from synth.mapping.flow import BUILD, Synthesis, synthesise
from synth.mapping.liberty import Library, find_library
from synth.mapping.recipes import EFFORTS
from synth.mapping.timing import least_period
from synth.options import Commands, add_run_options, positive
from synth.table import Table

__all__ = ["MULTIPLIERS", "add_command", "elaborate", "map_outside"]

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


def add_command(commands: Commands) -> None:
    """Add ``outside`` to the commands."""
    parser: argparse.ArgumentParser = commands.add_parser("outside", help="area of a Verilog module by the same recipes")
    parser.set_defaults(run=run)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="Verilog")
    parser.add_argument("--top", required=True, metavar="MODULE", help="what to map; all under it dissolves into it")
    parser.add_argument("--include", type=Path, action="append", default=[], metavar="DIR", help="folder of included files")
    parser.add_argument("--effort", default="area", metavar="NAME", help=f"of {', '.join(EFFORTS)} (default area)")
    parser.add_argument("--target", type=positive("target", "ns"), metavar="NS",
                        help="with speed: what it should need at most (default: least area times delay)")  # fmt: skip
    parser.add_argument("--library", default="first", metavar="NAMES", help="names or files, with commas between; first or all")
    add_run_options(parser, 900)
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="results as JSON, to standard output or a file")


def elaborate(
    files: list[Path], top: str, include: list[Path], multiplier: str, seconds: float, build: Path = BUILD
) -> str:
    """The module as one flat module of operators and registers, which the recipes start from.

    Where Yosys fails, its folder below ``build`` stays, with the log that the error names.

    Raises
    ------
    ValueError
        for a file that is not there or a name that is none.
    ToolError
        where Yosys does not read it.
    """
    for path in [*files, *include]:
        if not path.exists():
            raise ValueError(f"{path} does not exist")
        if not set(str(path.resolve())).isdisjoint(' \t"\\;#'):
            raise ValueError(f"{path} must not have blanks, quotes or semicolons in its path")
    if not top.isidentifier():
        raise ValueError(f"top must be a module's name, not {top or 'nothing'}")
    (build / "outside").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{top}-", dir=build / "outside"))
    (folder / "sums.v").write_text(SUMS)
    folders = "".join(f" -I{path.resolve()}" for path in include)
    yosys("\n".join([
        *(f"read_verilog -sv -defer{folders} {path.resolve()}" for path in files),
        f"hierarchy -check -top {top}", "proc", "flatten", "opt", "wreduce", "opt -full", *MULTIPLIERS[multiplier],
        "opt -full", f"rename -top {top}", "delete t:$scopeinfo", "write_verilog -noattr flat.v", "",
    ]), folder, seconds)  # fmt: skip
    text = (folder / "flat.v").read_text()
    shutil.rmtree(folder)
    # Yosys marks signed operands where they are used, and may declare signed what was mixed with unsigned.
    text = re.sub(r"^( +(?:input|output|wire|reg)) signed\b", r"\1", text, flags=re.MULTILINE)
    return text[text.index("module ") :] + (FULL_ADDER if "full_adder" in text else "")


def map_outside(
    files: list[Path], top: str, library: Library, *, include: list[Path] = [], effort: str = "area",  # noqa: B006
    target: float | None = None, seconds: float = 900, build: Path,
) -> tuple[str, Synthesis]:  # fmt: skip
    """Map a module with each way to multiply; the smallest (where a target is met by any, of those) and its way.

    Raises
    ------
    ValueError, ToolError, LibraryError
        as of ``elaborate`` and ``synthesise``.
    """
    found = []
    for way in MULTIPLIERS:
        text = elaborate(files, top, include, way, seconds, build)
        synthesis = synthesise(text, top, [], library, effort=effort, target=target, clock_gates=True, seconds=seconds, build=build)
        late = target is not None and least_period(synthesis.netlists, library, top) > target
        found.append((late, synthesis.area, way, synthesis))
    _, _, way, synthesis = min(found, key=lambda entry: entry[:3])
    return way, synthesis


def run(options: argparse.Namespace, console: Console, command: str) -> int:
    """Map and show; the exit status."""
    if options.effort not in EFFORTS:
        raise ValueError(f"effort must be one of {', '.join(EFFORTS)}, not {options.effort}")
    rows = []
    for name in libraries_named(options.library):
        library = find_library(name, options.build)
        way, synthesis = map_outside(options.files, options.top, library, include=options.include, effort=options.effort,
                                     target=options.target, seconds=options.timeout, build=options.build)  # fmt: skip
        part = synthesis.parts[options.top]
        rows.append({
            "top": options.top, "library": library.name, "area": synthesis.area, "flip_flops": synthesis.total("flip_flops"),
            "period": least_period(synthesis.netlists, library, options.top), "multiplier": way, "script": part.variant,
        })  # fmt: skip
    text = json.dumps({"command": command, "rows": rows}, indent=1) + "\n"
    if options.json == "-":
        sys.stdout.write(text)
        return 0
    lines = [[row["top"], row["library"], row["script"], row["multiplier"], f"{row['area']:.1f}", f"{row['flip_flops']:.1f}",
              f"{row['period']:.2f}"] for row in rows]  # fmt: skip
    headings = ("module", "library", "script", "multiplication", "area", "flip-flops", "ns")
    console.print(Table("Mapped by the same recipes", "", headings, lines, 4).terminal())
    if options.json:
        keep(Path(options.json), text)
    return 0
