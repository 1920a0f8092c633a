"""Random sequences of commands that a core accepts, and random rates of its ports."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from hw.config import CoreConfig
from hw.core.command import OperandFormat
from sim.model import Rates
from sim.plan import Command
from sim.rtl import Product

__all__ = ["Sequence", "as_product", "random_rates"]


def random_rates(rng) -> Rates:
    """All open, or some limited to anything from one beat in nine cycles up."""

    def rate() -> Fraction:
        if rng.random() < 0.4:
            return Fraction(1)
        denominator = int(rng.integers(2, 10))
        return Fraction(int(rng.integers(1, denominator)), denominator)

    return Rates() if rng.random() < 0.2 else Rates(rate(), rate(), rate(), rate())


@dataclass
class Sequence:
    """Commands one after another, with what the core then holds.

    Members
    -------
    loaded : by operand, (groups of array rows or columns, inner size, width). held : sizes of the C in the array.
    """

    config: CoreConfig
    rng: np.random.Generator
    loaded: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    held: tuple[int, int] | None = None

    def _size(self, unit: int, groups: int) -> int:
        """Up to ``groups`` times ``unit``; whole, ragged and small sizes are all likely."""
        groups = int(self.rng.integers(1, groups + 1))
        choice = self.rng.random()
        return groups * unit if choice < 0.4 else int(self.rng.integers(max(1, (groups - 1) * unit), groups * unit + 1))

    def _inner(self) -> int:
        config = self.config
        return self._size(config.block_size, min(config.operand_depth, int(self.rng.choice([1, 2, 4, 9]))))

    def command(self) -> Command:
        """The next command."""
        config, rng = self.config, self.rng
        reuse = {name: name in self.loaded and rng.random() < 0.3 for name in "ab"}
        inner = self._inner()
        for name in "ab":
            if reuse[name]:
                inner = self.loaded[name][1]
        if reuse["a"] and reuse["b"] and self.loaded["b"][1] != self.loaded["a"][1]:
            reuse["a"] = False
        blocks = -(-inner // config.block_size)
        most = max(1, min(config.operand_depth // blocks, int(rng.choice([1, 2, 3, 8]))))
        width = {name: int(rng.choice(config.mantissa_widths)) for name in "ab"}
        groups = dict.fromkeys("ab", most)
        for name in "ab":
            if reuse[name]:
                groups[name], _, width[name] = self.loaded[name]
        rows, columns = self._size(config.rows, groups["a"]), self._size(config.columns, groups["b"])
        accumulate = False
        if self.held is not None and rng.random() < 0.5 and self._usable(reuse, blocks):
            (rows, columns), accumulate = self.held, True
        groups = {"a": -(-rows // config.rows), "b": -(-columns // config.columns)}
        fits = groups["a"] <= config.interleave and groups["b"] == 1
        store = not fits or rng.random() < 0.6
        for name in "ab":
            if not reuse[name]:
                self.loaded[name] = groups[name], inner, width[name]
        self.held = (rows, columns) if fits else None
        packed = ["packed" in config.features and not reuse[name] and rng.random() < 0.5 for name in "ab"]
        return Command(
            rows, inner, columns, width["a"], width["b"], not reuse["a"], not reuse["b"], accumulate, store, *packed
        )

    def _usable(self, reuse, blocks: int) -> bool:
        """Whether operands for the C in the array are loaded, or can be."""
        units = {"a": self.config.rows, "b": self.config.columns}
        most = {name: self.loaded[name][0] if reuse[name] else self.config.operand_depth // blocks for name in "ab"}
        return all(-(-size // units[name]) <= most[name] for name, size in zip("ab", self.held, strict=True))


def as_product(command: Command, config: CoreConfig, rng) -> Product:
    """The command for a compiled core, on operands of zeros.

    With a bias and a ReLU, and with operands in bfloat16, at random where the core can: neither changes the time.
    """

    def packed(lines: int, width: int) -> bytes:
        blocks = lines * -(-command.inner // config.block_size)
        return bytes(-(-blocks * (config.exponent_width + config.block_size * width) // 8))

    names = ("width_a", "width_b", "load_a", "load_b", "accumulate", "store")
    a = np.zeros((command.rows, command.inner), np.float32)
    b = np.zeros((command.inner, command.columns), np.float32)
    fields = {name: int(getattr(command, name)) for name in names}
    operands = {}
    for name, lines in (("a", command.rows), ("b", command.columns)):
        if getattr(command, f"packed_{name}"):
            fields[f"format_{name}"] = OperandFormat.PACKED
            operands[f"packed_{name}"] = packed(lines, fields[f"width_{name}"])
        elif "bfloat16" in config.features and rng.random() < 0.5:
            fields[f"format_{name}"] = OperandFormat.BFLOAT16
    if "bias" in config.features and command.store and rng.random() < 0.5:
        fields |= {"bias": 1, "relu": 1}
        operands["bias"] = np.zeros(command.columns, np.float32)
    return Product(a, b, fields, **operands)
