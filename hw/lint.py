"""Waivers for Verilator, which are written into the Verilog: rules that generated text breaks by its nature.

All others hold, LATCH, MULTIDRIVEN, UNOPTFLAT, UNDRIVEN, PINMISSING and SELRANGE among them, also with ``-Wall``.
"""

__all__ = ["WAIVERS", "waived"]

WAIVERS = {
    "WIDTHEXPAND": "operands are as wide as their values; the narrower one is extended by its sign, on purpose",
    "WIDTHTRUNC": "what is cut off was proved zero by a bound, or is the wrap-around of a counter",
    "CASEINCOMPLETE": "a block assigns its defaults before its case; a latch would still be reported, as LATCH",
    "CMPCONST": "where a machine's sizes are the least, a comparison may have one outcome",
    "PROCASSINIT": "registers have their reset value as initial value too, for FPGAs and simulation before the first reset",
    "UNUSEDSIGNAL": "a parent names the ports of its parts, and a structure its unused fields; synthesis drops them",
    "SYMRSVDWORD": "ports have the names of their bus, such as interrupt; this is about C++",
    "DECLFILENAME": "a file holds all modules of a design and bears the name that its user gave it",
    "MODDUP": "modules of one name have one text, so two such files may be read together",
}
"""Rules, each with the reason why it does not apply."""


def waived(text: str) -> str:
    """Verilog between waivers that hold for it alone."""
    lines = [f"/* verilator lint_off {rule} */ // {reason}" for rule, reason in WAIVERS.items()]
    return "\n".join(["/* verilator lint_save */", *lines, text.rstrip("\n"), "/* verilator lint_restore */", ""])
