"""How logic is mapped: the same recipes for every format, of which each part keeps its best result."""

from dataclasses import dataclass, replace

from synth.mapping.liberty import Library, LibraryError

__all__ = ["EFFORTS", "RIPPLE", "TIMED", "Recipe", "full_adder_map", "gate_script"]


@dataclass(frozen=True)
class Recipe:
    """One way of mapping a part.

    Parameters
    ----------
    abc
        script of ABC, with semicolons.
    carries
        "ripple", or "fast" for adders of logarithmic depth.
    adder_cells
        whether the full adders of bit heaps are the library's cells, which ABC sees as ends of paths; otherwise they
        are gates like others, which it restructures.
    """

    abc: str
    carries: str = "ripple"
    adder_cells: bool = True


PREPARE = "strash; ifraig; scorr; "

# Technology mapping by area. Several, because none is best on both arithmetic and control: "amap" keeps what the structure
# gives, "long" restructures sixteen times, "redo" maps and restructures in turns, "nf" finds inverted gates.
AREA = {
    "amap": Recipe(PREPARE + "dch -f; amap -m; topo"),
    "amap2": Recipe(PREPARE + "dc2; dc2; dch -f; amap -m; topo"),
    "long": Recipe(PREPARE + "dc2; " * 16 + "dch -f; amap -m; topo"),
    "redo": Recipe(PREPARE + "dc2; dc2; dch -f; amap -m; strash; " * 6 + "dc2; dc2; dch -f; amap -m; topo"),
    "nf": Recipe(PREPARE + "&get -n; &dch -f; &nf -a 10; &put; topo"),
    "direct": Recipe("strash; &get -n; &nf -a 10; &put; topo"),
}

# Mapping by delay, then buffers and drive strengths. "sop" balances sums of products, which turns rippling carries into
# trees; "amap2_sized" is the smallest that still has strengths.
SIZE = "; buffer -c; topo; upsize -c; dnsize -c"
SPEED = {
    "amap2": AREA["amap2"],
    "amap2_sized": Recipe(PREPARE + "dc2; dc2; dch -f; amap -m; topo" + SIZE),
    "sized": Recipe(PREPARE + "dc2; dch -f; map -a -B 0.9; topo" + SIZE),
    "map": Recipe(PREPARE + "dch; map -B 0.9; topo" + SIZE, "fast"),
    "nf": Recipe(PREPARE + "&get -n; &syn3; &syn3; &dch -f; &nf; &put" + SIZE, "fast"),
    "sop": Recipe(PREPARE + "&get -n; &st; &if -g -K 6; &put; st; dch; map -B 0.9; topo" + SIZE, "fast"),
}
# Each of them with the library's full adders and without.
SPEED |= {f"{name}_open": replace(recipe, adder_cells=False) for name, recipe in SPEED.items()}

# What a part may be mapped by: of "area" the smallest result is kept, of "speed" each that no other is better than in both
# area and delay, for a target to choose from.
# "clock" is "speed" with the few recipes that any searched format has chosen at the clock of the claims, for formats that are
# mapped for that clock alone.
CLOCK = {name: SPEED[name] for name in ("amap2", "amap2_sized", "sized", "sized_open")}
EFFORTS = {"area": AREA, "speed": SPEED, "clock": CLOCK}
TIMED = ("speed", "clock")
"""Efforts that look at delays."""

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
    adder = library.full_adder()
    if adder is None:
        raise LibraryError(f"library {library.name} has no full adder")
    cell, roles = adder
    return (
        "module full_adder(input a, b, c, output sum, carry);\n"
        f"  {cell} _TECHMAP_REPLACE_ (.{roles['a']}(a), .{roles['b']}(b), .{roles['c']}(c), "
        f".{roles['sum']}(sum), .{roles['carry']}(carry));\nendmodule\n"
    )


def gate_script(
    part: str,
    others: list[str],
    library: Library,
    variants: dict[str, Recipe],
    clock_gates: bool,
    memories: bool = False,
) -> str:
    """Yosys script that maps one part of a design to a library, once for each recipe.

    Reads ``design.v``, ``ripple.v``, ``full_adder.v`` and the library, by its file's name; writes ``<variant>.json`` and
    ``<variant>.v``. ``others`` are parts that stay instances; memories stay cells of their own.
    """
    has_adder = library.full_adder() is not None
    liberty = f"-liberty {library.path.name}"
    avoided = [c.name for c in library.cells.values() if c.dont_use or any(word in c.name for word in AVOIDED)]
    avoid = "".join(f" -dont_use {name}" for name in avoided)
    gates = [
        "opt -full",
        *([f"clockgate {liberty} -min_net_size 4{avoid}"] if clock_gates else []),
        "dfflegalize -cell $_DFF_P_ x", "opt -full", f"dfflibmap {liberty}{avoid}", "opt_clean", "delete t:$scopeinfo",
    ]  # fmt: skip

    def prepared(carries: str, cells: bool) -> list[str]:
        boxes = [*others, *(["full_adder"] if cells and part != "full_adder" else [])]
        return [
            "design -reset",
            "read_verilog design.v",
            f"hierarchy -top {part}",
            *([f"blackbox {' '.join(boxes)}"] if boxes else []),
            "proc", "flatten", "setattr -unset init", *(["memory -nomap"] if memories else []),
            "opt -full", "peepopt", "wreduce", "opt -full", "alumacc", "opt",
            *(["techmap -map ripple.v"] if carries == "ripple" else []), "techmap", *gates,
        ]  # fmt: skip

    lines, saved = [], set()
    for name, recipe in variants.items():
        cells = recipe.adder_cells and has_adder
        state = f"{recipe.carries}_{'cells' if cells else 'gates'}"
        if state not in saved:
            lines += [*prepared(recipe.carries, cells), f"design -save {state}"]
            saved.add(state)
        lines += [
            f"design -load {state}",
            f"abc {liberty}{avoid} -script {name}.abc",
            *(["techmap -map full_adder.v"] if cells else []),
            "opt_clean -purge",
            "setundef -zero",
            "clean -purge",
            f"write_json {name}.json",
            f"write_verilog -noattr -noexpr -nohex -nodec {name}.v",
        ]
    return "\n".join(lines) + "\n"
