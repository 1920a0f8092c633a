"""Texts made from the descriptions of registers, commands, counters and frames: Markdown and a C header."""

import re
from collections.abc import Iterable
from enum import IntEnum

from hw.bus.registers import IDENTITY, VERSION, command_words, register_map
from hw.command import ERRORS, FIELDS, MEANINGS, OPERAND_FORMATS, OUTPUT_FORMATS, PATCH_FIELDS, Rounding

__all__ = ["c_header", "command_page", "register_page", "verilog_header"]

ACCESS = {"ro": "read", "wo": "write", "rw": "read, write", "w1c": "read; 1 clears"}


def _table(titles: list[str], rows: list[list[str]]) -> str:
    return "\n".join(["| " + " | ".join(row) + " |" for row in (titles, ["---"] * len(titles), *rows)])


def _field_positions(fields: dict[str, int] = FIELDS, at: int = 0) -> list[tuple[str, int, int]]:
    """Name, lowest bit and width of each field of a command, of which the first begins at bit ``at``."""
    positions = []
    for name, width in fields.items():
        positions.append((name, at, width))
        at += width
    return positions


def _bits(position: int, width: int) -> str:
    return str(position) if width == 1 else f"{position + width - 1}:{position}"


def register_page() -> str:
    """The register map as a Markdown page."""
    rows = [[f"`0x{r.offset:03X}`", f"`{r.name}`", ACCESS[r.access], r.text] for r in register_map()]
    parts = [
        "# Register map", "",
        "Made by `python -m hw.bus --documents docs` from `hw/bus/registers.py`; do not edit.", "",
        "Registers have 32 bits. An access that is not allowed, to an offset that is not listed, with partial write "
        "strobes, or without room or data gets an error response (AXI: `SLVERR`; serial line: status `REFUSED`) and "
        "has no other effect. Offsets are the same for every machine; `data_*` exist only if `stream_words` is 0.", "",
        "A counter (`count_*`) that would pass 4294967295 stays there until `clear_counters` or a reset; `count_cycles` is "
        "there after 43 seconds at 100 MHz.", "",
        _table(["offset", "register", "access", "meaning"], rows),
    ]  # fmt: skip
    for register in register_map():
        if register.fields and register.name != "interrupt_enable":
            rows = [[_bits(f.position, f.width), f"`{f.name}`", f.text] for f in register.fields]
            parts += ["", f"## `{register.name}`", "", _table(["bits", "field", "meaning"], rows)]
    return "\n".join(parts) + "\n"


def _values(table: Iterable[tuple[IntEnum, str]]) -> list[list[str]]:
    """Rows of a table of values, their names and meanings."""
    return [[str(int(value)), value.name, text] for value, text in table]


def command_page() -> str:
    """The command word and its error codes as a Markdown page."""
    fields = []
    for name, at, width in _field_positions():
        registers = dict.fromkeys((at // 32, (at + width - 1) // 32))
        where = ", ".join(f"`command_{number}`" for number in registers)
        fields.append([_bits(at, width), f"`{name}`", where, MEANINGS[name]])
    patches = [
        [_bits(at, width), f"`{name}`", MEANINGS[name]] for name, at, width in _field_positions(PATCH_FIELDS, sum(FIELDS.values()))
    ]
    values: list[tuple[str, Iterable[tuple[IntEnum, str]]]] = [
        ("`rounding`", [(rounding, rounding.name.lower()) for rounding in Rounding]),
        ("`format_a`, `format_b`", OPERAND_FORMATS.items()),
        ("`output`", OUTPUT_FORMATS.items()),
    ]
    tables = [
        line for name, table in values
        for line in (f"## {name}", "", _table(["value", "name", "meaning"], _values(table)), "")
    ]  # fmt: skip
    return "\n".join([
        "# Command word", "",
        "Made by `python -m hw.bus --documents docs` from `hw/command.py`; do not edit.", "",
        _table(["bits", "field", "register", "meaning"], fields), "",
        "## Patches", "",
        "The commands of a machine with the feature `patches`, which is not on a bus, go on:", "",
        _table(["bits", "field", "meaning"], patches), "",
        *tables,
        "## Error codes", "",
        "`status.error` after a command; a refused command does nothing and takes no operands.", "",
        _table(["code", "name", "why"], _values(ERRORS.items())), "",
    ])  # fmt: skip


def c_header() -> str:
    """Offsets, fields, command layout and error codes for C."""
    lines = [
        "/* Made by python -m hw.bus --header; do not edit. */", "#ifndef HBFP_REGISTERS_H",
        "#define HBFP_REGISTERS_H", "",
        f"#define HBFP_IDENTITY_VALUE 0x{IDENTITY:08X}u", f"#define HBFP_VERSION_VALUE 0x{VERSION:08X}u", "",
    ]  # fmt: skip
    for register in register_map():
        name = f"HBFP_{register.name.upper()}"
        lines.append(f"#define {name} 0x{register.offset:03X}u /* {ACCESS[register.access]}: {register.text} */")
        for field in register.fields:
            mask = ((1 << field.width) - 1) << field.position
            lines.append(f"#define {name}_{field.name.upper()} 0x{mask:08X}u")
    lines += ["", "/* Fields of a command: lowest bit and width. */", f"#define HBFP_COMMAND_WORDS {command_words()}"]
    for name, at, width in _field_positions():
        lines += [f"#define HBFP_FIELD_{name.upper()} {at}", f"#define HBFP_FIELD_{name.upper()}_WIDTH {width}"]
    lines += ["", "/* Why a command was refused. */"]
    lines += [f"#define HBFP_ERROR_{error.name} {int(error)}" for error in ERRORS]
    return "\n".join([*lines, "", "#endif", ""])


def verilog_header() -> str:
    """The same for Verilog, as macros."""
    text = re.sub(r"0x([0-9A-F]{3})u\b", r"10'h\1", c_header())
    text = re.sub(r"0x([0-9A-F]{8})u\b", r"32'h\1", text)
    text = re.sub(r"^#(define|ifndef|endif)", r"`\1", text, flags=re.MULTILINE)
    return text.replace("/* Made", "/* Verilog. Made", 1)
