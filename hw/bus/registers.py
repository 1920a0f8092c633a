"""The register map: the one description that bus, driver, C header and documents share."""

from dataclasses import dataclass

from hw.command import FIELDS
from hw.config import ACCUMULATORS, FEATURES, ROUNDING_MODES, CoreConfig
from hw.core.counters import COUNTERS

__all__ = [
    "ADDRESS_WIDTH", "CAPABILITIES", "FAULTS", "IDENTITY", "INTERRUPTS", "VERSION", "Field", "Register", "capabilities",
    "command_words", "offset_of", "register_map", "registers_of",
]  # fmt: skip

ADDRESS_WIDTH = 10
"""Bits of a byte address."""
IDENTITY = 0x48424650
"""The letters HBFP."""
VERSION = 0x00010003
"""Of this map: major number in the upper half, minor in the lower. Additions raise the minor number, all else the major."""

CAPABILITIES = {
    "mantissa_widths": "bit w is set if mantissas of w bits are supported",
    "block_size": "elements that share an exponent",
    "exponent_width": "bits of a block's stored exponent",
    "rounding_modes": "bit r is set if rounding r is supported: "
    + ", ".join(f"{i} {n}" for i, n in enumerate(ROUNDING_MODES)),
    "accumulator": ", ".join(f"{i} {n}" for i, n in enumerate(ACCUMULATORS)),
    "dot": "products of a unit per cycle",
    "rows": "rows of units",
    "columns": "columns of units",
    "interleave": "outputs a unit holds",
    "lanes": "32-bit words per beat inside the core; lines of an operand start on a fresh beat",
    "tile_columns": "32-bit words per beat of a result inside the core",
    "panel_columns": "columns of C that leave together",
    "operand_depth": "blocks of each row (or column) of units that an operand buffer holds",
    "queue_depth": "commands that wait",
    "stream_words": "32-bit words of a beat of the AXI streams; 0 if operands and results go through registers",
    "clock_hz": "clock of the core, 0 if unknown",
    "features": "bit f is set if the machine has feature f: " + ", ".join(f"{i} {n}" for i, n in enumerate(FEATURES)),
    "load_lines": "lines of an operand in packed blocks whose blocks come side by side",
}
"""What a machine tells about itself, a register each."""

INTERRUPTS = {
    "completed": "the core became idle",
    "refused": "a command was refused; status.error says why",
    "overflow": "a command or an operand word was written while there was no room; it was dropped",
    "underflow": "a result word was read while there was none",
    "gap_a": "a beat of A had a hole before a kept byte, or kept a part of a word; zeros were taken instead",
    "gap_b": "the same for B",
    "gap_bias": "the same for the bias",
    "short_a": "a packet of A ended before its line; zeros were taken for the rest",
    "short_b": "the same for B",
    "long_a": "a packet of A went on after its line; the rest was dropped",
    "long_b": "the same for B",
    "short_bias": "a packet of the bias ended before its panel's columns; zeros were taken for the rest",
    "long_bias": "a packet of the bias went on after its panel's columns; the rest was dropped",
}
"""Causes of an interrupt, from bit 0 up."""
FAULTS = ("refused", *(name for name in INTERRUPTS if name.startswith(("gap_", "short_", "long_"))))
"""Causes after which results are not what was asked for."""


@dataclass(frozen=True)
class Field:
    """``width`` bits of a register from bit ``position`` up."""

    name: str
    position: int
    width: int
    text: str


@dataclass(frozen=True)
class Register:
    """A 32-bit register.

    ``access`` is "ro" (read only), "wo" (write only), "rw", or "w1c" (a 1 written clears the bit). What is not allowed
    gets an error response and has no effect.
    """

    name: str
    offset: int
    access: str
    text: str
    fields: tuple[Field, ...] = ()


def command_words() -> int:
    """32-bit words of a command."""
    return -(-sum(FIELDS.values()) // 32)


def _flags(names: dict[str, str]) -> tuple[Field, ...]:
    return tuple(Field(name, bit, 1, text) for bit, (name, text) in enumerate(names.items()))


CONTROL = {
    "soft_reset": "write 1: the core and its streams start afresh; registers keep their values",
    "clear_counters": "write 1: all counters become 0",
}
STATUS = (
    Field("idle", 0, 1, "no command waits or is in execution"),
    Field("command_ready", 1, 1, "there is room for a command"),
    Field("a_ready", 2, 1, "a word of A can be written"),
    Field("b_ready", 3, 1, "a word of B can be written"),
    Field("c_valid", 4, 1, "a word of C can be read"),
    Field("bias_ready", 5, 1, "a word of the bias can be written"),
    Field("fault", 6, 1, f"one of the causes {', '.join(FAULTS)} is set"),
    Field("error", 8, 4, "code of the latest command's refusal, 0 if it was accepted"),
    Field("refusal", 12, 4, "code of the first refusal since the cause `refused` was cleared, 0 if there was none"),
    Field("left_a", 16, 1, "words of A wait; once the core is idle they belong to no command: a packet was sent twice"),
    Field("left_b", 17, 1, "the same for B"),
    Field("left_bias", 18, 1, "the same for the bias"),
)


def register_map() -> tuple[Register, ...]:
    """All registers in the order of their offsets. The same for every machine."""
    registers = [
        Register("identity", 0x000, "ro", f"0x{IDENTITY:08X}, the letters HBFP"),
        Register("version", 0x004, "ro", "version of this map: major number in the upper half, minor in the lower"),
        Register("control", 0x008, "wo", "actions", _flags(CONTROL)),
        Register("status", 0x00C, "ro", "state of the core", STATUS),
        Register("interrupt_enable", 0x010, "rw", "causes that raise the interrupt line", _flags(INTERRUPTS)),
        Register("interrupt_cause", 0x014, "w1c", "what has happened", _flags(INTERRUPTS)),
        Register("submit", 0x018, "wo", "any write: the command in the command registers enters the queue"),
        Register("data_a", 0x020, "wo", "a word of A"),
        Register("data_a_last", 0x024, "wo", "the last word of a line of A"),
        Register("data_b", 0x028, "wo", "a word of B"),
        Register("data_b_last", 0x02C, "wo", "the last word of a line of B"),
        Register("data_c", 0x030, "ro", "the next word of C, which reading removes"),
        Register("data_bias", 0x034, "wo", "a word of the bias"),
        Register("data_bias_last", 0x038, "wo", "the last word of a panel's part of the bias"),
    ]
    for i, (name, text) in enumerate(CAPABILITIES.items()):
        registers.append(Register(name, 0x080 + 4 * i, "ro", text))
    for i in range(command_words()):
        registers.append(Register(f"command_{i}", 0x100 + 4 * i, "wo", f"bits {32 * i + 31} … {32 * i} of the command"))
    for i, (name, text) in enumerate(COUNTERS.items()):
        registers.append(Register(f"count_{name}", 0x180 + 4 * i, "ro", text))
    return tuple(registers)


def registers_of(config: CoreConfig, stream_words: int = 0) -> list[Register]:
    """Those of ``register_map`` that a machine has."""
    has_bias = "bias" in config.features
    return [
        register
        for register in register_map()
        if not register.name.startswith("data_")
        or (stream_words == 0 and (has_bias or not register.name.startswith("data_bias")))
    ]


def offset_of(name: str) -> int:
    """Byte offset of the register ``name``.

    Raises
    ------
    KeyError
        if there is none.
    """
    return {register.name: register.offset for register in register_map()}[name]


def capabilities(config: CoreConfig, stream_words: int = 0, clock_hz: int = 0) -> dict[str, int]:
    """Values of the capability registers of a machine."""
    values = {name: getattr(config, name) for name in CAPABILITIES if isinstance(getattr(config, name, None), int)}
    values |= {
        "mantissa_widths": sum(1 << width for width in config.mantissa_widths),
        "rounding_modes": sum(1 << ROUNDING_MODES.index(mode) for mode in config.rounding_modes),
        "accumulator": ACCUMULATORS.index(config.accumulator),
        "features": sum(1 << FEATURES.index(name) for name in config.features),
        "stream_words": stream_words,
        "clock_hz": clock_hz,
    }
    return {name: values[name] for name in CAPABILITIES}
