"""Rules of a machine's parameters: all that are broken are told at once, in the order they are checked."""

from math import ceil
from typing import Any

from hw.choices import ACCUMULATORS, CORE_FEATURES, DATAPATHS, ROUNDING_MODES

__all__ = ["Rules", "check_machine"]

LEAST_JOINED = 6  # bits of an exponent from which on the scale of a missing block is far enough from every block's


class Rules:
    """Rules checked so far of ``subject``'s attributes.

    A rule about several parameters is checked only while each of them is ``sound``, so that none is told for what
    another one says already.
    """

    def __init__(self, subject: object):
        self.subject = subject
        self.kinds: list[str] = []
        self.texts: list[str] = []
        self.unsound: set[str] = set()

    def breaks(self, name: str, text: str) -> None:
        """Parameter ``name`` breaks a rule: ``text`` says what it must be."""
        self.unsound.add(name)
        self.texts.append(f"{name} must {text}")

    def breaks_kind(self, name: str, text: str) -> None:
        """The same, where already its type is wrong."""
        self.breaks(name, text)
        self.kinds.append(name)

    def sound(self, *names: str) -> bool:
        """Whether none of these is known to break a rule."""
        return self.unsound.isdisjoint(names)

    def integer(self, name: str, low: int, high: int) -> None:
        """``name`` is an integer from ``low`` to ``high``."""
        value = getattr(self.subject, name)
        if isinstance(value, bool) or not isinstance(value, int):
            self.breaks_kind(name, f"be an integer, not {value!r}")
        elif not low <= value <= high:
            self.breaks(name, f"be between {low} and {high}, not {value}")

    def choice(self, name: str, choices: tuple[str, ...]) -> None:
        """``name`` is one of ``choices``."""
        value = getattr(self.subject, name)
        if value not in choices:
            self.breaks(name, f"be one of {', '.join(choices)}, not {value}")

    def names(self, name: str, choices: tuple[str, ...], least: int = 0) -> None:
        """``name`` is a tuple of distinct names out of ``choices``, at least so many, in any order."""
        value = getattr(self.subject, name)
        if not isinstance(value, tuple) or len(value) < least:
            self.breaks_kind(name, f"be a tuple of names, not {value!r}")
        elif any(one not in choices for one in value) or len(set(value)) < len(value):
            self.breaks(name, f"be distinct names out of {', '.join(choices)}, not {', '.join(map(str, value))}")

    def enforce(self) -> None:
        """Tell what is broken, if anything.

        Raises
        ------
        TypeError, ValueError
            All texts, separated by semicolons; the former if any type is wrong.
        """
        if self.texts:
            raise (TypeError if self.kinds else ValueError)("; ".join(self.texts))


def check_machine(c: Any) -> None:
    """Check the parameters of a configuration, give those that are ``None`` their values, and put names in their order.

    Parameters
    ----------
    c
        a ``hw.config.CoreConfig`` that is being made: what is in its fields may still be anything.

    Raises
    ------
    TypeError, ValueError
        As of ``Rules.enforce``.
    """
    rules = Rules(c)
    _check_blocks(c, rules)
    _check_array(c, rules)
    _check_unit(c, rules)
    _check_core(c, rules)
    rules.enforce()


def _set(c: Any, name: str, value: object) -> None:
    """Complete a parameter of the frozen object, while it is made."""
    object.__setattr__(c, name, value)


def _largest_divisor(number: int, limit: int, partner: int) -> int:
    """Largest divisor of ``number`` up to ``limit`` that divides ``partner`` or is a multiple of it."""
    return max(d for d in range(1, limit + 1) if number % d == 0 and (partner % d == 0 or d % partner == 0))


def _check_blocks(c: Any, rules: Rules) -> None:
    widths = c.mantissa_widths
    if not isinstance(widths, tuple) or not widths:
        rules.breaks_kind("mantissa_widths", f"be a tuple of integers, not {widths!r}")
    else:
        most = 8 if len(widths) == 1 else 10
        for width in widths:
            if isinstance(width, bool) or not isinstance(width, int):
                rules.breaks_kind("mantissa_width", f"be an integer, not {width!r}")
            elif not 2 <= width <= most:
                rules.breaks("mantissa_width", f"be between 2 and {most}, not {width}")
        if not rules.sound("mantissa_width"):
            rules.unsound.add("mantissa_widths")
        elif tuple(sorted(set(widths))) != widths:
            rules.breaks("mantissa_widths", f"ascend without repetition, not {widths}")
    rules.integer("block_size", 1, 1024)
    rules.integer("exponent_width", 4, 10)
    rules.names("rounding_modes", ROUNDING_MODES, least=1)
    if rules.sound("rounding_modes"):
        _set(c, "rounding_modes", tuple(mode for mode in ROUNDING_MODES if mode in c.rounding_modes))


def _check_array(c: Any, rules: Rules) -> None:
    rules.choice("accumulator", ACCUMULATORS)
    if c.dot is None and rules.sound("block_size", "accumulator"):
        _set(c, "dot", c.group_size)
    if c.dot is None:
        rules.unsound.add("dot")
    else:
        rules.integer("dot", 1, c.group_size if rules.sound("block_size", "accumulator") else 4096)
    if rules.sound("dot", "block_size", "accumulator"):
        if c.group > 1 and c.dot != c.group_size:
            rules.breaks("dot", f"be {c.group_size} with accumulator {c.accumulator}, not {c.dot}")
        elif c.group == 1 and c.block_size % c.dot:
            rules.breaks("dot", f"divide block_size {c.block_size}, not be {c.dot}")
    if rules.sound("accumulator", "exponent_width") and c.group > 1 and c.exponent_width < LEAST_JOINED:
        rules.breaks("exponent_width", f"be at least {LEAST_JOINED} with accumulator {c.accumulator}, not {c.exponent_width}")
    for name in ("tile_rows", "tile_columns", "mesh_rows", "mesh_columns"):
        rules.integer(name, 1, 64)


def _check_unit(c: Any, rules: Rules) -> None:
    rules.integer("interleave", 1, 64)
    rules.integer("accumulator_cycles", 1, 5 if c.accumulator == "aligned" else 12)
    rules.integer("tree_cycles", 0, 5)
    rules.choice("datapath", DATAPATHS)
    if not isinstance(c.clock_gating, bool):
        rules.breaks_kind("clock_gating", f"be true or false, not {c.clock_gating!r}")
    if rules.sound("block_size", "dot", "interleave", "accumulator", "accumulator_cycles"):
        least = ceil(c.loop_cycles / c.steps)
        if c.interleave < least:
            text = f"be at least {least} for accumulator_cycles {c.accumulator_cycles}, not {c.interleave}"
            rules.breaks("interleave", text)


def _check_core(c: Any, rules: Rules) -> None:
    if c.lanes is None and rules.sound("block_size", "dot"):
        _set(c, "lanes", _largest_divisor(c.block_size, min(16, c.block_size), c.dot))
    if c.lanes is not None:
        rules.integer("lanes", 1, 64)
    if rules.sound("block_size", "dot", "lanes"):
        if c.block_size % c.lanes:
            rules.breaks("lanes", f"divide block_size {c.block_size}, not be {c.lanes}")
        elif c.dot % c.lanes and c.lanes % c.dot:
            rules.breaks("lanes", f"divide dot {c.dot} or be a multiple of it, not be {c.lanes}")
    rules.integer("load_lines", 1, 8)
    rules.integer("operand_depth", 2, 1 << 16)
    if rules.sound("operand_depth", "accumulator") and c.operand_depth % c.group:
        rules.breaks("operand_depth", f"be a multiple of {c.group} with accumulator {c.accumulator}, not {c.operand_depth}")
    if rules.sound("tile_columns", "mesh_columns"):
        if c.panel_columns is None:
            _set(c, "panel_columns", c.columns)
        rules.integer("panel_columns", c.columns, 4096)
        if rules.sound("panel_columns") and c.panel_columns % c.columns:
            rules.breaks("panel_columns", f"be a multiple of the array's {c.columns} columns, not {c.panel_columns}")
    rules.integer("result_panels", 2, 16)
    rules.integer("result_streams", 1, 4)
    rules.integer("queue_depth", 1, 64)
    rules.names("features", CORE_FEATURES)
    if rules.sound("features"):
        _set(c, "features", tuple(name for name in CORE_FEATURES if name in c.features))
        if "requantize" in c.features:
            _check_requantizer(c, rules)
        if "patches" in c.features:
            _check_patches(c, rules)
    if c.load_lines != 1 and c.lanes is not None:
        _check_load_lines(c, rules)
    if c.result_streams != 1:
        _check_result_streams(c, rules)


def _check_patches(c: Any, rules: Rules) -> None:
    if rules.sound("accumulator") and c.accumulator not in ("fp32", "bf16"):
        rules.breaks("accumulator", f"be fp32 or bf16 for patches, not {c.accumulator}")
    if rules.sound("operand_depth", "load_lines"):
        least = 2 * c.load_lines
        if c.operand_depth % c.load_lines or c.operand_depth < least:
            text = f"be a multiple of load_lines {c.load_lines} from {least} on for patches, not {c.operand_depth}"
            rules.breaks("operand_depth", text)


def _check_result_streams(c: Any, rules: Rules) -> None:
    if not rules.sound("result_streams", "mesh_rows", "interleave", "features", "rounding_modes"):
        return
    if c.mesh_rows % c.result_streams:
        rules.breaks("result_streams", f"divide mesh_rows {c.mesh_rows}, not be {c.result_streams}")
    if c.interleave != 1:
        rules.breaks("interleave", f"be 1 for result_streams {c.result_streams}, not {c.interleave}")
    if "bias" in c.features:
        rules.breaks("features", f"be without bias for result_streams {c.result_streams}, not {', '.join(c.features)}")
    if "requantize" in c.features and "stochastic" in c.rounding_modes:
        text = f"be without stochastic to requantize for result_streams {c.result_streams}, not {', '.join(c.rounding_modes)}"
        rules.breaks("rounding_modes", text)


def _check_load_lines(c: Any, rules: Rules) -> None:
    if not rules.sound("load_lines", "features", "lanes", "block_size", "tile_rows", "tile_columns"):
        return
    for name in ("tile_rows", "tile_columns"):
        if getattr(c, name) % c.load_lines:
            rules.breaks(name, f"be a multiple of load_lines {c.load_lines}, not {getattr(c, name)}")
    if c.load_lines & c.load_lines - 1:
        rules.breaks("load_lines", f"be a power of two, not {c.load_lines}")
    if c.lanes != c.block_size:
        rules.breaks("lanes", f"be the whole block_size {c.block_size} for load_lines {c.load_lines}, not {c.lanes}")
    if "packed" not in c.features:
        rules.breaks("load_lines", f"be 1 without the feature packed, not {c.load_lines}")
    if rules.sound("mantissa_widths", "exponent_width"):
        most = 32 * c.lanes // (c.exponent_width + c.lanes * c.mantissa_widths[-1])
        if c.load_lines > most:
            rules.breaks("load_lines", f"be at most the {most} blocks of a beat, not {c.load_lines}")


def _check_requantizer(c: Any, rules: Rules) -> None:
    if rules.sound("lanes", "dot", "block_size", "tile_columns", "mantissa_widths", "exponent_width"):
        least = ceil((c.exponent_width + c.lanes * c.mantissa_widths[-1]) / 32)
        if c.lanes % c.tile_columns:
            rules.breaks("tile_columns", f"divide lanes {c.lanes} to requantize, not be {c.tile_columns}")
        elif c.tile_columns < least:
            rules.breaks("tile_columns", f"be at least {least} to requantize {c.lanes} lanes, not {c.tile_columns}")
    sound = rules.sound("panel_columns", "mesh_columns", "tile_columns", "block_size")
    if sound and c.panel_columns % c.block_size:
        text = f"be a multiple of block_size {c.block_size} to requantize, not {c.panel_columns}"
        rules.breaks("panel_columns", text)
