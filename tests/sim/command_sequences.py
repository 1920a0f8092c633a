"""Random sequences of commands that a core accepts, and random rates of its ports."""

from dataclasses import dataclass, field, fields
from fractions import Fraction

import numpy as np

from hw.command import FIELDS, OperandFormat, OutputFormat, Rounding
from hw.config import CoreConfig
from sim.model import Rates
from sim.network.plan import Command
from sim.rtl.core import RtlProduct
from sim.workloads.window import Walk, Window

__all__ = ["Sequence", "as_product", "random_rates"]


def random_rates(rng) -> Rates:
    """All open, or some limited to anything from one beat in nine cycles up."""

    def rate() -> Fraction:
        if rng.random() < 0.4:
            return Fraction(1)
        denominator = int(rng.integers(2, 10))
        return Fraction(int(rng.integers(1, denominator)), denominator)

    limited = {item.name: rate() for item in fields(Rates) if item.name != "operands"}
    shared = {"operands": rate()} if rng.random() < 0.3 else {}
    return Rates(**shared) if rng.random() < 0.2 else Rates(**limited, **shared)


@dataclass
class Sequence:
    """Commands one after another, with what the core then holds.

    Attributes
    ----------
    loaded
        by operand, (groups of array rows or columns, inner size, width).
    walk
        over the map that is loaded as A, or None.
    held
        sizes of the C in the array.
    waiting
        rows, columns and width of a C that the next command must take as its A.
    """

    config: CoreConfig
    rng: np.random.Generator
    loaded: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    held: tuple[int, int] | None = None
    waiting: tuple[int, int, int] | None = None
    walk: Walk | None = None

    def commands(self, count: int) -> list[Command]:
        """The next ``count`` commands, some refused; the last of the others keeps no results for another."""
        last = count - 1
        while last and self.rng.random() < 0.1:
            last -= 1
        refused = Command(1, 1, 1, 4, 4, refused=True)
        return [
            refused if n > last or (n < last and self.rng.random() < 0.1) else self._command(n == last)
            for n in range(count)
        ]

    def _size(self, unit: int, groups: int) -> int:
        """Up to ``groups`` times ``unit``; whole, ragged and small sizes are all likely."""
        groups = int(self.rng.integers(1, groups + 1))
        choice = self.rng.random()
        return groups * unit if choice < 0.4 else int(self.rng.integers(max(1, (groups - 1) * unit), groups * unit + 1))

    def _inner(self) -> int:
        config = self.config
        return self._size(config.block_size, min(config.operand_depth, int(self.rng.choice([1, 2, 4, 9]))))

    def window(self) -> Window:
        """A convolution of a map that fits the buffer, over one sample or two."""
        config, rng = self.config, self.rng
        while True:
            kernel, strides, dilations, size = (tuple(map(int, rng.integers(1, most, 2))) for most in (4, 3, 3, 7))
            pads = 2 * tuple(int(rng.integers(0, taps)) for taps in kernel)
            window = Window(
                int(rng.integers(1, 3)), int(rng.integers(1, 2 * config.block_size + 2)), size, kernel, strides, pads, dilations
            )
            spans = zip(size, kernel, pads, dilations, strict=False)
            fits = all(extent + 2 * pad > (taps - 1) * dilation for extent, taps, pad, dilation in spans)
            if fits and window.walkable(config) and window.inner(config.block_size) <= config.operand_depth * config.block_size:
                return window

    def _patches(self, last: bool) -> Command:
        """A command whose A is a feature map."""
        config, rng, window = self.config, self.rng, self.window()
        band = self._choice(window.bands(config, int(rng.integers(1, 4))))
        walk, inner = window.walk(band), window.inner(config.block_size)
        columns = self._size(config.columns, min(2, config.operand_groups // config.groups(inner)))
        rows, widths = band.samples * band.rows * window.out[1], [int(rng.choice(config.mantissa_widths)) for _ in "abc"]
        for name, lines, unit, width in (("a", rows, config.rows, widths[0]), ("b", columns, config.columns, widths[1])):
            self.loaded[name] = -(-lines // unit), inner, width
        fits = -(-rows // config.rows) <= config.interleave and columns <= config.columns
        self.held, self.walk = (rows, columns) if fits else None, walk
        output = self._output(rows, columns, not last)
        self.waiting = (rows, columns, widths[2]) if output == OutputFormat.RESULTS else None
        return Command(
            rows, inner, columns, *widths[:2], format_a=self._operand(), format_b=self._operand(), output=output,
            width_c=widths[2], walk=walk,
        )  # fmt: skip

    def _command(self, last: bool) -> Command:
        config, rng, waiting = self.config, self.rng, self.waiting
        if config.walks and waiting is None and rng.random() < 0.5:
            return self._patches(last)
        reuse = {name: name in self.loaded and rng.random() < 0.3 for name in "ab"}
        inner = self._inner() if waiting is None else waiting[1]
        reuse["a"] &= waiting is None
        for name in "ab":
            if reuse[name] and waiting is None:
                inner = self.loaded[name][1]
        reuse = {name: reuse[name] and self.loaded[name][1] == inner for name in "ab"}
        blocks = config.groups(inner)
        most = max(1, min(config.operand_groups // blocks, int(rng.choice([1, 2, 3, 8]))))
        width = {name: int(rng.choice(config.mantissa_widths)) for name in "ab"}
        groups = dict.fromkeys("ab", most)
        for name in "ab":
            if reuse[name]:
                groups[name], _, width[name] = self.loaded[name]
        rows, columns = self._size(config.rows, groups["a"]), self._size(config.columns, groups["b"])
        accumulate = False
        if waiting is not None:
            rows, width["a"] = waiting[0], waiting[2]
        elif self.held is not None and rng.random() < 0.5 and self._usable(reuse, blocks):
            (rows, columns), accumulate = self.held, True
        groups = {"a": -(-rows // config.rows), "b": -(-columns // config.columns)}
        fits = groups["a"] <= config.interleave and groups["b"] == 1
        store = not fits or rng.random() < 0.6
        if not reuse["a"]:
            self.walk = None
        for name in "ab":
            if not reuse[name]:
                self.loaded[name] = groups[name], inner, width[name]
        self.held = (rows, columns) if fits else None
        forms = {name: OperandFormat.FP32 if reuse[name] else self._operand() for name in "ab"}
        if waiting is not None:
            forms["a"] = OperandFormat.RESULTS
        output, width_c = self._output(rows, columns, store and not last), int(rng.choice(config.mantissa_widths))
        self.waiting = (rows, columns, width_c) if store and output == OutputFormat.RESULTS else None
        bias = store and "bias" in config.features and rng.random() < 0.5
        return Command(
            rows, inner, columns, width["a"], width["b"], not reuse["a"], not reuse["b"], accumulate, store,
            forms["a"], forms["b"], output, width_c, bias, walk=self.walk,
        )  # fmt: skip

    def _operand(self) -> OperandFormat:
        forms = {"packed": OperandFormat.PACKED, "bfloat16": OperandFormat.BFLOAT16}
        return self._choice([OperandFormat.FP32, *(forms[name] for name in self.config.features if name in forms)])

    def _output(self, rows: int, columns: int, keep: bool) -> OutputFormat:
        """A format that the core has for a C of this size; RESULTS only if it may ``keep`` it."""
        config = self.config
        forms = [OutputFormat.FP32]
        if "bfloat16" in config.features:
            forms.append(OutputFormat.BFLOAT16)
        if "requantize" in config.features:
            forms.append(OutputFormat.PACKED)
            fits = columns <= config.panel_columns
            fits &= -(-rows // config.rows) * config.groups(columns) <= config.operand_groups
            if keep and fits and config.result_streams == 1:
                forms.append(OutputFormat.RESULTS)
        return self._choice(forms)

    def _choice(self, options: list):
        return options[int(self.rng.integers(len(options)))]

    def _usable(self, reuse, blocks: int) -> bool:
        """Whether operands for the C in the array are loaded, or can be."""
        units = {"a": self.config.rows, "b": self.config.columns}
        most = {name: self.loaded[name][0] if reuse[name] else self.config.operand_groups // blocks for name in "ab"}
        return all(-(-size // units[name]) <= most[name] for name, size in zip("ab", self.held, strict=True))


def as_product(command: Command, config: CoreConfig, rng) -> RtlProduct:
    """The command for a compiled core, on operands of zeros; at random with what does not change the time."""

    def packed(lines: int, inner: int, width: int) -> bytes:
        blocks = -(-lines // config.load_lines) * config.load_lines * -(-inner // config.block_size)
        return bytes(-(-blocks * (config.exponent_width + config.block_size * width) // 8))

    if command.refused:
        return RtlProduct(np.zeros((1, 1)), np.zeros((1, 1)), {"width_a": 15, "load_a": 0, "load_b": 0, "store": 0})
    a = np.zeros((command.rows, command.inner), np.float32)
    b = np.zeros((command.inner, command.columns), np.float32)
    values = {name: int(value) for name, value in command._asdict().items() if name in FIELDS}
    in_panels = command.output == OutputFormat.PACKED and command.columns > config.panel_columns
    modes = [mode for mode in config.rounding_modes if not (in_panels and mode == "stochastic")]
    values |= {"rounding": Rounding[str(rng.choice(modes)).upper()]}
    values |= {"relu": int("bias" in config.features and rng.random() < 0.5)}
    lines_a = (command.rows, command.inner) if command.walk is None else (command.walk.positions, command.walk.channels)
    return RtlProduct(
        a, b, values | (command.walk.fields if command.walk else {}), packed(*lines_a, command.width_a),
        packed(command.columns, command.inner, command.width_b), np.zeros(command.columns, np.float32) if command.bias else None,
        np.zeros(lines_a, np.float32) if command.walk else None,
    )  # fmt: skip
