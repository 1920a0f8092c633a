"""How logic is mapped: the same recipes for every format, of which each part keeps its smallest result."""

from synth.mapping.liberty import Library

__all__ = ["EFFORTS", "RIPPLE", "full_adder_map", "gate_script"]

PREPARE = "strash; ifraig; scorr; "

# Technology mapping by area. Several, because none is best on both arithmetic and control: "amap" keeps what the structure
# gives, "long" restructures sixteen times, "redo" maps and restructures in turns, "nf" finds inverted gates.
AREA = {
    "amap": PREPARE + "dch -f; amap -m; topo",
    "amap2": PREPARE + "dc2; dc2; dch -f; amap -m; topo",
    "long": PREPARE + "dc2; " * 16 + "dch -f; amap -m; topo",
    "redo": PREPARE + "dc2; dc2; dch -f; amap -m; strash; " * 6 + "dc2; dc2; dch -f; amap -m; topo",
    "nf": PREPARE + "&get -n; &dch -f; &nf -a 10; &put; topo",
    "direct": "strash; &get -n; &nf -a 10; &put; topo",
}

# Mapping by delay, then buffers and drive strengths; adders with carries in logarithmic depth.
SPEED = {
    "fast_map": PREPARE + "dch; map -B 0.9; topo; buffer -c; topo; upsize -c; dnsize -c",
    "fast_nf": PREPARE + "&get -n; &syn3; &syn3; &dch -f; &nf; &put; buffer -c; topo; upsize -c; dnsize -c",
    "sized": PREPARE + "dc2; dch -f; map -a -B 0.9; topo; buffer -c; topo; upsize -c; dnsize -c",
}

# What a part may be mapped by: of "area" the smallest result is kept, of "speed" the least product of area and delay.
EFFORTS = {"area": AREA, "speed": {"amap2": AREA["amap2"]} | SPEED}

# Carries ripple: the smallest adder, and abc rebuilds it where that saves area.
RIPPLE = """
(* techmap_celltype = "$lcu" *)
module ripple_carry (P, G, CI, CO);
  parameter WIDTH = 2;
  (* force_downto *) input [WIDTH-1:0] P, G;
  input CI;
  (* force_downto *) output [WIDTH-1:0] CO;
  wire [WIDTH:0] c;
  assign c[0] = CI;
  assign CO = c[WIDTH:1];
  genvar i;
  generate for (i = 0; i < WIDTH; i = i + 1) begin:bits
    assign c[i+1] = G[i] | (P[i] & c[i]);
  end endgenerate
endmodule
"""

AVOIDED = ("lpflow", "probe")  # power-gating and test cells, which no synthesis flow picks for logic


def full_adder_map(library: Library) -> str:
    """Techmap from the compressor tree's full adder to the library's cell."""
    cell, roles = library.full_adder()
    return (
        "module full_adder(input a, b, c, output sum, carry);\n"
        f"  {cell} _TECHMAP_REPLACE_ (.{roles['a']}(a), .{roles['b']}(b), .{roles['c']}(c), "
        f".{roles['sum']}(sum), .{roles['carry']}(carry));\nendmodule\n"
    )


def gate_script(
    part: str, others: list[str], library: Library, variants: dict[str, str], clock_gates: bool, memories: bool = False
) -> str:
    """Yosys script that maps one part of a design to a library, once for each abc script.

    Reads ``design.v``, ``ripple.v``, ``full_adder.v`` and the library, by its file's name; writes ``<variant>.json`` and
    ``<variant>.v``. ``others`` are parts that stay instances; memories stay cells of their own.
    """
    cells = library.full_adder() is not None
    boxes = [*others, *(["full_adder"] if cells and part != "full_adder" else [])]
    liberty = f"-liberty {library.path.name}"
    avoided = [c.name for c in library.cells.values() if c.dont_use or any(word in c.name for word in AVOIDED)]
    avoid = "".join(f" -dont_use {name}" for name in avoided)
    read = [
        "read_verilog design.v",
        f"hierarchy -top {part}",
        *([f"blackbox {' '.join(boxes)}"] if boxes else []),
        "proc", "flatten", "setattr -unset init", *(["memory -nomap"] if memories else []),
        "opt -full", "peepopt", "wreduce", "opt -full",
    ]  # fmt: skip
    gates = [
        "opt -full",
        *([f"clockgate {liberty} -min_net_size 4{avoid}"] if clock_gates else []),
        "dfflegalize -cell $_DFF_P_ x", "opt -full", f"dfflibmap {liberty}{avoid}", "opt_clean", "delete t:$scopeinfo",
    ]  # fmt: skip
    lines = [*read, "alumacc", "opt", "techmap -map ripple.v", "techmap", *gates, "design -save before"]
    if any(name.startswith("fast") for name in variants):
        lines += ["design -reset", *read, "alumacc", "opt", "techmap", *gates, "design -save fast"]
    for name in variants:
        lines += [
            f"design -load {'fast' if name.startswith('fast') else 'before'}",
            f"abc {liberty}{avoid} -script {name}.abc",
            *(["techmap -map full_adder.v"] if cells else []),
            "opt_clean -purge",
            "setundef -zero",
            "clean -purge",
            f"write_json {name}.json",
            f"write_verilog -noattr -noexpr -nohex -nodec {name}.v",
        ]
    return "\n".join(lines) + "\n"
